//! The state that all calls share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    auth::Tokens, body::BodyMemory, hosted::Hosted, key_store::KeyStore, limits::ServiceLimits,
    metrics::Metrics, problem::Problem, queue::Queue,
};
use crate::deploy::DeploymentId;

/// The state that all calls share.
#[derive(Debug)]
pub(super) struct ServiceState {
    pub hosted: BTreeMap<DeploymentId, Arc<Hosted>>,
    pub tokens: Tokens,
    pub keys: KeyStore,
    pub limits: ServiceLimits,
    pub memory: BodyMemory,
    pub metrics: Metrics,
    /// The queue whose workers evaluate; without it, this process does.
    pub queue: Option<Arc<Queue>>,
    evaluations: Arc<Semaphore>,
    draining: AtomicBool,
}

impl ServiceState {
    pub fn new(
        hosted: BTreeMap<DeploymentId, Arc<Hosted>>,
        tokens: Tokens,
        keys: KeyStore,
        limits: ServiceLimits,
    ) -> Self {
        Self {
            hosted,
            tokens,
            keys,
            memory: BodyMemory::new(limits.body_bytes),
            metrics: Metrics::new(),
            queue: None,
            evaluations: Arc::new(Semaphore::new(limits.evaluations.max(1))),
            draining: AtomicBool::new(false),
            limits,
        }
    }

    /// Refuses new work from now on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Counts an evaluation or an upload until the result is dropped; `None` if the service is about to stop.
    pub fn enter(self: &Arc<Self>) -> Option<Call> {
        self.metrics.open_calls.inc();
        let call = Call(Arc::clone(self));
        (!self.is_draining()).then_some(call)
    }

    /// True if no answer is being made.
    pub fn is_idle(&self) -> bool {
        self.metrics.open_calls.get() == 0
    }

    /// Finds a deployment by the identifier in a path.
    pub fn deployment(&self, id: &str) -> Result<&Arc<Hosted>, Problem> {
        let id: DeploymentId = id
            .parse()
            .map_err(|error| Problem::new(StatusCode::NOT_FOUND, "no-deployment", error))?;
        self.hosted.get(&id).ok_or_else(|| {
            let detail = format!(
                "the deployment {id} is not served, or not any more: GET /v1/deployments lists what is, and new \
                 deployments need new keys"
            );
            Problem::gone(detail)
        })
    }

    /// Waits for a turn to evaluate. Too many that wait are refused at once.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = WaitingPlace::take(self)?;
        let turn = Arc::clone(&self.evaluations).acquire_owned().await;
        drop(place);
        turn.map_err(|_| Problem::draining())
    }
}

/// An evaluation or an upload whose answer is being made.
pub(super) struct Call(Arc<ServiceState>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.metrics.open_calls.dec();
    }
}

/// A place among those that wait.
pub(super) struct WaitingPlace<'a>(&'a ServiceState);

impl<'a> WaitingPlace<'a> {
    pub fn take(state: &'a ServiceState) -> Result<Self, Problem> {
        let place = Self(state);
        let before = state.metrics.waiting.inc();
        if before.cast_unsigned() >= state.limits.waiting.max(1) as u64 {
            return Err(Problem::busy("too many requests wait for an evaluation"));
        }
        Ok(place)
    }
}

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.0.metrics.waiting.dec();
    }
}
