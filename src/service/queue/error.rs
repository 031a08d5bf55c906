//! Failures of the queue.

use crate::service::problem::Problem;

/// A failure of the queue.
#[derive(Debug, thiserror::Error)]
pub(in crate::service) enum QueueError {
    /// It holds as much as it may.
    #[error("the queue holds as much as it may")]
    Full,
    /// It does not answer, or answers with an error.
    #[error("{0}")]
    Failed(String),
}

impl QueueError {
    /// Wraps a failure of NATS with the causes behind it.
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let text = next.to_string();
            if !words.contains(&text) {
                words = format!("{words}: {text}");
            }
            cause = next.source();
        }
        // NATS tells it in words alone, with one code for all failures of storing.
        if words.contains("maximum bytes exceeded") || words.contains("maximum messages exceeded") {
            Self::Full
        } else {
            Self::Failed(words)
        }
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Full => Self::queue_full(),
            QueueError::Failed(cause) => Self::queue(cause),
        }
    }
}
