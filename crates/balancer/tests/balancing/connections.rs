//! Connections: kept, broken, upgraded, encrypted.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use infra_balancer::spec::{Action, Rule};
use infra_balancer::{Balancers, HealthStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::*;

/// A target that says this on each connection once it is asked, and closes it when it is asked again.
async fn says(answer: &'static str) -> std::net::SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = socket.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                if stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.read(&mut buffer).await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_request_on_a_connection_that_is_just_being_closed_is_repeated() {
    let target = says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let balancers = Balancers::new();
    let mut wanted = simple(&[("1", target)]);
    wanted.target_groups.get_mut("a").unwrap().health_check.enabled = false;
    let address = apply(&balancers, &wanted).await;
    let mut client = Client::connect(address).await;
    for _ in 0..50 {
        assert_eq!(client.get("/").await.body, "ok");
    }
}

#[tokio::test]
async fn a_target_that_is_not_there_leaves_its_request_to_another() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let there = Target::start("there").await;
    let balancers = Balancers::new();
    let mut wanted = simple(&[("1", gone), ("2", there.address)]);
    wanted.target_groups.get_mut("a").unwrap().health_check.enabled = false;
    let address = apply(&balancers, &wanted).await;
    let mut client = Client::connect(address).await;
    for _ in 0..10 {
        let answer = client.ask(request("POST", "/", &[])).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "there"));
    }
    // With none left, the client is told.
    wanted.target_groups.get_mut("a").unwrap().targets.remove("2");
    apply(&balancers, &wanted).await;
    assert_eq!(client.get("/").await.status, 502);
    let counts = balancers.window("a", Duration::from_secs(60));
    assert_eq!((counts.connection_errors, counts.balancer_5xx), (1, 1));
}

#[tokio::test]
async fn what_targets_break_is_502_or_cut_and_counted() {
    let target = Target::start("one").await;
    let half = says("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal").await;
    let balancers = Balancers::new();
    let wanted = |target| {
        let mut wanted = simple(&[("1", target)]);
        let group = wanted.target_groups.get_mut("a").unwrap();
        (group.health_check.enabled, group.deregistration_delay) = (false, Duration::from_millis(100));
        wanted
    };
    let address = apply(&balancers, &wanted(target.address)).await;
    assert_eq!(get(address, "/die").await.status, 502);
    assert_eq!(get(address, "/").await.body, "one");
    apply(&balancers, &wanted(half)).await;
    let mut client = Client::connect(address).await;
    let response = client.send(request("GET", "/", &[])).await.unwrap();
    assert_eq!(response.status(), 200);
    // Taken out, it is cut after the delay, in the middle of its answer.
    apply(&balancers, &wanted(target.address)).await;
    assert!(http_body_util::BodyExt::collect(response.into_body()).await.is_err());
    let counts = balancers.window("a", Duration::from_secs(60));
    assert_eq!((counts.requests, counts.target_2xx, counts.connection_errors, counts.failed()), (3, 2, 2, 2));
}

#[tokio::test]
async fn a_target_that_says_nothing_is_504_and_a_client_that_leaves_is_noted() {
    let target = Target::start("one").await;
    let balancers = Balancers::new();
    let mut wanted = simple(&[("1", target.address)]);
    wanted.balancers.get_mut("lb").unwrap().idle_timeout = Duration::from_millis(300);
    let address = apply(&balancers, &wanted).await;
    assert_eq!(get(address, "/gate").await.status, 504);
    // A client that says nothing, on the other hand, is told so.
    let mut refusal = [0; 12];
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"POST /gate HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n").await.unwrap();
    slow.read_exact(&mut refusal).await.unwrap();
    assert_eq!(&refusal, b"HTTP/1.1 408");
    assert_eq!(balancers.window("a", Duration::from_secs(60)).timeouts, 1);

    wanted.balancers.get_mut("lb").unwrap().idle_timeout = Duration::from_secs(60);
    apply(&balancers, &wanted).await;
    let leaving = tokio::spawn(async move { get(address, "/gate").await });
    until("it is under way", || balancers.health()["a"]["1"].in_flight == 1).await;
    leaving.abort();
    until("it is noted", || balancers.window("a", Duration::from_secs(60)).client_gone == 1).await;
    assert_eq!(balancers.health()["a"]["1"].in_flight, 0);
}

#[tokio::test]
async fn websockets_are_passed_through() {
    let target = Target::start("one").await;
    let balancers = Balancers::new();
    let address = apply(&balancers, &simple(&[("1", target.address)])).await;
    let mut client = Client::connect(address).await;
    let headers = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "key")];
    let response = client.send(request("GET", "/websocket", &headers)).await.unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["sec-websocket-accept"], "yes");
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    for message in ["hello", "again"] {
        stream.write_all(message.as_bytes()).await.unwrap();
        let mut echo = vec![0; message.len()];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(echo, message.as_bytes());
    }
    assert_eq!(balancers.health()["a"]["1"].in_flight, 1);
    // It counts as a request under way when the target drains.
    apply(&balancers, &simple(&[])).await;
    assert_eq!(status(&balancers, "a", "1"), Some(HealthStatus::Draining));
    drop(stream);
    until("it has ended", || status(&balancers, "a", "1").is_none()).await;
}

