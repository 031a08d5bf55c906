//! What can go wrong when tables are made.

use std::path::PathBuf;

use crate::network::NetworkFileError;
#[cfg(feature = "train")]
use crate::train::TrainError;

/// A failure to make the tables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReproduceError {
    /// A run failed.
    #[cfg(feature = "train")]
    #[error("{name}")]
    Train {
        /// The row.
        name: String,
        /// What happened.
        #[source]
        source: Box<TrainError>,
    },
    /// A network could not be read.
    #[error("network")]
    Network(#[source] Box<NetworkFileError>),
    /// A network refused an image.
    #[error("{name}: an image does not fit the network")]
    Input {
        /// The row.
        name: String,
        /// What is wrong with the image.
        #[source]
        source: Box<crate::network::InputError>,
    },
    /// Reading or writing failed.
    #[error("{what} {path}", path = path.display())]
    Io {
        /// What was being done, as in "cannot read".
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A file of an earlier document is not one.
    #[error("{path} is no file of an accuracy document", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A row of an earlier document was made by other work than the row of this name is now.
    #[error(
        "{name}: {path} is of other work ({differs} differ); make the row again, or remove it from rows.json",
        path = path.display()
    )]
    Stale {
        /// The row.
        name: String,
        /// Its record.
        path: PathBuf,
        /// What differs.
        differs: &'static str,
    },
    /// A plot could not be drawn.
    #[error("cannot draw: {0}")]
    Plot(String),
    /// A result is not what any sane run gives.
    #[error("{0}")]
    Insane(String),
}
