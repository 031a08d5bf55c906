//! Choices for a queue.

use std::{fmt, path::PathBuf, time::Duration};

/// Where the queue is, and what it may hold. A service makes the queue as told here; a worker only needs
/// `servers`, `login`, `roots` and `name`.
#[derive(Clone, PartialEq, Eq)]
pub struct QueueOptions {
    /// Addresses of NATS servers of one cluster: `nats://HOST:PORT`, or `tls://HOST:PORT`.
    pub servers: Vec<String>,
    /// A file with one line: a token, or `USER:PASSWORD`.
    pub login: Option<PathBuf>,
    /// Roots to trust besides the system's, in PEM form.
    pub roots: Option<PathBuf>,
    /// Beginning of the names of the stream and the buckets: letters, digits, `-` and `_`. Services of one name share
    /// workers.
    pub name: String,
    /// NATS servers that hold a copy of everything: 1, 3 or 5.
    pub replicas: usize,
    /// Jobs that wait or run. A further one is answered with 503.
    pub jobs: usize,
    /// Bytes of requests that NATS holds at most, and of responses. It reserves them from the start.
    pub bytes: u64,
    /// Time in which a job must be answered.
    pub job_time: Duration,
    /// Time after which a job of a worker that says nothing goes to another.
    pub ack_wait: Duration,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".to_owned()],
            login: None,
            roots: None,
            name: "sealquant".to_owned(),
            replicas: 1,
            jobs: 1_000,
            bytes: 1 << 30,
            job_time: Duration::from_mins(10),
            ack_wait: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for QueueOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses may hold passwords.
        formatter
            .debug_struct("QueueOptions")
            .field("servers", &self.servers.len())
            .field("name", &self.name)
            .field("replicas", &self.replicas)
            .field("jobs", &self.jobs)
            .field("bytes", &self.bytes)
            .field("job_time", &self.job_time)
            .field("ack_wait", &self.ack_wait)
            .finish_non_exhaustive()
    }
}
