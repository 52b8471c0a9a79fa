//! An emulator of AWS as a process of its own, and values for configurations.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use infra_schema::{Block, Nesting};
use infra_value::{Type, Value, value_from_json};
use serde_json::{Value as Json, json};

/// A running `moto_server`.
pub struct Moto {
    process: Child,
    port: u16,
}

impl Moto {
    /// Starts it on a free port; `None`, and a note, where there is none.
    pub fn start() -> Option<Moto> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let process = Command::new(server())
            .args(["-p", &port.to_string()])
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .env("MOTO_ACM_VALIDATION_WAIT", "0")
            // One file each: several may run at the same time.
            .env("MOTO_RECORDER_FILEPATH", std::env::temp_dir().join(format!("moto-recording-{port}")))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = process else {
            eprintln!("SKIPPED: no moto_server on the path or in target/demo-venv (./demo installs it)");
            return None;
        };
        let moto = Moto { process, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "moto_server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(moto)
    }

    /// A provider block that leads to it.
    pub fn provider_block(&self) -> Json {
        let url = format!("http://127.0.0.1:{}", self.port);
        let services = [
            "acm",
            "appautoscaling",
            "cloudwatch",
            "ec2",
            "ecs",
            "elbv2",
            "iam",
            "kms",
            "logs",
            "rds",
            "resourcegroupstaggingapi",
            "route53",
            "secretsmanager",
            "sns",
            "ssm",
            "sts",
        ];
        let endpoints: serde_json::Map<String, Json> = services.iter().map(|s| (s.to_string(), json!(url))).collect();
        json!({"region": "eu-west-1", "access_key": "test", "secret_key": "test", "endpoints": [endpoints]})
    }

    /// Begins to record the calls.
    pub fn record(&self) {
        self.call("POST", "/moto-api/recorder/reset-recording");
        self.call("POST", "/moto-api/recorder/start-recording");
    }

    /// Ends recording; the calls, as actions or paths.
    pub fn recorded(&self) -> Vec<String> {
        self.call("POST", "/moto-api/recorder/stop-recording");
        let all = self.call("GET", "/moto-api/recorder/download-recording");
        let lines = all.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        lines.map(|line| describe(&line)).filter(|call| !call.contains("moto-api")).collect()
    }

    fn call(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("moto_server listens");
        let head = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("it takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_string()).unwrap_or_default()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn describe(line: &Json) -> String {
    let body = line["body"].as_str().unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(body).ok().and_then(|b| String::from_utf8(b).ok());
    let body = decoded.as_deref().filter(|_| line["body_encoded"] == true).unwrap_or(body);
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let target = line["headers"]["X-Amz-Target"].as_str();
    let url = line["url"].as_str().unwrap_or_default();
    action.or(target).unwrap_or(url).to_string()
}

/// A block's value from JSON in which what is not set is left out.
pub fn block_value(block: &Block, json: &Json) -> Value {
    let attributes = block.attributes.iter().map(|(name, attribute)| {
        let value = value_from_json(&completed(&json[&**name], &attribute.ty), &attribute.ty);
        (name.clone(), value.unwrap_or_else(|e| panic!("{name}: {e}")))
    });
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let inner = nested.block.ty();
        let given = &json[&**name];
        let one = |json: &Json| block_value(&nested.block, json);
        let all = || given.as_array().into_iter().flatten().map(one);
        let value = match nested.nesting {
            _ if given.is_null() => nested.empty(),
            Nesting::Single | Nesting::Group => one(given),
            Nesting::List => Value::list(inner, all()),
            Nesting::Set => Value::set(inner, all()),
            Nesting::Map => panic!("no block of these types is a map"),
        };
        (name.clone(), value)
    });
    Value::object(attributes.chain(blocks))
}

/// JSON with null for members of objects that are left out.
fn completed(json: &Json, ty: &Type) -> Json {
    match (json, ty) {
        (Json::Object(given), Type::Object(object)) => {
            let members = object.attributes.iter();
            let null = &Json::Null;
            Json::Object(
                members
                    .map(|(name, ty)| (name.to_string(), completed(given.get(&**name).unwrap_or(null), ty)))
                    .collect(),
            )
        }
        (Json::Array(elements), Type::List(t) | Type::Set(t)) => elements.iter().map(|e| completed(e, t)).collect(),
        _ => json.clone(),
    }
}

/// The emulator that `./demo` has installed, or else the one on the path.
fn server() -> std::path::PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        std::path::PathBuf::from,
    );
    let installed = target.join("demo-venv/bin/moto_server");
    if installed.is_file() { installed } else { "moto_server".into() }
}
