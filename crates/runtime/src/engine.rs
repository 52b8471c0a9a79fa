//! The Docker engine as it is right now: asked again after a while, for it may be started or stopped at any time.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::docker::Docker;

/// For how long an answer is believed: that it is there, and that it is not.
const THERE: Duration = Duration::from_secs(10);
const NOT_THERE: Duration = Duration::from_secs(2);

/// Asks for the engine of a project.
pub(crate) struct Engine {
    project: String,
    known: tokio::sync::Mutex<Known>,
    /// Known without waiting for an answer that is on its way.
    gateway: Mutex<Option<IpAddr>>,
}

#[derive(Default)]
struct Known {
    answer: Option<(Instant, Result<Docker, String>)>,
    /// Whether what a predecessor left in it has been removed.
    cleaned: bool,
}

impl Engine {
    pub(crate) fn new(project: String) -> Engine {
        Engine { project, known: tokio::sync::Mutex::default(), gateway: Mutex::default() }
    }

    /// The engine, or why it does not answer. The first time that it answers, containers that a killed predecessor left
    /// are removed.
    pub(crate) async fn get(&self) -> Result<Docker, String> {
        let mut known = self.known.lock().await;
        if let Some((when, answer)) = &known.answer
            && when.elapsed() < if answer.is_ok() { THERE } else { NOT_THERE }
        {
            return answer.clone();
        }
        let answer = Docker::connect(&self.project).await;
        if let Ok(docker) = &answer
            && !known.cleaned
        {
            docker.clean().await;
            known.cleaned = true;
        }
        let gateway = answer.as_ref().ok().and_then(|docker| docker.gateway);
        *self.gateway.lock().unwrap_or_else(PoisonError::into_inner) = gateway;
        known.answer = Some((Instant::now(), answer.clone()));
        answer
    }

    /// The address of this machine in the engine's bridge, as far as known.
    pub(crate) fn gateway(&self) -> Option<IpAddr> {
        *self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
