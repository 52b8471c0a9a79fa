//! A target group: who gets the next request, who comes and who goes.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use tokio::task::{AbortHandle, JoinSet};

use crate::check;
use crate::counts::Meter;
use crate::health::{HealthStatus, TargetHealth};
use crate::spec;
use crate::target::{Lease, Target};

pub(crate) struct Group {
    /// What a cookie says for this group.
    pub(crate) token: String,
    pub(crate) meter: Meter,
    inner: Mutex<Inner>,
}

struct Inner {
    spec: spec::TargetGroup,
    /// Some rule names the group.
    used: bool,
    members: BTreeMap<String, Member>,
    /// Those of the members that get requests now.
    eligible: Vec<Arc<Target>>,
    /// Where the round goes on.
    next: usize,
    draining: Vec<Arc<Target>>,
    drains: JoinSet<()>,
}

struct Member {
    target: Arc<Target>,
    checks: Option<AbortHandle>,
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(checks) = self.checks.take() {
            checks.abort();
        }
    }
}

/// Which target a request goes to.
pub(crate) struct Pick {
    pub(crate) lease: Lease,
    /// The group keeps clients with their target: for so long, under this token.
    pub(crate) sticky: Option<(std::time::Duration, String)>,
}

impl Group {
    pub(crate) fn new(arn: &str, spec: spec::TargetGroup) -> Self {
        let spec = spec::TargetGroup { targets: BTreeMap::new(), ..spec };
        Group {
            token: token(arn),
            meter: Meter::new(),
            inner: Mutex::new(Inner {
                spec,
                used: false,
                members: BTreeMap::new(),
                eligible: Vec::new(),
                next: 0,
                draining: Vec::new(),
                drains: JoinSet::new(),
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses a target that was not tried yet, the one of the client's cookie if it can be.
    pub(crate) fn pick(&self, cookie: Option<&str>, tried: &[Arc<Target>]) -> Option<Pick> {
        let mut inner = self.inner();
        let count = inner.eligible.len();
        let start = inner.next;
        let sticky = inner.spec.stickiness;
        let wanted = cookie.filter(|_| sticky.is_some());
        let fresh = |target: &Arc<Target>| tried.iter().all(|other| !Arc::ptr_eq(other, target));
        let of_cookie = wanted.and_then(|wanted| {
            (0..count).find(|at| token(&inner.eligible[*at].id) == wanted && fresh(&inner.eligible[*at]))
        });
        let at = of_cookie.or_else(|| {
            let mut round = (0..count).map(|step| (start + step) % count).filter(|at| fresh(&inner.eligible[*at]));
            if inner.spec.least_outstanding {
                // The first of equals: so equals take turns.
                round.min_by_key(|at| inner.eligible[*at].in_flight())
            } else {
                round.next()
            }
        })?;
        if of_cookie.is_none() {
            inner.next = (at + 1) % count;
        }
        let target = &inner.eligible[at];
        Some(Pick { lease: target.lease(), sticky: sticky.map(|time| (time, token(&target.id))) })
    }

    /// Brings in what is new, so that rules may already send requests here. Nothing leaves.
    pub(crate) fn extend(self: &Arc<Self>, spec: &spec::TargetGroup) {
        let mut inner = self.inner();
        let recheck = inner.spec.health_check != spec.health_check;
        let status = if !inner.used {
            HealthStatus::Unused
        } else if spec.health_check.enabled {
            HealthStatus::Initial
        } else {
            HealthStatus::Healthy
        };
        inner.spec = spec::TargetGroup { targets: BTreeMap::new(), ..spec.clone() };
        for (id, address) in &spec.targets {
            if inner.members.get(id).is_some_and(|member| member.target.is(*address, spec.https)) {
                continue;
            }
            let target = Arc::new(Target::new(id.clone(), *address, spec.https, status.clone()));
            if let Some(replaced) = inner.members.insert(id.clone(), Member { target, checks: None }) {
                self.drain(&mut inner, replaced);
            }
        }
        if recheck {
            for member in inner.members.values_mut() {
                member.checks.take().inspect(AbortHandle::abort);
            }
        }
        inner.elect();
    }

    /// Takes out targets that are not to be here, begins or ends checks.
    pub(crate) fn settle(self: &Arc<Self>, spec: &spec::TargetGroup, used: bool) {
        let mut inner = self.inner();
        let gone: Vec<String> = inner.members.keys().filter(|id| !spec.targets.contains_key(*id)).cloned().collect();
        for id in gone {
            if let Some(member) = inner.members.remove(&id) {
                self.drain(&mut inner, member);
            }
        }
        inner.used = used;
        let now = SystemTime::now();
        let check = inner.spec.health_check.clone();
        for member in inner.members.values_mut() {
            let mut health = member.target.health();
            if !used || !check.enabled {
                member.checks.take().inspect(AbortHandle::abort);
                health.turn(if used { HealthStatus::Healthy } else { HealthStatus::Unused }, now);
                continue;
            }
            if health.status == HealthStatus::Unused {
                health.turn(HealthStatus::Initial, now);
            }
            if member.checks.is_none() {
                let run = check::run(Arc::downgrade(self), Arc::downgrade(&member.target), check.clone());
                member.checks = Some(tokio::spawn(run).abort_handle());
            }
        }
        inner.elect();
    }

    /// Takes everything out.
    pub(crate) fn retire(self: &Arc<Self>) {
        let spec = spec::TargetGroup { targets: BTreeMap::new(), ..self.inner().spec.clone() };
        self.settle(&spec, false);
    }

    /// Lets a target finish its requests, for as long as the group allows.
    fn drain(self: &Arc<Self>, inner: &mut Inner, member: Member) {
        let target = member.target.clone();
        target.health().turn(HealthStatus::Draining, SystemTime::now());
        inner.eligible.retain(|other| !Arc::ptr_eq(other, &target));
        inner.draining.push(target.clone());
        let (group, delay): (Weak<Group>, _) = (Arc::downgrade(self), inner.spec.deregistration_delay);
        while inner.drains.try_join_next().is_some() {}
        inner.drains.spawn(async move {
            let _ = tokio::time::timeout(delay, target.finished()).await;
            target.close();
            if let Some(group) = group.upgrade() {
                group.inner().draining.retain(|other| !Arc::ptr_eq(other, &target));
            }
        });
    }

    /// Takes in what a check of a target found.
    pub(crate) fn observe(&self, target: &Target, result: Result<(), String>) {
        let mut inner = self.inner();
        let check = &inner.spec.health_check;
        let changed = {
            let mut health = target.health();
            if matches!(health.status, HealthStatus::Draining | HealthStatus::Unused) {
                return;
            }
            let changed = health.observe(result, check, SystemTime::now());
            if changed {
                tracing::info!(group = inner.spec.name, target = target.id, status = ?health.status, "target health");
            }
            changed
        };
        if changed {
            inner.elect();
        }
    }

    pub(crate) fn health(&self) -> BTreeMap<String, TargetHealth> {
        let inner = self.inner();
        let leaving = inner.draining.iter().map(|target| (target.id.clone(), target.report()));
        let members = inner.members.iter().map(|(id, member)| (id.clone(), member.target.report()));
        leaving.chain(members).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        let inner = self.inner();
        inner.members.is_empty() && inner.draining.is_empty()
    }

    /// Cuts everything.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        inner.drains.abort_all();
        inner.eligible.clear();
        let leaving = std::mem::take(&mut inner.draining);
        let members = std::mem::take(&mut inner.members);
        leaving.iter().chain(members.values().map(|member| &member.target)).for_each(|target| target.close());
    }
}

impl Inner {
    /// Those that are healthy get the requests; if none is, all do: a broken check must not take everything down.
    fn elect(&mut self) {
        let all = || self.members.values().map(|member| &member.target);
        let healthy: Vec<_> = all().filter(|target| target.health().status == HealthStatus::Healthy).cloned().collect();
        self.eligible = if healthy.is_empty() { all().cloned().collect() } else { healthy };
    }
}

impl Target {
    fn is(&self, address: std::net::SocketAddr, https: bool) -> bool {
        self.address == address && self.https == https
    }
}

/// A short name for cookies, the same in every run.
fn token(name: &str) -> String {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
