//! A collector of traces that keeps what it gets as it came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// It ends with the value.
pub struct Sink {
    port: u16,
    got: Arc<Mutex<Got>>,
}

#[derive(Default)]
struct Got {
    heads: Vec<String>,
    bodies: Vec<u8>,
    ended: bool,
}

impl Sink {
    /// Listens.
    pub fn open() -> Sink {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let got = Arc::new(Mutex::new(Got::default()));
        let shared = got.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.lock().unwrap_or_else(PoisonError::into_inner).ended {
                    return;
                }
                let shared = shared.clone();
                thread::spawn(move || drop(take(stream, &shared)));
            }
        });
        Sink { port, got }
    }

    /// Where it takes traces.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All bodies.
    pub fn bodies(&self) -> Vec<u8> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).bodies.clone()
    }

    /// The first lines and headers of all requests.
    pub fn heads(&self) -> Vec<String> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).heads.clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Answers every request of a connection with 200.
fn take(stream: TcpStream, got: &Mutex<Got>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut client = stream;
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        {
            let mut got = got.lock().unwrap_or_else(PoisonError::into_inner);
            got.heads.push(head);
            got.bodies.extend(body);
        }
        client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}
