//! All load balancers of this machine's project: brings what runs to what is wanted.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::counts::{Counts, Meter};
use crate::group::Group;
use crate::health::TargetHealth;
use crate::listener::{Running, Shared};
use crate::routes::{Owner, Routes, used_groups};
use crate::spec::{self, Spec};
use crate::tls;

/// How long requests under way may take at the end.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// How long requests under way may take when only their listener goes.
const LISTENER_LIMIT: Duration = Duration::from_secs(300);

/// The load balancers that run. Clones are handles on the same.
#[derive(Clone, Default)]
pub struct Balancers {
    /// Held while a specification is brought in.
    listeners: Arc<tokio::sync::Mutex<BTreeMap<String, Served>>>,
    observed: Arc<Mutex<Observed>>,
}

/// What can be asked at any time.
#[derive(Default)]
struct Observed {
    groups: BTreeMap<String, Arc<Group>>,
    /// Groups that are gone but for targets that finish their requests.
    retired: Vec<(String, Arc<Group>)>,
    balancers: BTreeMap<String, Arc<Meter>>,
}

/// A listener with its socket.
struct Served {
    bind: SocketAddr,
    address: SocketAddr,
    tls_names: Option<Vec<String>>,
    tls: Option<TlsAcceptor>,
    /// `None` between the socket's opening and its first rules.
    running: Option<(Running, Arc<Shared>)>,
    socket: Option<TcpListener>,
}

impl Balancers {
    /// None yet.
    pub fn new() -> Self {
        Balancers::default()
    }

    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings what runs to the specification. Listeners that stay keep their socket and their connections; weights,
    /// rules and targets count for the very next request. Says for each listener (by ARN) where it listens, or why it
    /// cannot; the others go on.
    pub async fn apply(&self, spec: Spec) -> BTreeMap<String, Result<SocketAddr, String>> {
        self.apply_with(spec, Vec::new()).await
    }

    /// The same with sockets that listen already: a new listener on the address of one takes it over, so that nobody else
    /// could take that port in between. Those that no listener wants are closed.
    pub async fn apply_with(
        &self,
        spec: Spec,
        sockets: Vec<std::net::TcpListener>,
    ) -> BTreeMap<String, Result<SocketAddr, String>> {
        let mut listeners = self.listeners.lock().await;
        let groups = self.extend_groups(&spec);
        let mut answers = open_sockets(&mut listeners, &spec, sockets).await;
        let gone = self.route(&mut listeners, &spec, &groups, &mut answers);
        // Only now, when no rule leads there any more, may targets go.
        self.settle_groups(&spec, &groups);
        for served in gone {
            if let Some((running, _)) = served.running {
                tokio::spawn(running.stop(LISTENER_LIMIT));
            }
        }
        answers
    }

    fn extend_groups(&self, spec: &Spec) -> BTreeMap<String, Arc<Group>> {
        let mut observed = self.observed();
        for (arn, wanted) in &spec.target_groups {
            let group = observed.groups.entry(arn.clone()).or_insert_with(|| Arc::new(Group::new(arn, wanted.clone())));
            group.extend(wanted);
        }
        observed.groups.clone()
    }

    fn settle_groups(&self, spec: &Spec, groups: &BTreeMap<String, Arc<Group>>) {
        let used = used_groups(spec);
        let mut observed = self.observed();
        for (arn, group) in groups {
            match spec.target_groups.get(arn) {
                Some(wanted) => group.settle(wanted, used.contains(arn.as_str())),
                None => {
                    group.retire();
                    observed.groups.remove(arn);
                    observed.retired.push((arn.clone(), group.clone()));
                }
            }
        }
        observed.retired.retain(|(_, group)| !group.is_empty());
        observed.balancers.retain(|arn, _| spec.balancers.contains_key(arn));
    }

    /// Gives the listeners their rules; returns those that are to end.
    fn route(
        &self,
        listeners: &mut BTreeMap<String, Served>,
        spec: &Spec,
        groups: &BTreeMap<String, Arc<Group>>,
        answers: &mut BTreeMap<String, Result<SocketAddr, String>>,
    ) -> Vec<Served> {
        for (arn, balancer) in &spec.balancers {
            let meter = self.observed().balancers.entry(arn.clone()).or_insert_with(|| Arc::new(Meter::new())).clone();
            let real =
                |(arn, listener): (&String, &spec::Listener)| Some((listener.port, listeners.get(arn)?.address.port()));
            let ports = balancer.listeners.iter().filter_map(real).collect();
            let owner = Arc::new(Owner { meter, idle_timeout: balancer.idle_timeout, ports });
            for (arn, listener) in &balancer.listeners {
                let Some(served) = listeners.get_mut(arn) else { continue };
                if served.tls_names != listener.tls_names {
                    match listener.tls_names.as_deref().map(tls::acceptor).transpose() {
                        Ok(acceptor) => {
                            served.tls = acceptor;
                            served.tls_names = listener.tls_names.clone();
                        }
                        Err(reason) => {
                            answers.insert(arn.clone(), Err(reason));
                        }
                    }
                }
                if let Some((_, shared)) = &served.running {
                    let routes = Routes::new(listener, owner.clone(), groups, Some(&shared.routes()));
                    shared.set(routes);
                    shared.set_tls(served.tls.clone());
                } else if let Some(socket) = served.socket.take() {
                    let routes = Routes::new(listener, owner.clone(), groups, None);
                    let shared = Arc::new(Shared::new(served.address.port(), routes, served.tls.clone()));
                    served.running = Some((Running::start(socket, shared.clone()), shared));
                }
            }
        }
        let stays = |arn: &String| spec.balancers.values().any(|balancer| balancer.listeners.contains_key(arn));
        let gone: Vec<String> = listeners.keys().filter(|arn| !stays(arn)).cloned().collect();
        gone.iter().filter_map(|arn| listeners.remove(arn)).collect()
    }

