//! The build's only error type: a sentence for the person who builds.

use std::fmt;
use std::path::Path;

/// A sentence that says what is wrong and what to do.
#[derive(Debug)]
pub struct Failure(String);

/// The result type of the build.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// Wraps a sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// Turns an operating system's error into a sentence: "cannot {action} {path}: {cause}".
    pub fn io(action: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let start = format!("cannot {action} {}", path.display());
        move |cause| Self(format!("{start}: {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, because cargo reads build scripts line by line.
        f.write_str(&self.0.replace('\n', " "))
    }
}
