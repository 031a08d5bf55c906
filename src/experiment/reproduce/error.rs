//! Errors of making tables.

use std::path::PathBuf;

use plotters::drawing::DrawingAreaErrorKind;

/// A failure to make the tables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReproduceError {
    /// The work for a row failed.
    #[error("{name}")]
    Row {
        /// The name of the row.
        name: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Reading or writing failed.
    #[error("{what} {path}", path = path.display())]
    Io {
        /// The action that failed, as in "cannot read".
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A file of an earlier document is not valid.
    #[error("{path} is no file of an accuracy document", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        #[source]
        source: serde_json::Error,
    },
    /// A row of an earlier document was made by different work than the row with this name is now.
    #[error(
        "{name}: {path} is of other work ({differs} differ); make the row again, or remove it from rows.json",
        path = path.display()
    )]
    Stale {
        /// The name of the row.
        name: String,
        /// The path of its record.
        path: PathBuf,
        /// The parts that differ.
        differs: &'static str,
    },
    /// A plot could not be drawn.
    #[error("cannot draw: {0}")]
    Plot(String),
    /// A result is not one that a sane run gives.
    #[error("{0}")]
    Insane(String),
}

#[cfg(feature = "train")]
impl ReproduceError {
    /// Names the row whose work failed.
    pub(super) fn of_row<E: std::error::Error + Send + Sync + 'static>(
        name: &str,
    ) -> impl Fn(E) -> Self {
        move |source| Self::Row {
            name: name.to_owned(),
            source: Box::new(source),
        }
    }
}

/// The words of the library of plots.
impl From<DrawingAreaErrorKind<std::io::Error>> for ReproduceError {
    fn from(error: DrawingAreaErrorKind<std::io::Error>) -> Self {
        Self::Plot(error.to_string())
    }
}
