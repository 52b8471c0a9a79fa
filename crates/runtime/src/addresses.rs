//! How containers reach servers of this machine.
//!
//! The environment of tasks names databases and balancers by `localhost` (or `127.0.0.1`) and a port, as is right for
//! processes of this machine. Inside a container `localhost` is the task itself, so there the name is replaced by
//! `host.docker.internal`, but only where one of these servers is meant:
//!
//! - `localhost:PORT` is replaced if the port is that of a server;
//! - `localhost` without a port is replaced if a server's port stands elsewhere in the same value, or as the whole value
//!   of another variable (`DB_HOST=localhost`, `DB_PORT=5433`), or if a server has PostgreSQL's usual port.
//!
//! So that nothing has to listen on other addresses than loopback for it, where the engine's bridge is an address of
//! this machine (Linux) each server's port is forwarded there ([`Forwarding`]); it can be reached from containers only.
//! Docker Desktop forwards `host.docker.internal` to loopback by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// What a container calls this machine.
const MACHINE: &str = "host.docker.internal";

/// PostgreSQL's usual port, which nobody has to name.
const POSTGRES: u16 = 5432;

/// An environment as it has to be inside a container.
pub(crate) fn inside(environment: &BTreeMap<String, String>, servers: &BTreeSet<u16>) -> BTreeMap<String, String> {
    let named = environment.values().any(|value| value.trim().parse().is_ok_and(|port| servers.contains(&port)));
    let anywhere = named || servers.contains(&POSTGRES);
    environment.iter().map(|(name, value)| (name.clone(), replace(value, servers, anywhere))).collect()
}

fn replace(value: &str, servers: &BTreeSet<u16>, anywhere: bool) -> String {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    let numbers = value.split(|c: char| !c.is_ascii_digit());
    let anywhere = anywhere || numbers.filter_map(|n| n.parse().ok()).any(|port: u16| servers.contains(&port));
    let mut replaced = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((at, name)) = NAMES.iter().filter_map(|name| rest.find(name).map(|at| (at, *name))).min() {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let whole = !before.ends_with(part_of_name) && !after.starts_with(part_of_name);
        let port: Option<String> =
            after.strip_prefix(':').map(|p| p.chars().take_while(char::is_ascii_digit).collect());
        let meant = match port.as_deref() {
            None | Some("") => anywhere,
            Some(port) => port.parse().is_ok_and(|port| servers.contains(&port)),
        };
        replaced.push_str(before);
        replaced.push_str(if whole && meant { MACHINE } else { name });
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// Ports of servers on loopback that can also be reached at the bridge's address.
#[derive(Default)]
pub(crate) struct Forwarding {
    ports: HashMap<SocketAddr, AbortHandle>,
}

impl Forwarding {
    /// Forwards these servers' ports, and no others.
    pub(crate) async fn set(&mut self, bridge: Option<IpAddr>, servers: &BTreeSet<SocketAddr>) {
        let Some(bridge) = bridge else { return self.ports.drain().for_each(|(_, task)| task.abort()) };
        self.ports.retain(|server, task| {
            let keep = servers.contains(server);
            if !keep {
                task.abort();
            }
            keep
        });
        for server in servers {
            if self.ports.contains_key(server) {
                continue;
            }
            match TcpListener::bind((bridge, server.port())).await {
                Ok(listener) => {
                    let task = tokio::spawn(forward(listener, *server)).abort_handle();
                    self.ports.insert(*server, task);
                }
                Err(why) => tracing::debug!("{bridge}:{} for containers: {why}", server.port()),
            }
        }
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.ports.drain().for_each(|(_, task)| task.abort());
    }
}

async fn forward(listener: TcpListener, server: SocketAddr) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((mut client, _)) = accepted else { continue };
                connections.spawn(async move {
                    if let Ok(mut connection) = TcpStream::connect(server).await {
                        let _ = connection.set_nodelay(true);
                        let _ = client.set_nodelay(true);
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut connection).await;
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_of_this_machine_are_renamed() {
        for (value, expected) in [
            ("postgres://app:pw@localhost:54321/app", "postgres://app:pw@host.docker.internal:54321/app"),
            ("postgres://app:pw@127.0.0.1:54321/app", "postgres://app:pw@host.docker.internal:54321/app"),
            ("http://localhost:8080/", "http://localhost:8080/"),
            (
                "http://localhost:8080/ http://localhost:54321",
                "http://localhost:8080/ http://host.docker.internal:54321",
            ),
            ("host=localhost port=54321", "host=host.docker.internal port=54321"),
            (r#"{"host":"localhost","port":54321}"#, r#"{"host":"host.docker.internal","port":54321}"#),
            ("localhost", "localhost"),
            ("notlocalhost:54321", "notlocalhost:54321"),
            ("localhost.example.com:54321", "localhost.example.com:54321"),
            ("", ""),
        ] {
            let environment = BTreeMap::from([("X".to_string(), value.to_string())]);
            assert_eq!(inside(&environment, &BTreeSet::from([54321]))["X"], expected, "{value}");
        }
    }

    #[test]
    fn a_host_alone_goes_with_a_port_in_another_variable() {
        let environment = |port: &str| {
            BTreeMap::from([
                ("DB_HOST".to_string(), "localhost".to_string()),
                ("DB_PORT".to_string(), port.to_string()),
            ])
        };
        let servers = BTreeSet::from([54321]);
        assert_eq!(inside(&environment("54321"), &servers)["DB_HOST"], MACHINE);
        assert_eq!(inside(&environment("6379"), &servers)["DB_HOST"], "localhost");
        assert_eq!(inside(&environment(""), &BTreeSet::from([5432]))["DB_HOST"], MACHINE);
    }

    #[tokio::test]
    async fn a_forwarded_port_reaches_the_server_and_goes_with_it() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = server.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut client, _)) = server.accept().await {
                let _ = client.write_all(b"hello").await;
            }
        });
        let mut forwarding = Forwarding::default();
        let bridge: IpAddr = "127.0.0.2".parse().expect("an address");
        if TcpListener::bind((bridge, 0)).await.is_err() {
            eprintln!("skipped: this machine has one loopback address only");
            return;
        }
        forwarding.set(Some(bridge), &BTreeSet::from([address])).await;
        let mut text = String::new();
        let mut client = TcpStream::connect((bridge, address.port())).await.expect("forwarded");
        client.read_to_string(&mut text).await.expect("read");
        assert_eq!(text, "hello");
        forwarding.set(Some(bridge), &BTreeSet::new()).await;
        tokio::task::yield_now().await;
        assert!(TcpStream::connect((bridge, address.port())).await.is_err());
    }
}
