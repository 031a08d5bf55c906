//! Requests in a queue of NATS JetStream, and workers that answer them.
//!
//! ```text
//! QueueOptions   where NATS is, and what it may hold
//! Connection     a connection to it: the stream of jobs, the buckets
//! Queue          the service's side: stores a request, adds a job, waits for the response
//! Worker         takes jobs, evaluates, stores responses, then acknowledges
//! ```
//!
//! One job is a request with all its plain primes. NATS holds requests and responses, which are encrypted, and evaluation keys, which are public.
//! Each is deleted when the service has its answer, or by age. `docs/SERVICE.md` tells what is stored where.

mod bucket;
mod connection;
mod error;
mod job;
mod options;
mod sender;
mod worker;

pub(super) use bucket::{Bucket, until};
pub(super) use connection::{Connection, KEYS};
pub(super) use error::QueueError;
pub use options::QueueOptions;
pub(super) use sender::Queue;
pub use worker::{Worker, WorkerOptions};
