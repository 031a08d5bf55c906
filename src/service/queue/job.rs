//! What service and workers tell each other.

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{
    deploy::DeploymentId,
    service::{body::BodyForm, hosted::Evaluated, problem::Problem},
};

/// A job: a request in the bucket of requests, which is to be answered in the bucket of responses under the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueuedJob {
    /// The name of request and response: 32 random hexadecimal digits.
    pub id: String,
    pub deployment: DeploymentId,
    /// The form of the request, and of the response.
    pub form: BodyForm,
    /// The hash of the client's keys, if the deployment needs any.
    pub keys: Option<String>,
    /// The subject on which the service hears that the response is there.
    pub answers: String,
}

impl QueuedJob {
    /// Reads a job of the queue of this name; `None` if no service has written it.
    pub fn read(text: &[u8], name: &str) -> Option<Self> {
        let job: Self = serde_json::from_slice(text).ok()?;
        let is_name = |text: &str| {
            text.len() == 32
                && text
                    .bytes()
                    .all(|c| c.is_ascii_digit() || c.is_ascii_lowercase())
        };
        let answers = job.answers.strip_prefix(name)?.strip_prefix(".answers.")?;
        (is_name(&job.id) && is_name(answers)).then_some(job)
    }
}

/// The outcome of a job, stored beside the response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Seconds of the stages.
    Done {
        keys: f64,
        read: f64,
        evaluate: f64,
        write: f64,
    },
    /// The request is refused; there is no response.
    Refused {
        status: u16,
        word: String,
        detail: String,
    },
}

impl Outcome {
    pub fn done(keys: Duration, evaluated: &Evaluated) -> Self {
        Self::Done {
            keys: keys.as_secs_f64(),
            read: evaluated.read.as_secs_f64(),
            evaluate: evaluated.evaluate.as_secs_f64(),
            write: evaluated.write.as_secs_f64(),
        }
    }

    pub fn refused(problem: &Problem) -> Self {
        Self::Refused {
            status: problem.status.as_u16(),
            word: problem.word.to_string(),
            detail: problem.detail.clone(),
        }
    }

    /// Returns what an evaluation in this process would have returned.
    pub fn answer(self, response: Vec<u8>) -> Result<(Duration, Evaluated), Problem> {
        let time = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        match self {
            Self::Done {
                keys,
                read,
                evaluate,
                write,
            } => Ok((
                time(keys),
                Evaluated {
                    response,
                    read: time(read),
                    evaluate: time(evaluate),
                    write: time(write),
                },
            )),
            Self::Refused {
                status,
                word,
                detail,
            } => {
                let is_word = !word.is_empty()
                    && word.len() <= 32
                    && word.bytes().all(|c| c.is_ascii_lowercase() || c == b'-');
                let status = StatusCode::from_u16(status).ok();
                match status.filter(|status| is_word && status.as_u16() >= 400) {
                    Some(status) => Err(Problem::new(status, word, detail)),
                    None => Err(Problem::internal("a worker's answer is no refusal")),
                }
            }
        }
    }
}
