//! A connection on which answers get lost: requests arrive, and then it is cut. Or some requests are refused.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Passes requests on to a port. The answers to the next so many PUT requests are thrown away.
pub struct Deaf {
    pub port: u16,
    left: Arc<AtomicUsize>,
}

impl Deaf {
    pub fn before(port: u16) -> Deaf {
        Deaf::refusing(port, None)
    }

    /// The same, where whatever is about objects with such a name is denied.
    pub fn refusing(port: u16, name: Option<&'static str>) -> Deaf {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let own = listener.local_addr().expect("it has an address").port();
        let left = Arc::new(AtomicUsize::new(0));
        let lost = left.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let lost = lost.clone();
                std::thread::spawn(move || pass(stream, port, &lost, name));
            }
        });
        Deaf { port: own, left }
    }

    /// Loses the answers to the next so many PUT requests.
    pub fn lose(&self, answers: usize) {
        self.left.store(answers, Ordering::SeqCst);
    }

    pub fn still_to_lose(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }
}

/// Passes one request on, and the answer back or not.
fn pass(mut client: TcpStream, port: u16, lost: &AtomicUsize, refused: Option<&str>) -> Option<()> {
    let request = whole(&mut client)?;
    let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next()?).into_owned();
    if refused.is_some_and(|name| line.contains(name)) {
        let body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        let answer = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        client.write_all(answer.as_bytes()).ok()?;
        return client.shutdown(Shutdown::Both).ok();
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    server.write_all(&request).ok()?;
    let answer = whole(&mut server)?;
    let lose = request.starts_with(b"PUT ")
        && lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if !lose {
        client.write_all(&answer).ok()?;
    }
    client.shutdown(Shutdown::Both).ok()
}

/// One message, whose length its head tells.
fn whole(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).ok()?;
        message.extend_from_slice(&piece[..read]);
        let head = message.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&message[..head]).to_lowercase();
            let length = text.split("content-length:").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
            if message.len() >= head + 4 + length.unwrap_or(0) {
                return Some(message);
            }
        }
        if read == 0 {
            return None;
        }
    }
}
