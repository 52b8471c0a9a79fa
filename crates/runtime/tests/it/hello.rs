//! The sample image on its own.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

async fn hello(environment: &[(&str, &str)], arguments: &[&str]) -> (Child, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let mut command = Command::new(env!("CARGO_BIN_EXE_infra-runtime-hello"));
    command.args(["local-task", "hello", "--tag", "v1", "--task", "t", "--listen", &format!("127.0.0.1:{port}")]);
    command.args(arguments).envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    (command.spawn().expect("started"), port)
}

/// A connection, as soon as there is one.
async fn connect(port: u16) -> TcpStream {
    for _ in 0..1200 {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            return stream;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nothing listens on {port}")
}

async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("asked");
}

#[tokio::test]
async fn it_ends_when_its_supervisor_is_gone() {
    let (mut child, port) = hello(&[], &["--lifeline"]).await;
    connect(port).await;
    drop(child.stdin.take());
    assert_eq!(child.wait().await.expect("ended").code(), Some(0));
}

#[tokio::test]
async fn without_a_lifeline_standard_input_means_nothing() {
    let (mut child, port) = hello(&[("CRASH_AFTER", "0.5")], &[]).await;
    drop(child.stdin.take());
    connect(port).await;
    assert_eq!(child.wait().await.expect("ended").code(), Some(1), "it ended as CRASH_AFTER asks");
}

#[tokio::test]
async fn requests_are_finished_before_it_ends() {
    let (mut child, port) = hello(&[("LATENCY_MS", "500")], &[]).await;
    let mut stream = connect(port).await;
    ask(&mut stream).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let id = child.id().expect("an id").to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    assert_eq!(child.wait().await.expect("ended").code(), Some(0));
}

#[tokio::test]
async fn a_share_of_requests_fails_if_asked_to() {
    let (_child, port) = hello(&[("FAIL_PERCENT", "25")], &[]).await;
    let mut failed = 0;
    for _ in 0..20 {
        let mut stream = connect(port).await;
        ask(&mut stream).await;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.expect("an answer");
        failed += usize::from(&start == b"HTTP/1.1 500");
    }
    assert_eq!(failed, 5);
}
