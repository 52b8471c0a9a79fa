//! An emulated AWS: `moto_server` as a process of its own, shared by the tests that run at the same time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use infra_backend::{S3Backend, S3Settings};
use infra_value::Value;

/// A running emulator. It ends with the last test that uses it.
pub struct Cloud {
    process: Child,
    port: u16,
}

/// What the emulator answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

static RUNNING: Mutex<Weak<Cloud>> = Mutex::new(Weak::new());

impl Cloud {
    /// The emulator; `None`, and a note on standard error, where there is no `moto_server`.
    pub fn start() -> Option<Arc<Cloud>> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cloud) = running.upgrade() {
            return Some(cloud);
        }
        let Some(server) = server() else {
            // Written past the test harness, which keeps back what passing tests print.
            let _ = std::io::stderr().write_all(
                b"SKIPPED: no moto_server on the path or in target/demo-venv (./demo installs it, and so does \
                  pip install 'moto[server]==5.2.1')\n",
            );
            return None;
        };
        // Port 0: the system picks a free one, and the log tells which.
        let mut process = Command::new(&server)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", server.display()));
        let mut log = BufReader::new(process.stderr.take().expect("standard error is a pipe"));
        let mut said = String::new();
        let port = loop {
            let start = said.len();
            if log.read_line(&mut said).unwrap_or(0) == 0 {
                panic!("moto_server did not start:\n{said}");
            }
            let number = said[start..].split_once("http://127.0.0.1:").map(|(_, rest)| rest.trim().parse());
            if let Some(Ok(port)) = number {
                break port;
            }
        };
        // It must go on finding somebody who reads its log.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let cloud = Arc::new(Cloud { process, port });
        *running = Arc::downgrade(&cloud);
        Some(cloud)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A new bucket.
    pub fn bucket(&self, name: &str) {
        let place = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>\
                     </CreateBucketConfiguration>";
        let made = self.call("PUT", &format!("/{name}"), &[], place);
        assert_eq!(made.status, 200, "{made:?}");
    }

    /// A new table for locks.
    pub fn table(&self, name: &str) {
        let made = self.dynamodb(
            "CreateTable",
            &format!(
                r#"{{"TableName":"{name}","BillingMode":"PAY_PER_REQUEST",
                    "KeySchema":[{{"AttributeName":"LockID","KeyType":"HASH"}}],
                    "AttributeDefinitions":[{{"AttributeName":"LockID","AttributeType":"S"}}]}}"#
            ),
        );
        assert_eq!(made.status, 200, "{made:?}");
    }

    /// A call of S3: `/bucket/key`.
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send("s3", method, path, headers, body)
    }

    /// What an object holds; `None` if there is none.
    pub fn object(&self, path: &str) -> Option<String> {
        let answer = self.call("GET", path, &[], "");
        (answer.status == 200).then_some(answer.body)
    }

    /// A call of DynamoDB.
    pub fn dynamodb(&self, operation: &str, body: &str) -> Answer {
        let target = format!("DynamoDB_20120810.{operation}");
        self.send("dynamodb", "POST", "/", &[("X-Amz-Target", &target)], body)
    }

    /// An item of a table, as JSON; empty if there is none.
    pub fn item(&self, table: &str, id: &str) -> String {
        let body = format!(r#"{{"TableName":"{table}","Key":{{"LockID":{{"S":"{id}"}}}},"ConsistentRead":true}}"#);
        let answer = self.dynamodb("GetItem", &body);
        if answer.body.contains("\"Item\"") { answer.body } else { String::new() }
    }

    fn send(&self, service: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("moto_server listens");
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).expect("it takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("and a status");
        Answer { status, head: head.to_lowercase(), body: body.to_string() }
    }

    /// A backend on a bucket, with more arguments.
    pub fn backend(&self, bucket: &str, more: &[(&str, Value)]) -> S3Backend {
        backend_at(self.port, bucket, more)
    }
}

/// A backend on a bucket of the emulator that answers on a port.
pub fn backend_at(port: u16, bucket: &str, more: &[(&str, Value)]) -> S3Backend {
    let url = format!("http://127.0.0.1:{port}");
    let mut block: BTreeMap<String, Value> = [
        ("bucket", bucket),
        ("key", "app/terraform.tfstate"),
        ("region", "eu-west-1"),
        ("access_key", "test"),
        ("secret_key", "test"),
        ("use_path_style", "true"),
        ("skip_credentials_validation", "true"),
        ("skip_requesting_account_id", "true"),
        ("skip_metadata_api_check", "true"),
    ]
    .map(|(name, value)| (name.to_string(), value.into()))
    .into();
    let urls = ["s3", "dynamodb", "sts"].map(|service| (service, Value::string(&url)));
    block.insert("endpoints".into(), Value::object(urls));
    block.extend(more.iter().map(|(name, value)| (name.to_string(), value.clone())));
    let settings = S3Settings::from_attributes(&block).unwrap_or_else(|problems| panic!("{problems:?}"));
    S3Backend::connect(settings).unwrap_or_else(|problems| panic!("{problems:?}"))
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program: where `./demo` puts it, or on the path.
fn server() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/demo-venv/bin/moto_server");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("moto_server"));
    std::iter::once(installed).chain(on_path).find(|file| file.is_file())
}
