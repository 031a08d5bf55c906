//! Limits that bound what a server does for others.

use std::time::Duration;

/// Bounds on memory, time and storage. A server refuses what exceeds them with a status that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Open connections. Further ones wait in the system's backlog.
    pub connections: usize,
    /// Evaluations at once. Each takes the memory that `sealquant inspect` predicts, and uses all threads.
    pub evaluations: usize,
    /// Complete requests that wait for an evaluation. Further ones are answered with 429.
    pub waiting: usize,
    /// Bytes of bodies that are arriving or waiting. Further ones are answered with 429.
    pub body_bytes: u64,
    /// Clients whose keys are kept ready for evaluation, for each deployment.
    pub open_keys: usize,
    /// Sets of keys in the store. A further one is answered with 507.
    pub stored_keys: usize,
    /// Time after which a set of keys is removed from the store; its client uploads it again.
    pub key_age: Duration,
    /// Longest pause within a request or a response. A connection that pauses longer is closed.
    pub stall: Duration,
    /// Least average speed of a body, after a first allowance of [`Self::stall`].
    pub slowest_bytes_per_second: u64,
    /// Time that running requests get to end when the server stops.
    pub drain: Duration,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            evaluations: 2,
            waiting: 64,
            body_bytes: 1 << 30,
            open_keys: 8,
            stored_keys: 1_000,
            key_age: Duration::from_hours(30 * 24),
            stall: Duration::from_secs(20),
            slowest_bytes_per_second: 10_000,
            drain: Duration::from_mins(1),
        }
    }
}

impl ServiceLimits {
    /// Returns the time within which so many bytes of a body must arrive.
    pub(super) fn arrival(&self, bytes: u64) -> Duration {
        let slowest = self.slowest_bytes_per_second.max(1);
        self.stall + Duration::from_secs(bytes.div_ceil(slowest))
    }
}
