//! Errors of a deployment's files.

use super::id::{DeploymentId, KeyId};
use crate::engine::EngineError;
use crate::network::NetworkFileError;
use crate::wire::WireError;
use std::path::PathBuf;
use thiserror::Error;

/// A fault of a deployment's files.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeployError {
    /// The system refused to read or write a file.
    #[error("{action} {path}", path = path.display())]
    File {
        /// The attempt: `reading` or `writing`.
        action: &'static str,
        /// The file's path.
        path: PathBuf,
        /// The failure.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {problem}", path = path.display())]
    Content {
        /// The file's path.
        path: PathBuf,
        /// The fault, and what to do.
        problem: String,
    },
    /// The network's file is not valid.
    #[error(transparent)]
    Network(#[from] NetworkFileError),
    /// The files do not belong together.
    #[error("{path} belongs to the deployment {actual}, not to {expected}", path = path.display())]
    OtherDeployment {
        /// The file's path.
        path: PathBuf,
        /// The deployment that is used.
        expected: DeploymentId,
        /// The deployment that the file names.
        actual: DeploymentId,
    },
    /// The file was made with another secret key.
    #[error(
        "{path} was made with the key {actual}, not with {expected}: use the secret.key that made the requests",
        path = path.display()
    )]
    OtherKey {
        /// The file's path.
        path: PathBuf,
        /// The key that is used.
        expected: KeyId,
        /// The key that the file names.
        actual: KeyId,
    },
    /// A message is refused.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The plan or the key is refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
