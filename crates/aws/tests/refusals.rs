//! What AWS answers and an emulator does not: said by a server of the test's own.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use infra_aws::Aws;
use infra_catalog::{Cloud, HalfDone, OpContext, Timeouts, catalog};
use infra_provider::{Failure, Object, Token};
use infra_value::{Type, Value};

const VPC: &str = "vpc-0a1b2c3d4e5f60718";

/// Calls of all services on one address.
struct Server {
    url: String,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answer` gets an action and how often it was called before; it tells the status and the body.
    fn start(answer: fn(&str, usize) -> (u16, String)) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let noted = calls.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = noted.clone();
                std::thread::spawn(move || serve(stream, &noted, answer));
            }
        });
        Server { url, calls }
    }

    fn calls_of(&self, action: &str) -> usize {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().filter(|call| *call == action).count()
    }

    async fn connect(&self) -> Aws {
        let text = |text: &str| Value::from(text);
        let endpoints = Value::object([("acm", text(&self.url)), ("ec2", text(&self.url))]);
        let settings = Value::object([
            ("region", text("eu-west-1")),
            ("access_key", text("test")),
            ("secret_key", text("test")),
            ("skip_credentials_validation", Value::bool(true)),
            ("skip_requesting_account_id", Value::bool(true)),
            ("endpoints", Value::tuple([endpoints])),
        ]);
        let connected = infra_aws::connect(&settings).await;
        connected.unwrap_or_else(|problems| panic!("connecting: {problems:#?}"))
    }
}

fn serve(mut stream: TcpStream, calls: &Mutex<Vec<String>>, answer: fn(&str, usize) -> (u16, String)) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    let (head, body) = loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                break (head.to_string(), body.to_string());
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&part[..read]),
        }
    };
    let target = header(&head, "x-amz-target").and_then(|target| target.rsplit('.').next());
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).or(target).unwrap_or_default();
    let before = {
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(action.to_string());
        calls.iter().filter(|call| *call == action).count() - 1
    };
    let (status, text) = answer(action, before);
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    // Whoever has gone needs no answer.
    let _ = stream.write_all(format!("{head}{text}").as_bytes());
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let all = head.lines().filter_map(|line| line.split_once(':'));
    all.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

async fn create(aws: &Aws, ty: &str, arguments: &[(&str, Value)]) -> Result<Object, Failure> {
    let block = catalog().resources[ty].block().clone();
    let mut object = Object::new(block.clone(), &block.empty());
    for (name, value) in arguments {
        object.set(name, value.clone());
    }
    let config = Value::null(Type::Dynamic);
    let cx = OpContext {
        config: &config,
        timeouts: Timeouts::default(),
        tags: BTreeMap::new(),
        checkpoint: &|_| {},
        token: Token::unique(),
        held: &|_| false,
    };
    aws.create(ty, object, &cx).await.map_err(|HalfDone { failure, .. }| failure)
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_at_once() {
    let server = Server::start(|_, _| (400, r#"{"__type": "LimitExceededException", "message": "enough"}"#.into()));
    let config = [("domain_name", Value::from("example.com")), ("validation_method", Value::from("DNS"))];
    let failure = create(&server.connect().await, "aws_acm_certificate", &config).await.err();
    assert_eq!(failure.and_then(|failure| failure.code).as_deref(), Some("LimitExceededException"));
    assert_eq!(server.calls_of("RequestCertificate"), 1);
}

fn network(action: &str, before: usize) -> (u16, String) {
    let vpc = format!("<vpcId>{VPC}</vpcId><state>available</state><ownerId>123456789012</ownerId>");
    let subnet = format!("<subnetId>subnet-0a1b2c3d4e5f60718</subnetId><state>available</state><vpcId>{VPC}</vpcId>");
    let error = |message: &str| {
        let error = format!("<Error><Code>InvalidVpcID.NotFound</Code><Message>{message}</Message></Error>");
        (400, format!("<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>"))
    };
    let content = match (action, before) {
        ("CreateVpc", _) => format!("<vpc>{vpc}</vpc>"),
        ("DescribeVpcs", _) => format!("<vpcSet><item>{vpc}</item></vpcSet>"),
        ("DescribeVpcAttribute", 0) => return error(&format!("The vpc ID '{VPC}' does not exist")),
        ("DescribeVpcAttribute", _) => "<enableDnsHostnames><value>true</value></enableDnsHostnames>".to_string(),
        ("CreateSubnet", 0) => return error(&format!("The vpc ID '{VPC}' does not exist")),
        ("CreateSubnet", 2) => return error("The vpc ID 'vpc-0ffffffffffffffff' does not exist"),
        ("CreateSubnet", _) => format!("<subnet>{subnet}</subnet>"),
        ("DescribeSubnets", _) => format!("<subnetSet><item>{subnet}</item></subnetSet>"),
        _ => String::new(),
    };
    (200, format!("<{action}Response>{content}</{action}Response>"))
}

#[tokio::test]
async fn what_was_just_made_may_be_unknown_for_a_while() {
    let server = Server::start(network);
    let aws = server.connect().await;
    let arguments = [("cidr_block", Value::from("10.0.0.0/16")), ("enable_dns_hostnames", Value::bool(true))];
    let vpc = create(&aws, "aws_vpc", &arguments).await;
    assert_eq!(vpc.as_ref().map(Object::id), Ok(VPC));
    let subnet = create(&aws, "aws_subnet", &[("vpc_id", Value::from(VPC))]).await;
    assert_eq!(subnet.as_ref().map(Object::id), Ok("subnet-0a1b2c3d4e5f60718"));
    assert_eq!(server.calls_of("CreateSubnet"), 2);
    // One that nobody has made is not waited for.
    let failure = create(&aws, "aws_subnet", &[("vpc_id", Value::from("vpc-0ffffffffffffffff"))]).await.err();
    assert_eq!(failure.and_then(|failure| failure.code).as_deref(), Some("InvalidVpcID.NotFound"));
    assert_eq!(server.calls_of("CreateSubnet"), 3);
}
