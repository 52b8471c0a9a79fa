//! A headless Chromium, told what to do over its DevTools protocol.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// A running browser with one page. It ends with the value.
pub struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    next: u64,
    events: Vec<Json>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one. `None`, and a note on standard error, where there is none.
    pub fn start() -> Option<Browser> {
        let Some(program) = program() else {
            // Written past the test harness, which keeps back what passing tests print.
            let _ = std::io::stderr()
                .write_all(b"SKIPPED: no chromium on the path (Debian's package chromium, or CHROMIUM=FILE)\n");
            return None;
        };
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut process = Command::new(&program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--remote-debugging-port=0", "--window-size=1280,900", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut log = BufReader::new(process.stderr.take().expect("standard error is a pipe"));
        let mut said = String::new();
        let address = loop {
            let start = said.len();
            if log.read_line(&mut said).unwrap_or(0) == 0 {
                panic!("chromium did not start:\n{said}");
            }
            if let Some((_, address)) = said[start..].split_once("DevTools listening on ") {
                break address.trim().to_string();
            }
        };
        // It must go on finding somebody who reads its log.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let place = address.trim_start_matches("ws://").split('/').next().expect("a host and a port").to_string();
        let stream = TcpStream::connect(place).expect("it listens");
        let (socket, _) = tungstenite::client(address.as_str(), stream).expect("it speaks WebSocket");
        let mut browser = Browser { process, socket, session: None, next: 0, events: Vec::new(), _profile: profile };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_string);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// One command, and its result. What happens meanwhile is kept.
    pub fn call(&mut self, method: &str, params: &Json) -> Json {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(message.to_string())).expect("it listens");
        loop {
            let heard = self.hear();
            if heard["id"] == self.next {
                assert!(heard["error"].is_null(), "{method}: {}", heard["error"]);
                return heard["result"].clone();
            }
            self.events.push(heard);
        }
    }

    fn hear(&mut self) -> Json {
        loop {
            if let Message::Text(text) = self.socket.read().expect("it speaks") {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }

    /// Opens a file, and comes back once it is there.
    pub fn open(&mut self, file: &Path) {
        self.events.clear();
        self.call("Page.navigate", &json!({"url": format!("file://{}", file.display())}));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.hear();
            self.events.push(event);
        }
    }

    /// The value of an expression, which may be a promise, on the page.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Json {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", &params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// How large the window is.
    pub fn size(&mut self, width: u32, height: u32) {
        let params = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &params);
    }

    /// What the system prefers, `light` or `dark`; and the medium, `screen` or `print`.
    pub fn media(&mut self, scheme: &str, medium: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"media": medium, "features": features}));
    }

    /// Whether pages may run scripts.
    pub fn scripts(&mut self, on: bool) {
        self.call("Emulation.setScriptExecutionDisabled", &json!({"value": !on}));
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        self.call("Input.dispatchKeyEvent", &json!({"type": "keyDown", "key": key, "text": text}));
        self.call("Input.dispatchKeyEvent", &json!({"type": "keyUp", "key": key}));
    }

    /// Errors and warnings of the console, exceptions, and requests for anything but the page itself, since it was opened.
    pub fn troubles(&mut self) -> Vec<String> {
        // An answer to a later call comes after all events before it.
        self.call("Runtime.evaluate", &json!({"expression": "0"}));
        let page = |event: &Json| event["params"]["documentURL"] == event["params"]["request"]["url"];
        let told = self.events.iter().filter(|event| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => {
                event["params"]["type"] == "error" || event["params"]["type"] == "warning"
            }
            Some("Log.entryAdded") => event["params"]["entry"]["level"] != "info",
            Some("Network.requestWillBeSent") => !page(event),
            _ => false,
        });
        told.map(Json::to_string).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program: what `CHROMIUM` names, or on the path.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path)
        .flat_map(|folder| ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name)));
    named.into_iter().chain(on_path).find(|file| file.is_file())
}
