//! Refusals as clients see them: a status, a word for programs, and what is wrong and what to do.

use std::{borrow::Cow, fmt::Display};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::key_hash::KeyHash;

/// Header with the hash of the client's keys.
pub(super) const KEY_HEADER: &str = "sealquant-key";
/// Word for keys that the server does not have.
pub(super) const UNKNOWN_KEYS: &str = "unknown-keys";
/// Media type of a refusal (RFC 9457).
const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub status: StatusCode,
    /// A word for programs, the same for the same kind of problem.
    pub word: Cow<'static, str>,
    /// The fault, and what to do.
    pub detail: String,
    /// Seconds after which to try again.
    retry_after: Option<u32>,
}

impl Problem {
    pub fn new(
        status: StatusCode,
        word: impl Into<Cow<'static, str>>,
        detail: impl Display,
    ) -> Self {
        Self {
            status,
            word: word.into(),
            detail: detail.to_string(),
            retry_after: None,
        }
    }

    const fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Tells that the server has too much to do.
    pub fn busy(what: &str) -> Self {
        let detail = format!("{what}: try again after the time in Retry-After");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail).after(1)
    }

    /// Tells that the server ends.
    pub fn draining() -> Self {
        let detail = "the server is about to stop: try again later, or another server";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "draining", detail).after(5)
    }

    /// Tells that the store of keys failed. The cause is for the log, not for clients.
    pub fn store(error: impl Display) -> Self {
        log::error!("the key store failed: {error}");
        let detail = "the server's key store failed; its log says why";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "key-store", detail)
    }

    /// Tells that the store of keys is full.
    pub fn full() -> Self {
        let detail = "the server's key store holds as many keys as it may: its owner can allow more, or remove some";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "key-store-full", detail)
    }

    /// Tells that there are no keys of this hash.
    pub fn unknown_keys(hash: &KeyHash) -> Self {
        let detail = format!("the server has no keys {hash}: upload them with PUT /v1/keys/{hash}");
        Self::new(StatusCode::NOT_FOUND, UNKNOWN_KEYS, detail)
    }

    /// Tells that a deployment is not served, or not any more.
    pub fn gone(detail: impl Display) -> Self {
        Self::new(StatusCode::GONE, "gone", detail)
    }

    /// Tells that the queue failed. The cause is for the log, not for clients.
    pub fn queue(cause: impl Display) -> Self {
        log::error!("the queue failed: {cause}");
        Self::queue_away()
    }

    /// Tells that the queue cannot be used now.
    pub fn queue_away() -> Self {
        let detail = "the server's queue does not answer: try again after the time in Retry-After";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "queue", detail).after(5)
    }

    /// Tells that the queue holds as much as it may.
    pub fn queue_full() -> Self {
        let detail = "too many requests wait for a worker: try again after the time in Retry-After";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "queue-full", detail).after(5)
    }

    /// Tells that no worker has answered in time.
    pub fn no_worker() -> Self {
        let detail = "no worker has answered in time: the server's owner must start some, or more";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "no-worker", detail)
    }

    /// Tells that something failed that should not fail. The cause is for the log, not for clients.
    pub fn internal(cause: impl Display) -> Self {
        log::error!("internal error: {cause}");
        let detail = "the server failed; its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": format!("urn:sealquant:{}", self.word),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        // For the log.
        response.extensions_mut().insert(self.word);
        response
    }
}
