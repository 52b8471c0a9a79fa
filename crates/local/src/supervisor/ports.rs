//! Which ports on loopback are given to whom.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use crate::world::Ports;

/// The addresses that were given out, each with what keeps it from supervisors of other projects: between the moment that
/// a port is found free and the moment that somebody listens on it, it could be found free again.
#[derive(Debug, Default)]
pub(crate) struct Reserved(BTreeMap<SocketAddr, Option<Claim>>);

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
        Reserved(taken.into_iter().map(|address| (address, Claim::of(address.port()).ok().flatten())).collect())
    }

    fn free(&self, port: u16) -> Option<(SocketAddr, Option<Claim>)> {
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
        (!self.0.contains_key(&address)).then_some((address, claim))
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
        let (address, claim) = found.ok_or("no port on loopback is free")?;
        self.0.insert(address, claim);
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
