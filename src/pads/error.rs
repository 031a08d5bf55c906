//! Errors of stores of pads.

use crate::engine::{EngineError, PadNumber};
use crate::wire::WireError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// An error of a store of pads.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PadStoreError {
    /// A file or the folder cannot be read or written: it is missing, the disk is full, or access is denied.
    #[error("{doing} {path}", path = path.display())]
    Io {
        /// The operation, such as "writing".
        doing: &'static str,
        /// Path of the file or folder.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// The folder holds something else than pads.
    #[error(
        "{path} is no file of a store of pads: give each store a folder of its own",
        path = path.display()
    )]
    Foreign {
        /// Path of what is there.
        path: PathBuf,
    },
    /// The file of a pad's secret is damaged. The pad has not been used, and cannot be.
    #[error(
        "{path} is damaged ({reason}): delete it; its pad is lost, and the server's copy will not be used",
        path = path.display()
    )]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// The fault of it.
        reason: &'static str,
    },
    /// The client has no pad left.
    #[error(
        "no pad is left in {path} for this deployment ({others} for others): make pads while there is time, or send the image \
         encrypted",
        path = path.display()
    )]
    Empty {
        /// Path of the folder.
        path: PathBuf,
        /// Number of pads for other deployments in it.
        others: usize,
    },
    /// The pad has served an image already.
    #[error("pad {number} has been used: a pad serves one image, so this one is refused")]
    Used {
        /// The pad's number.
        number: PadNumber,
    },
    /// The server has no such pad.
    #[error("pad {number} is not here: it was never prepared, or for another client")]
    Unknown {
        /// The pad's number.
        number: PadNumber,
    },
    /// The server has this pad already.
    #[error("pad {number} is here already: it was sent twice")]
    Exists {
        /// The pad's number.
        number: PadNumber,
    },
    /// The file of a prepared pad cannot be read or written.
    #[error("the prepared pad {path}", path = path.display())]
    Prepared {
        /// Path of the file.
        path: PathBuf,
        /// The failure.
        #[source]
        source: WireError,
    },
    /// The pad, the image or the parameters do not go together.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl PadStoreError {
    /// Adds the operation and the path to a failure.
    pub(super) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}
