//! Which ports on loopback are given to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use crate::world::Ports;

/// The addresses that were given out, each with what keeps it from others: between the moment that a port is found free
/// and the moment that its server listens on it, it could be found free again.
#[derive(Debug, Default)]
pub(crate) struct Reserved(BTreeMap<SocketAddr, Holding>);

/// What keeps an address from others.
#[derive(Debug)]
struct Holding {
    /// From supervisors of other projects, for as long as it is given out.
    _claim: Option<Claim>,
    /// From all other programs, until its server listens itself.
    socket: Option<TcpListener>,
}

/// A file with the port's name, locked as long as the claim lives.
#[derive(Debug)]
struct Claim {
    path: PathBuf,
    _locked: File,
}

impl Claim {
    /// `Err`: another supervisor has it. `Ok(None)`: claims cannot be made here, so that nobody has any.
    fn of(port: u16) -> Result<Option<Claim>, ()> {
        #[cfg(unix)]
        let owner = rustix::process::getuid().as_raw();
        #[cfg(not(unix))]
        let owner = 0;
        let folder = std::env::temp_dir().join(format!("infra-ports-{owner}"));
        let path = folder.join(port.to_string());
        let opened = std::fs::create_dir_all(&folder).and_then(|()| File::create(&path));
        let Ok(file) = opened else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { path, _locked: file })),
            Err(std::fs::TryLockError::WouldBlock) => Err(()),
            Err(std::fs::TryLockError::Error(_)) => Ok(None),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Reserved {
    /// With those that records of an earlier run hold.
    pub(crate) fn new(taken: impl IntoIterator<Item = SocketAddr>) -> Reserved {
        let mut reserved = Reserved::default();
        reserved.hold_only(taken);
        reserved
    }

    /// Gives back all but these, and holds those of these that were given back.
    pub(super) fn hold_only(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        let mut before = std::mem::take(&mut self.0);
        let again = |address: SocketAddr| Holding { _claim: Claim::of(address.port()).ok().flatten(), socket: None };
        let one = |address| (address, before.remove(&address).unwrap_or_else(|| again(address)));
        // A balancer and its listener have the same.
        self.0 = addresses.into_iter().collect::<BTreeSet<_>>().into_iter().map(one).collect();
    }

    /// The socket that has kept an address so far: whoever gets it listens there from now on, or closes it and lets
    /// another program listen.
    pub(super) fn hand_over(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.0.get_mut(&address)?.socket.take()
    }

    fn free(&self, port: u16) -> Option<(SocketAddr, Holding)> {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let wanted = SocketAddr::new(ip, port);
        if port != 0 && self.0.contains_key(&wanted) {
            return None;
        }
        // Some systems let a port on all addresses and the same one on loopback be listened on side by side: whoever
        // asks for `localhost` would then get either.
        let everywhere = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok()?;
        let chosen = everywhere.local_addr().ok()?.port();
        let claim = Claim::of(chosen).ok()?;
        drop(everywhere);
        let here = TcpListener::bind((ip, chosen)).ok()?;
        let address = here.local_addr().ok()?;
        (!self.0.contains_key(&address)).then_some((address, Holding { _claim: claim, socket: Some(here) }))
    }
}

impl Ports for Reserved {
    fn reserve(&mut self, wanted: Option<u16>) -> Result<SocketAddr, String> {
        // A privileged port that is refused is looked for where people look next: 80 becomes 8080, 443 becomes 8443.
        let near = wanted.into_iter().flat_map(|port| {
            let high = if port < 1024 { 8000 + port } else { port };
            std::iter::once(port).chain((0..20).map(move |n| high.saturating_add(n)))
        });
        let found = near.chain(std::iter::once(0)).find_map(|port| self.free(port));
        let (address, holding) = found.ok_or("no port on loopback is free")?;
        self.0.insert(address, holding);
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
    fn a_port_that_was_given_out_is_kept_from_other_programs_until_its_server_listens() {
        let mut reserved = Reserved::default();
        let Ok(address) = reserved.reserve(None) else { return };
        assert!(TcpListener::bind(address).is_err());
        let socket = reserved.hand_over(address);
        assert_eq!(socket.as_ref().and_then(|socket| socket.local_addr().ok()), Some(address));
        assert!(reserved.hand_over(address).is_none(), "it is handed over once");
        drop(socket);
        assert!(TcpListener::bind(address).is_ok());
    }

    #[test]
    fn what_no_record_has_is_given_back_and_the_rest_stays_held() {
        let mut reserved = Reserved::default();
        let (Ok(one), Ok(other)) = (reserved.reserve(None), reserved.reserve(None)) else { return };
        reserved.hold_only([one, one]);
        assert!(TcpListener::bind(one).is_err());
        assert!(TcpListener::bind(other).is_ok());
        assert_ne!(reserved.reserve(Some(one.port())), Ok(one));
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
