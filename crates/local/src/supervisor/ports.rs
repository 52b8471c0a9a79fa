//! Which ports on loopback are given to whom.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use crate::world::Ports;

/// The addresses that were given out.
#[derive(Debug, Default)]
pub(crate) struct Reserved(BTreeSet<SocketAddr>);

impl Reserved {
    /// With those that records of an earlier run hold.
    pub(crate) fn new(taken: impl IntoIterator<Item = SocketAddr>) -> Reserved {
        Reserved(taken.into_iter().collect())
    }

    fn free(&self, port: u16) -> Option<SocketAddr> {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let wanted = SocketAddr::new(ip, port);
        if port != 0 && self.0.contains(&wanted) {
            return None;
        }
        // Some systems let a port on all addresses and the same one on loopback be listened on side by side: whoever
        // asks for `localhost` would then get either.
        let everywhere = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok()?;
        let chosen = everywhere.local_addr().ok()?.port();
        drop(everywhere);
        let here = TcpListener::bind((ip, chosen)).ok()?;
        let address = here.local_addr().ok()?;
        (!self.0.contains(&address)).then_some(address)
    }
}

impl Ports for Reserved {
    fn reserve(&mut self, wanted: Option<u16>) -> Result<SocketAddr, String> {
        // A privileged port that is refused is looked for where people look next: 80 becomes 8080, 443 becomes 8443.
        let near = wanted.into_iter().flat_map(|port| {
            let high = if port < 1024 { 8000 + port } else { port };
            std::iter::once(port).chain((0..20).map(move |n| high.saturating_add(n)))
        });
        let address = near.chain(std::iter::once(0)).find_map(|port| self.free(port));
        let address = address.ok_or("no port on loopback is free")?;
        self.0.insert(address);
        Ok(address)
    }

    fn release(&mut self, address: SocketAddr) {
        self.0.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_listens_on_is_not_given_out() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(|l| (l.local_addr().map(|a| a.port()), l));
        let Ok((Ok(port), _listener)) = taken else { return };
        let mut reserved = Reserved::default();
        assert_ne!(reserved.reserve(Some(port)).map(|a| a.port()), Ok(port));
    }

    #[test]
    fn a_port_is_given_once_until_it_is_released() {
        let mut reserved = Reserved::default();
        let Ok(first) = reserved.reserve(None) else { return };
        assert_ne!(reserved.reserve(Some(first.port())), Ok(first));
        reserved.release(first);
        assert_eq!(reserved.reserve(Some(first.port())), Ok(first));
    }
}
