//! Bodies: streamed, chunked, empty; heads that are too large; what clients wait for.

use http_body_util::BodyExt;
use hyper::Request;
use infra_balancer::Balancers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stage::*;

#[tokio::test]
async fn large_bodies_pass_both_ways_as_they_come() {
    let target = Target::start("one").await;
    let balancers = Balancers::new();
    let address = apply(&balancers, &simple(&[("1", target.address)])).await;
    let mut client = Client::connect(address).await;

    // Without an end: had the balancer to collect it first, nothing would ever come.
    let mut body = client.send(request("GET", &format!("/big/{}", usize::MAX), &[])).await.unwrap().into_body();
    let mut received = 0;
    while received < 1000 * CHUNK {
        received += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    drop(body);

    // 64 MiB there and back.
    let mut client = Client::connect(address).await;
    let request = Request::post("/echo").header("host", "example.com").body(chunks(1024)).unwrap();
    let mut body = client.send(request).await.unwrap().into_body();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(received, 1024 * CHUNK);
    assert_eq!(client.get("/").await.body, "one");
}

/// Sends bytes as they are; the answer up to the end of its connection, or to what is waited for.
async fn raw(address: std::net::SocketAddr, bytes: &str, end: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&answer).contains(end) {
        match stream.read(&mut buffer).await {
            Ok(count @ 1..) => answer.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn small_things_of_http() {
    let target = Target::start("one").await;
    let balancers = Balancers::new();
    let address = apply(&balancers, &simple(&[("1", target.address)])).await;
    let long = "x".repeat(20_000);
    let many: String = (0..5).map(|at| format!("x-{at}: {long}\r\n")).collect();
    for (request, end, expected) in [
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_string(), "one", "HTTP/1.1 200 OK\r\n"),
        ("GET / HTTP/1.0\r\n\r\n".to_string(), "one", "HTTP/1.0 200 OK\r\n"),
        ("GET http://a/status/404 HTTP/1.1\r\nhost: b\r\n\r\n".to_string(), "one", "HTTP/1.1 404 Not Found\r\n"),
        (
            "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                .to_string(),
            "0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ),
        (
            "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n".to_string(),
            "100 Continue",
            "HTTP/1.1 100 Continue\r\n",
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_string(), "</html>", "HTTP/1.1 400 Bad Request\r\n"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_string(), "</html>", "HTTP/1.1 400 Bad Request\r\n"),
        ("TRACE / HTTP/1.1\r\nhost: a\r\n\r\n".to_string(), "</html>", "HTTP/1.1 405 Method Not Allowed\r\n"),
        (format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), "</html>", "HTTP/1.1 414 URI Too Long\r\n"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", &long[..10_000]), "one", "HTTP/1.1 200 OK\r\n"),
        (
            format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"),
            "\r\n\r\n",
            "HTTP/1.1 431 Request Header Fields Too Large\r\n",
        ),
        ("nonsense\r\n\r\n".to_string(), "\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
    ] {
        let answer = raw(address, &request, end).await;
        assert!(answer.starts_with(expected), "{}: {answer}", &request[..request.len().min(60)]);
        assert!(answer.contains(end), "{answer}");
    }
}

#[tokio::test]
async fn a_head_request_is_told_the_length_and_nothing_follows() {
    let target = Target::start("one").await;
    let balancers = Balancers::new();
    let address = apply(&balancers, &simple(&[("1", target.address)])).await;
    let answer = raw(address, "HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "never").await;
    assert!(answer.contains("content-length: 3\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}
