//! Errors of finding, fetching and reading datasets.

use std::{fmt, path::PathBuf};

use super::DatasetName;

/// A failure to find, fetch, verify or parse a dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The path that the user named is not a directory.
    #[error("{origin} {dir}, {problem}: {advice}", dir = dir.display(), advice = origin.advice())]
    NoDirectory {
        /// The place where the directory was named.
        origin: Origin,
        /// The directory.
        dir: PathBuf,
        /// The problem, phrased like "which does not exist".
        problem: String,
    },
    /// A directory named by the user does not hold the files.
    #[error(
        "{origin} {dir}, which does not hold {dataset}: {found}; {looked_for}; {advice}",
        dir = dir.display(),
        advice = origin.advice()
    )]
    NotInDirectory {
        /// The dataset that was asked for.
        dataset: DatasetName,
        /// The place where the directory was named.
        origin: Origin,
        /// The directory that was searched.
        dir: PathBuf,
        /// The files of the dataset that are missing, or else what the directory holds instead.
        found: String,
        /// The files that were looked for, in each form of the dataset.
        looked_for: String,
    },
    /// Reading or writing failed.
    #[error("{what} {path}", path = path.display())]
    Io {
        /// The action that failed, phrased like "cannot read".
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The contents of a file do not fit its name.
    #[error("{path}: {reason}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The fault, with expected and actual values.
        reason: String,
    },
    /// A fetched or cached file differs from the published one.
    #[error(
        "{path}: SHA-256 is {actual}, expected {expected}: the file is damaged or not the published one; delete it and fetch again",
        path = path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The published file's SHA-256, in hexadecimal.
        expected: String,
        /// The SHA-256 found.
        actual: String,
    },
    /// A file belongs to another dataset whose files have the same names.
    #[error("{path} is a file of {found}, not of {expected}", path = path.display())]
    WrongDataset {
        /// The file.
        path: PathBuf,
        /// The dataset that was asked for.
        expected: DatasetName,
        /// The dataset that the file belongs to.
        found: DatasetName,
    },
    /// A package client is not installed.
    #[error("{dataset}: `{program}` is needed to fetch {package} and was not found: {advice}")]
    NoClient {
        /// The dataset that was asked for.
        dataset: DatasetName,
        /// The client.
        program: &'static str,
        /// The package that the client should have fetched.
        package: &'static str,
        /// Advice for the user.
        advice: String,
    },
    /// A package client ran and failed (usually: no network).
    #[error("{dataset}: `{command}` failed ({status}): {stderr}; {advice}")]
    ClientFailed {
        /// The dataset that was asked for.
        dataset: DatasetName,
        /// The command line that was run.
        command: String,
        /// The client's exit status.
        status: String,
        /// The last lines that the client wrote to standard error.
        stderr: String,
        /// Advice for the user.
        advice: String,
    },
    /// A fetched package lacks an expected file.
    #[error("{dataset}: package {package} holds no file `{file}`")]
    NotInPackage {
        /// The dataset that was asked for.
        dataset: DatasetName,
        /// The package.
        package: &'static str,
        /// The missing file.
        file: String,
    },
    /// The operating system names no cache directory.
    #[error(
        "no cache directory is known (is HOME set?): set SEALQUANT_DATA or give a data directory"
    )]
    NoCache,
    /// The images, labels and shape of a dataset built by hand do not match.
    #[error("dataset: {0}")]
    Inconsistent(String),
}

/// The environment variable that names a directory of datasets.
pub const DATA_VARIABLE: &str = "SEALQUANT_DATA";

/// The place where a directory of datasets was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Named in [`Source::data_dir`](super::Source::data_dir).
    Source,
    /// Named in the environment variable [`DATA_VARIABLE`].
    Variable,
}

impl Origin {
    const fn advice(self) -> &'static str {
        match self {
            Self::Source => "name the directory that holds the dataset's files",
            Self::Variable => "correct the variable, or unset it to fetch datasets into the cache",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("the data directory is"),
            Self::Variable => write!(f, "{DATA_VARIABLE} is"),
        }
    }
}

impl DataError {
    pub(super) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