#[tokio::test]
async fn targets_are_told_who_asks_and_how() {
    let target = Target::start("one").await;
    let balancers = Balancers::new();
    let address = apply(&balancers, &simple(&[("1", target.address)])).await;
    let headers =
        [("x-forwarded-for", "203.0.113.9"), ("connection", "close, x-private"), ("x-private", "1"), ("x-public", "2")];
    let answer = Client::connect(address).await.ask(request("GET", "/headers", &headers)).await.unwrap();
    for line in [
        "host: example.com",
        "x-forwarded-for: 203.0.113.9, 127.0.0.1",
        "x-forwarded-proto: http",
        &format!("x-forwarded-port: {}", address.port()),
        "x-public: 2",
    ] {
        assert!(answer.body.lines().any(|found| found == line), "{line} in {}", answer.body);
    }
    assert!(!answer.body.contains("x-private") && !answer.body.contains("connection"), "{}", answer.body);
}

/// What `curl`-like clients of TLS say, by hand: the certificate is taken as it is.
async fn tls(address: std::net::SocketAddr, protocol: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use tokio_rustls::rustls::{self, client::danger};

    #[derive(Debug)]
    struct Any(rustls::crypto::WebPkiSupportedAlgorithms);

    impl danger::ServerCertVerifier for Any {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<danger::ServerCertVerified, rustls::Error> {
            Ok(danger::ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &rustls::DigitallySignedStruct,
        ) -> Result<danger::HandshakeSignatureValid, rustls::Error> {
            rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0)
        }
        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &rustls::DigitallySignedStruct,
        ) -> Result<danger::HandshakeSignatureValid, rustls::Error> {
            rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
        }
        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            self.0.supported_schemes()
        }
    }

    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let verifier = std::sync::Arc::new(Any(provider.signature_verification_algorithms));
    let mut config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
}

#[tokio::test]
async fn tls_listeners_speak_http_1_and_2_and_reach_tls_targets() {
    let target = Target::start("one").await;
    // A listener as a target: it speaks TLS.
    let balancers = Balancers::new();
    let mut inner = listener(vec![], forward(&[("plain", 1)]));
    inner.tls_names = Some(vec!["inner.test".into(), "127.0.0.1".into()]);
    let plain = [("plain", group(&[("1", target.address)]))];
    let inner_address = apply(&balancers, &spec(&[("web", inner.clone())], &plain)).await;
    let mut outer = listener(
        vec![Rule { priority: 1, conditions: vec![], action: forward(&[("tls", 1)]) }],
        Action::Fixed { status: 500, content_type: "text/plain".into(), body: String::new() },
    );
    outer.tls_names = Some(vec!["localhost".into()]);
    let mut encrypted = group(&[("1", inner_address)]);
    encrypted.https = true;
    let groups = [plain[0].clone(), ("tls", encrypted)];
    let answers = balancers.apply(spec(&[("web", inner), ("outer", outer)], &groups)).await;
    let address = answers["outer"].clone().unwrap();
    healthy(&balancers, &["tls"]).await;

    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(tls(address, b"http/1.1").await)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request("GET", "/headers", &[])).await.unwrap();
    assert_eq!(response.status(), 200);

    let stream = TokioIo::new(tls(address, b"h2").await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, stream).await.unwrap();
    tokio::spawn(connection);
    let mut get = hyper::Request::get("https://example.com/headers").header("cookie", "a=1").header("cookie", "b=2");
    get = get.header("x-case", "kept");
    let response = sender.send_request(get.body(full("")).unwrap()).await.unwrap();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    for line in ["host: example.com", "cookie: a=1; b=2", "x-forwarded-proto: https", "x-case: kept"] {
        assert!(body.lines().any(|found| found == line), "{line} in {body}");
    }
}

#[tokio::test]
async fn shutdown_lets_requests_end() {
    let target = Target::start("one").await;
    let balancers = Balancers::new();
    let address = apply(&balancers, &simple(&[("1", target.address)])).await;
    let held = tokio::spawn(async move { get(address, "/gate").await.body });
    until("it is under way", || target.requests() == 1).await;
    let shutdown = tokio::spawn(async move { balancers.shutdown().await });
    let mut refused = false;
    while !refused {
        refused = TcpStream::connect(address).await.is_err();
    }
    target.open_gate();
    assert_eq!(held.await.unwrap(), "one");
    shutdown.await.unwrap();
}
