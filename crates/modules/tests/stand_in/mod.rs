//! A registry and a file server of a test's own, on a free port of this machine.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is answered to a request for a path.
#[derive(Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Default)]
struct Known {
    answers: BTreeMap<String, Answer>,
    versions: BTreeMap<String, Vec<String>>,
    requests: Vec<String>,
    /// How many requests are still answered with an error that passes.
    busy: usize,
}

/// The server; it ends with the process.
pub struct StandIn {
    port: u16,
    known: Arc<Mutex<Known>>,
}

impl StandIn {
    pub fn start() -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let known = Arc::<Mutex<Known>>::default();
        let shared = Arc::clone(&known);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        StandIn { port, known }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The CLI configuration that makes this the registry of a host.
    pub fn cli_configuration(&self, host: &str) -> String {
        let url = self.url("/v1/modules/");
        format!("host \"{host}\" {{\n  services = {{ \"modules.v1\" = \"{url}\" }}\n}}\n")
    }

    /// Answers to requests for a path.
    pub fn put(&self, path: &str, answer: Answer) {
        self.lock().answers.insert(path.to_string(), answer);
    }

    /// Has a file.
    pub fn file(&self, path: &str, body: Vec<u8>) {
        self.put(path, Answer { status: 200, body, ..Answer::default() });
    }

    /// Has a version of a module.
    pub fn module(&self, name: &str, version: &str, files: &[(&str, &str)]) {
        let package = format!("/packages/{}-{version}.tgz", name.replace('/', "-"));
        self.file(&package, tar_gz(files));
        self.module_at(name, version, &self.url(&package));
    }

    /// Has a version of a module that is elsewhere.
    pub fn module_at(&self, name: &str, version: &str, location: &str) {
        let mut known = self.lock();
        let versions = known.versions.entry(name.to_string()).or_default();
        versions.push(version.to_string());
        let listed: Vec<String> = versions.iter().map(|v| format!("{{\"version\":\"{v}\"}}")).collect();
        let body = format!("{{\"modules\":[{{\"versions\":[{}]}}]}}", listed.join(",")).into_bytes();
        let headers = vec![("Content-Type".to_string(), "application/json".to_string())];
        known.answers.insert(format!("/v1/modules/{name}/versions"), Answer { status: 200, headers, body });
        let headers = vec![("X-Terraform-Get".to_string(), location.to_string())];
        let download = Answer { status: 204, headers, body: Vec::new() };
        known.answers.insert(format!("/v1/modules/{name}/{version}/download"), download);
    }

    /// Is busy for some requests.
    pub fn be_busy(&self, requests: usize) {
        self.lock().busy = requests;
    }

    /// What was asked for since the last time; a token is told with it.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().requests)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().expect("no panic in the server")
    }
}

fn answer(stream: TcpStream, known: &Mutex<Known>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut first, mut token) = (String::new(), String::new());
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("authorization")
            {
                token = format!(" with {}", value.trim());
            }
        }
        let mut words = first.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = target.split('?').next().unwrap_or_default();
        let answer = {
            let mut known = known.lock().expect("no panic in the server");
            known.requests.push(format!("{method} {target}{token}"));
            if known.busy > 0 {
                known.busy -= 1;
                Answer { status: 503, ..Answer::default() }
            } else {
                known.answers.get(path).cloned().unwrap_or(Answer { status: 404, ..Answer::default() })
            }
        };
        let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = match answer.status {
            204 => String::new(),
            _ => format!("Content-Length: {}\r\n", answer.body.len()),
        };
        let head = format!("HTTP/1.1 {} Status\r\n{headers}{length}\r\n", answer.status);
        let body: &[u8] = if method == "HEAD" { &[] } else { &answer.body };
        let stream = reader.get_mut();
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() {
            return;
        }
    }
}

/// An archive with files.
pub fn tar_gz(files: &[(&str, &str)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(encoder);
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).expect("an entry");
    }
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("an archive")
}
