//! An emulated AWS: `moto_server` as a process of its own on a free port of this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running emulator. It ends with the value.
pub struct Cloud {
    process: Child,
    port: u16,
}

impl Cloud {
    /// Starts one of the test's own: moto gives all its databases the same resource id, so that tests with a database
    /// cannot share one. `None`, and a note on standard error, where there is no `moto_server`.
    pub fn start() -> Option<Cloud> {
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
            .env("MOTO_ACM_VALIDATION_WAIT", "0")
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
        Some(Cloud { process, port })
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port that it answers on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a certificate for the domain; its ARN.
    pub fn certificate(&self, domain: &str) -> String {
        let body = format!(r#"{{"DomainName":"{domain}"}}"#);
        let answer = self.post("acm", "CertificateManager.RequestCertificate", &body);
        let found = answer.split('"').find(|piece| piece.starts_with("arn:"));
        found.unwrap_or_else(|| panic!("no certificate in: {answer}")).to_string()
    }

    /// Whether there is a database of that name.
    pub fn has_database(&self, name: &str) -> bool {
        let body = format!("Action=DescribeDBInstances&Version=2014-10-31&DBInstanceIdentifier={name}");
        self.post("rds", "", &body).contains(&format!("<DBInstanceIdentifier>{name}<"))
    }

    /// Makes a bucket.
    pub fn make_bucket(&self, name: &str) {
        let body = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>\
                    </CreateBucketConfiguration>";
        let answer = self.send(&format!("PUT /{name}"), "s3", "", "application/xml", body);
        assert!(answer.split(' ').nth(1) == Some("200"), "{answer}");
    }

    /// Makes a DynamoDB table with the key that locks of states have.
    pub fn make_lock_table(&self, name: &str) {
        let body = format!(
            r#"{{"TableName":"{name}","BillingMode":"PAY_PER_REQUEST","KeySchema":[{{"AttributeName":"LockID","KeyType":
            "HASH"}}],"AttributeDefinitions":[{{"AttributeName":"LockID","AttributeType":"S"}}]}}"#
        );
        let answer = self.post("dynamodb", "DynamoDB_20120810.CreateTable", &body);
        assert!(answer.split(' ').nth(1) == Some("200"), "{answer}");
    }

    /// Gives a log group a tag.
    pub fn tag_log_group(&self, name: &str, key: &str, value: &str) {
        let body = format!(r#"{{"logGroupName":"{name}","tags":{{"{key}":"{value}"}}}}"#);
        let answer = self.post("logs", "Logs_20140328.TagLogGroup", &body);
        assert!(answer.split(' ').nth(1) == Some("200"), "{answer}");
    }

    /// Asks for the tags of everything that there is.
    pub fn list_tags(&self) {
        let answer = self.post("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", "{}");
        assert!(answer.split(' ').nth(1) == Some("200"), "{answer}");
    }

    /// One call of a service; the text of the answer.
    fn post(&self, service: &str, target: &str, body: &str) -> String {
        let kind = if target.is_empty() { "x-www-form-urlencoded" } else { "x-amz-json-1.1" };
        self.send("POST /", service, target, &format!("application/{kind}"), body)
    }

    fn send(&self, what: &str, service: &str, target: &str, kind: &str, body: &str) -> String {
        let request = format!(
            "{what} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\nX-Amz-Target: {target}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("moto_server listens");
        stream.write_all(request.as_bytes()).expect("it takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program: where `./demo` puts it, or on the path.
fn server() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_infra")).ancestors().nth(2)?;
    let installed = target.join("demo-venv/bin/moto_server");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("moto_server"));
    std::iter::once(installed).chain(on_path).find(|file| file.is_file())
}
