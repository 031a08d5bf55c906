//! Reasons why a service cannot start.

use std::path::PathBuf;

use crate::deploy::DeployError;

/// A reason why a service cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// A deployment cannot be served.
    #[error(transparent)]
    Deployment(#[from] DeployError),
    /// Two folders hold the same deployment.
    #[error("the deployment {0} is named twice")]
    Twice(crate::deploy::DeploymentId),
    /// The memory for bodies does not hold the largest one.
    #[error("a request or a set of keys has {largest} bytes: allow more memory for bodies")]
    Memory {
        /// Size of the largest body, in bytes.
        largest: u64,
    },
    /// The queue's memory does not hold the largest request or response.
    #[error(
        "a request or a response takes up to {largest} bytes of the queue: allow more memory for the queue"
    )]
    QueueMemory {
        /// What the largest one takes there, in bytes.
        largest: u64,
    },
    /// The key store cannot be used.
    #[error("the key store {place}: {problem}")]
    KeyStore {
        /// The folder or address.
        place: String,
        /// The problem.
        problem: String,
    },
    /// The queue cannot be used.
    #[error("the queue: {0}")]
    Queue(String),
    /// A file with certificates, a key or tokens is not usable.
    #[error("{path}: {problem}", path = path.display())]
    File {
        /// The file's path.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// The failure.
        source: std::io::Error,
    },
    /// The system gives no threads, or the listening socket failed.
    #[error("the system refuses to serve")]
    System(#[from] std::io::Error),
}
