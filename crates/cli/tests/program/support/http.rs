//! A client that asks once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// `(status, body)` of `GET /` at an address, with or without `http://`; why not, where there was no whole answer.
pub fn get(url: &str) -> Result<(u16, String), String> {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    // Port 80 is not said where it was given.
    let host = if address.contains(':') { address.to_string() } else { format!("{address}:80") };
    let host = host.replace("localhost", "127.0.0.1");
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&host)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| error.to_string())?;
    let status = answer.split_whitespace().nth(1).and_then(|s| s.parse().ok()).ok_or("no status")?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_string()).unwrap_or_default();
    Ok((status, body))
}
