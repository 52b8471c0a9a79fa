//! A proxy in front of the emulated AWS that knows which operation a request is of, counts what was made, and can hold
//! answers back, cut connections and answer in the cloud's place.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Cloud;

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request never arrives, and no answer comes.
    Swallow,
    /// The cloud does what it is asked to, and no answer comes.
    Withhold,
    /// The cloud does what it is asked to, and the connection is cut.
    Cut,
    /// The request never arrives: the connection is cut.
    Lost,
    /// The cloud is not asked: it is too busy.
    Busy,
    /// The cloud is not asked: the request is refused, and its body repeated in the message.
    Repeat,
}

/// Decides on a request: the operation, and how many requests for operations that change something came before it.
type Rule = Box<dyn FnMut(&str, usize) -> Option<Fault> + Send>;

/// The proxy. It ends with the value.
pub struct Proxy {
    port: u16,
    inner: Arc<Inner>,
    /// Told when an answer is swallowed or withheld.
    stuck: Receiver<String>,
}

struct Inner {
    cloud: u16,
    state: Mutex<Traffic>,
    stuck: Sender<String>,
}

#[derive(Default)]
struct Traffic {
    rule: Option<Rule>,
    changes: usize,
    /// How often each operation that changes something has succeeded.
    done: BTreeMap<String, usize>,
    /// Connections that are being served, each of one request.
    under_way: usize,
    ended: bool,
}

impl Proxy {
    /// Listens before a cloud.
    pub fn before(cloud: &Cloud) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (stuck, told) = channel();
        let inner = Arc::new(Inner { cloud: cloud.port(), state: Mutex::default(), stuck });
        let shared = inner.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.traffic().ended {
                    return;
                }
                let shared = shared.clone();
                shared.traffic().under_way += 1;
                thread::spawn(move || {
                    let _ = serve(&shared, stream);
                    shared.traffic().under_way -= 1;
                });
            }
        });
        Proxy { port, inner, stuck: told }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on this rule holds, and counting begins anew for it.
    pub fn set(&self, rule: impl FnMut(&str, usize) -> Option<Fault> + Send + 'static) {
        let mut traffic = self.inner.traffic();
        traffic.rule = Some(Box::new(rule));
        traffic.changes = 0;
    }

    /// From now on everything goes through.
    pub fn open(&self) {
        self.inner.traffic().rule = None;
        while self.stuck.try_recv().is_ok() {}
    }

    /// Which operation an answer is held back of; `None` if the run ends, or nothing is held back for so long.
    pub fn stuck(&self, within: Duration, run: &mut Child) -> Option<String> {
        let start = Instant::now();
        while start.elapsed() < within {
            if let Ok(operation) = self.stuck.recv_timeout(Duration::from_millis(50)) {
                return Some(operation);
            }
            if run.try_wait().expect("a child of this process").is_some() {
                return None;
            }
        }
        None
    }

    /// Kills a run, waits until the cloud has done what it was still asked for, and lets everything through from now on. A
    /// run that follows at once would otherwise look for what comes to be only after that.
    pub fn kill(&self, run: &mut Child) {
        run.kill().expect("it runs");
        run.wait().expect("it ends");
        let mut quiet = 0;
        // What it had sent may still be on its way here.
        while quiet < 10 {
            thread::sleep(Duration::from_millis(30));
            quiet = if self.inner.traffic().under_way == 0 { quiet + 1 } else { 0 };
        }
        self.open();
    }

    /// What was done since this was last asked: operations that change something, and how often each succeeded.
    pub fn take_done(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.inner.traffic().done)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.traffic().ended = true;
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Inner {
    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one request.
fn serve(inner: &Inner, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut client = stream;
    let (mut head, mut length, mut target) = (String::new(), 0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if lower.starts_with("x-amz-target:") {
            target = line["x-amz-target:".len()..].trim().to_string();
        }
        if line == "\r\n" {
            break;
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let operation = operation(&head, &target, &body);
    let changes = changes(&operation);
    let fault = {
        let mut traffic = inner.traffic();
        let before = traffic.changes;
        traffic.changes += usize::from(changes);
        if changes { traffic.rule.as_mut().and_then(|rule| rule(&operation, before)) } else { None }
    };
    let wait_for_the_end = |mut client: TcpStream| -> std::io::Result<()> {
        let _ = inner.stuck.send(operation.clone());
        client.read_to_end(&mut Vec::new()).map(drop)
    };
    match fault {
        Some(Fault::Swallow) => return wait_for_the_end(client),
        Some(Fault::Lost) => return client.shutdown(Shutdown::Both),
        Some(Fault::Busy) => {
            return client
                .write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        Some(Fault::Repeat) => return client.write_all(refusal(!target.is_empty(), &body).as_bytes()),
        _ => {}
    }
    let mut cloud = TcpStream::connect(("127.0.0.1", inner.cloud))?;
    cloud.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    cloud.write_all(&body)?;
    let mut answer = Vec::new();
    cloud.read_to_end(&mut answer)?;
    let good = answer.get(9..10) == Some(b"2");
    if changes && good {
        *inner.traffic().done.entry(operation.clone()).or_default() += 1;
    }
    match fault {
        Some(Fault::Withhold) => wait_for_the_end(client),
        Some(Fault::Cut) => client.shutdown(Shutdown::Both),
        _ => client.write_all(&answer),
    }
}

/// An answer that refuses a request and repeats what it said, in the words of either protocol.
fn refusal(json: bool, body: &[u8]) -> String {
    let said = String::from_utf8_lossy(body);
    let answer = match json {
        true => {
            let said = said.replace('\\', "\\\\").replace('"', "\\\"");
            format!(r#"{{"__type": "ValidationException", "message": "bad request: {said}"}}"#)
        }
        false => format!(
            "<Response><Errors><Error><Code>InvalidParameterValue</Code><Message>bad request: {0}</Message></Error>\
             </Errors><Error><Code>InvalidParameterValue</Code><Message>bad request: {0}</Message></Error>\
             <RequestID>r-1</RequestID></Response>",
            plain(&said.replace('&', " "))
        ),
    };
    format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}", answer.len())
}

/// Percent signs with two digits as the bytes that they stand for.
fn plain(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut out = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        match piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => out = out + &char::from(byte).to_string() + &piece[2..],
            None => out = out + "%" + piece,
        }
    }
    out.replace('<', "(")
}

/// The operation: of a header, of the body's `Action`, or for services with paths the method and the path's form.
fn operation(head: &str, target: &str, body: &[u8]) -> String {
    if let Some((_, operation)) = target.rsplit_once('.') {
        return operation.to_string();
    }
    let text = String::from_utf8_lossy(body);
    if let Some(action) = text.split('&').find_map(|pair| pair.strip_prefix("Action=")) {
        return action.to_string();
    }
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if let Some((_, operation)) = path.split_once("/operation/") {
        return operation.to_string();
    }
    let path = path.split('?').next().unwrap_or_default();
    let form: Vec<&str> = path.split('/').map(|part| if part.starts_with('Z') { "ID" } else { part }).collect();
    format!("{method} {}", form.join("/"))
}

/// Whether an operation changes something.
fn changes(operation: &str) -> bool {
    let reads = ["Describe", "Get", "List", "GET ", "BatchGet"];
    !reads.iter().any(|start| operation.starts_with(start))
}
