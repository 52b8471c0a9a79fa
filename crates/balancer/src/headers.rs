//! Headers on their way through: what belongs to one connection only is taken out, what the target has to know about
//! the client is put in.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The cookie that keeps a client with a target.
pub(crate) const TARGET_COOKIE: &str = "AWSALB";
/// The cookie that keeps a client with a target group.
pub(crate) const GROUP_COOKIE: &str = "AWSALBTG";

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Takes out what is between two neighbours only.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(header::CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, header::TE, header::TRANSFER_ENCODING, header::UPGRADE] {
        headers.remove(name);
    }
}

/// The protocol that a request or an answer changes to, if it is one that is passed through.
pub(crate) fn websocket(headers: &HeaderMap) -> Option<HeaderValue> {
    let upgrade = headers.get(header::UPGRADE)?;
    let asked = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|name| name.trim().eq_ignore_ascii_case("upgrade")));
    (asked && upgrade.as_bytes().eq_ignore_ascii_case(b"websocket")).then(|| upgrade.clone())
}

/// Marks a message as one that changes the protocol.
pub(crate) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, protocol);
}

/// Tells the target who asked, and how.
pub(crate) fn add_forwarded(headers: &mut HeaderMap, client: IpAddr, tls: bool, port: &HeaderValue) {
    let mut chain = String::new();
    for earlier in headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()) {
        chain.push_str(earlier);
        chain.push_str(", ");
    }
    let _ = write!(chain, "{client}");
    if let Ok(chain) = HeaderValue::from_maybe_shared(bytes::Bytes::from(chain)) {
        headers.insert(FORWARDED_FOR, chain);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if tls { "https" } else { "http" }));
    headers.insert(FORWARDED_PORT, port.clone());
    headers.entry(TRACE_ID).or_insert_with(trace_id);
}

fn trace_id() -> HeaderValue {
    static RUN: LazyLock<u64> = LazyLock::new(|| uuid::Uuid::new_v4().as_u64_pair().0);
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let text = format!("Root=1-{seconds:08x}-{:016x}{:08x}", *RUN, NEXT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).unwrap_or(HeaderValue::from_static("Root=1-0-0"))
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

/// Has the client keep a cookie.
pub(crate) fn set_cookie(headers: &mut HeaderMap, name: &str, value: &str, time: Duration) {
    if let Ok(value) = format!("{name}={value}; Max-Age={}; Path=/", time.as_secs()).parse() {
        headers.append(header::SET_COOKIE, value);
    }
}

/// HTTP/2 may split cookies over several headers, HTTP/1 may not.
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    if cookies.next().is_none() || cookies.next().is_none() {
        return;
    }
    let parts: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&parts.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_belongs_to_one_connection_is_taken_out() {
        let mut headers = map(&[
            ("connection", "Keep-Alive, X-Private"),
            ("keep-alive", "timeout=5"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("accept", "*/*"),
        ]);
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("accept", "*/*")]));
    }

    #[test]
    fn only_websockets_are_passed_through() {
        for (connection, upgrade, expected) in [
            ("Upgrade", "websocket", true),
            ("keep-alive, upgrade", "WebSocket", true),
            ("keep-alive", "websocket", false),
            ("upgrade", "h2c", false),
        ] {
            let headers = map(&[("connection", connection), ("upgrade", upgrade)]);
            assert_eq!(websocket(&headers).is_some(), expected, "{connection} {upgrade}");
        }
    }

    #[test]
    fn targets_are_told_the_client_behind_those_named_before() {
        let mut headers = map(&[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "gopher")]);
        add_forwarded(&mut headers, "192.0.2.7".parse().unwrap(), true, &HeaderValue::from_static("8443"));
        assert_eq!(headers["x-forwarded-for"], "203.0.113.9, 192.0.2.7");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-port"], "8443");
        assert!(headers["x-amzn-trace-id"].to_str().unwrap().starts_with("Root=1-"));
    }

    #[test]
    fn cookies_are_found_set_and_joined() {
        let mut headers = map(&[("cookie", "a=b; AWSALB=x"), ("cookie", "AWSALBTG=y=z")]);
        assert_eq!(cookie(&headers, TARGET_COOKIE), Some("x"));
        assert_eq!(cookie(&headers, GROUP_COOKIE), Some("y=z"));
        assert_eq!(cookie(&headers, "none"), None);
        join_cookies(&mut headers);
        assert_eq!(headers["cookie"], "a=b; AWSALB=x; AWSALBTG=y=z");
        set_cookie(&mut headers, TARGET_COOKIE, "x", Duration::from_secs(60));
        assert_eq!(headers["set-cookie"], "AWSALB=x; Max-Age=60; Path=/");
    }
}
