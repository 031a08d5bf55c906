//! Deployments served over HTTP: a server that holds no secret key, and a client for it.
//!
//! ```text
//! Service      one or more deployments behind HTTP, with a store for clients' keys
//! Remote       a client's view of such a server: it uploads keys once, sends requests, waits when the server is busy
//! Worker       takes requests of a service out of a queue (NATS JetStream) and answers them, on any machine
//! ```
//!
//! Bodies are messages of [`crate::wire`]. `docs/SERVICE.md` describes every call, limit and metric; the server answers
//! `GET /openapi.json` with the description for programs.
//!
//! # Memory
//! [`ServiceLimits`] bound what a server holds: the bodies of requests that are arriving or waiting, the
//! working memory of as many evaluations as may run at once, the keys that are kept ready, and for each open connection
//! one response that is being sent.

mod auth;
mod body;
mod error;
mod evaluate;
mod here;
mod hosted;
mod key_hash;
mod key_store;
mod limits;
mod listen;
mod metrics;
mod offer;
mod open_keys;
mod page;
mod path_part;
mod problem;
mod queue;
mod remote;
mod routes;
mod state;
mod stop;

pub use error::ServiceError;
pub use key_hash::KeyHash;
pub use limits::ServiceLimits;
pub use listen::{Service, ServiceOptions, TlsFiles};
pub use offer::Offer;
pub use queue::{QueueOptions, Worker, WorkerOptions};
pub use remote::{Answer, Remote, RemoteError, RemoteOptions};
pub use stop::StopHandle;

/// Chooses the cryptography of TLS, unless the process has chosen already.
fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests;
