//! Stopping a service or a worker from another thread.

use tokio::sync::watch;

/// Stops a service or a worker: it takes no new work, and what runs ends first.
#[derive(Debug, Clone)]
pub struct StopHandle(watch::Sender<bool>);

impl StopHandle {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Begins to stop. [`crate::service::Service::run`] and [`crate::service::Worker::run`] return when running work has
    /// ended, or after [`crate::service::ServiceLimits::drain`].
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}
