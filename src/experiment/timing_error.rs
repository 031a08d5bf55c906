//! Reasons why a comparison with the authors' schedule ends.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{engine::EngineError, network::InputError};

/// Reasons for which a timing could not be taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TimingError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The image does not fit the network.
    #[error(transparent)]
    Input(#[from] InputError),
    /// There is no finished run for a row.
    #[error("no plaintext modulus has run; run one at least")]
    NoRuns,
    /// A record could not be read or written.
    #[error("cannot {what} {}", path.display())]
    File {
        /// The failed action: `read`, `write` or `name`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
}

impl TimingError {
    /// Names the failed action and the file.
    pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}