    /// How the targets are, by target group (ARN) and target. A target that drains is listed until it has finished.
    pub fn health(&self) -> BTreeMap<String, BTreeMap<String, TargetHealth>> {
        let mut observed = self.observed();
        observed.retired.retain(|(_, group)| !group.is_empty());
        let retired = observed.retired.iter().map(|(arn, group)| (arn.clone(), group.health()));
        retired.chain(observed.groups.iter().map(|(arn, group)| (arn.clone(), group.health()))).collect()
    }

    /// What the target groups (by ARN) were asked since the start.
    pub fn counts(&self) -> BTreeMap<String, Counts> {
        self.observed().groups.iter().map(|(arn, group)| (arn.clone(), group.meter.total())).collect()
    }

    /// What a target group was asked lately: in the second under way and those before it that the window touches. Ten
    /// minutes are known.
    pub fn window(&self, group: &str, window: Duration) -> Counts {
        let group = self.observed().groups.get(group).cloned();
        group.map_or_else(Counts::default, |group| group.meter.window(window))
    }

    /// The same for a load balancer, with what it answered itself.
    pub fn balancer_counts(&self, balancer: &str, window: Duration) -> Counts {
        let meter = self.observed().balancers.get(balancer).cloned();
        meter.map_or_else(Counts::default, |meter| meter.window(window))
    }

    /// Stops accepting, lets requests end (for at most ten seconds), closes everything.
    pub async fn shutdown(&self) {
        let mut listeners = self.listeners.lock().await;
        let mut ends = tokio::task::JoinSet::new();
        for (running, _) in std::mem::take(&mut *listeners).into_values().filter_map(|served| served.running) {
            ends.spawn(running.stop(SHUTDOWN_LIMIT));
        }
        while ends.join_next().await.is_some() {}
        let observed = std::mem::take(&mut *self.observed());
        observed.groups.values().chain(observed.retired.iter().map(|(_, group)| group)).for_each(|group| group.close());
    }
}

/// Opens the sockets that are missing. A listener that goes leaves its socket to one that comes on the same address.
async fn open_sockets(
    listeners: &mut BTreeMap<String, Served>,
    spec: &Spec,
    sockets: Vec<std::net::TcpListener>,
) -> BTreeMap<String, Result<SocketAddr, String>> {
    let mut open: BTreeMap<SocketAddr, std::net::TcpListener> =
        sockets.into_iter().filter_map(|socket| Some((socket.local_addr().ok()?, socket))).collect();
    let wanted: BTreeMap<&String, &spec::Listener> =
        spec.balancers.values().flat_map(|balancer| &balancer.listeners).collect();
    let mut left: BTreeMap<String, Served> = std::mem::take(listeners);
    for (arn, listener) in &wanted {
        if left.get(*arn).is_some_and(|served| served.fits(listener.bind))
            && let Some(served) = left.remove(*arn)
        {
            listeners.insert((*arn).clone(), served);
        }
    }
    let mut answers = BTreeMap::new();
    for (arn, listener) in wanted {
        if !listeners.contains_key(arn) {
            let same = left.iter().find(|(_, served)| served.address == listener.bind);
            let served = match same.map(|(other, _)| other.clone()).and_then(|other| left.remove(&other)) {
                Some(served) => Ok(served),
                None => Served::open(listener.bind, open.remove(&listener.bind)).await,
            };
            match served {
                Ok(served) => drop(listeners.insert(arn.clone(), served)),
                Err(reason) => drop(answers.insert(arn.clone(), Err(reason))),
            }
        }
        if let Some(served) = listeners.get(arn) {
            answers.insert(arn.clone(), Ok(served.address));
        }
    }
    // Those that moved to another address end here; those that are not wanted at all, once the rules are in place.
    for (arn, served) in left {
        listeners.entry(arn).or_insert(served);
    }
    answers
}

impl Served {
    /// Whether it listens where it is wanted; port 0 is any.
    fn fits(&self, bind: SocketAddr) -> bool {
        self.bind == bind || self.address == bind
    }

    /// Listens there, on the socket that does so already if there is one.
    async fn open(bind: SocketAddr, listening: Option<std::net::TcpListener>) -> Result<Self, String> {
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::AddrInUse => format!("cannot listen on {bind}: another program listens there"),
            ErrorKind::PermissionDenied => format!("cannot listen on {bind}: this user may not use that port"),
            _ => format!("cannot listen on {bind}: {error}"),
        };
        let taken_over =
            listening.map(|socket| socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket)));
        let socket = match taken_over {
            Some(Ok(socket)) => socket,
            Some(Err(_)) | None => TcpListener::bind(bind).await.map_err(failed)?,
        };
        let address = socket.local_addr().map_err(failed)?;
        Ok(Served { bind, address, tls_names: None, tls: None, running: None, socket: Some(socket) })
    }
}
