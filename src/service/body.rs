//! Reading bodies: of an announced size, within memory that is granted first, and not slower than allowed.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, error::Elapsed, timeout, timeout_at},
};

use super::{limits::ServiceLimits, problem::Problem};

/// Unit in which memory for bodies is granted, in bytes.
const GRANT: u64 = 1024;
/// The largest body that is read to its end although it is refused, so that the client reads why.
const DISCARDED: u64 = 64 << 20;
/// The same for a call without a token.
pub(super) const DISCARDED_OF_STRANGERS: u64 = 1 << 20;
/// Media type of this project's messages.
pub(super) const OCTETS: &str = "application/octet-stream";
/// Media type of objects in SEAL's own format.
const SEAL_OBJECTS: &str = "application/vnd.seal";

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BodyForm {
    /// A message of this project's.
    Own,
    /// Objects in SEAL's own format, one after another.
    Seal,
}

impl BodyForm {
    const ALL: [Self; 2] = [Self::Own, Self::Seal];

    /// Returns its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Own => OCTETS,
            Self::Seal => SEAL_OBJECTS,
        }
    }
}

/// A body, with its share of the memory for bodies.
pub(super) struct Received {
    pub form: BodyForm,
    pub bytes: Vec<u8>,
    _grant: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Grants memory for bodies.
#[derive(Debug, Clone)]
pub(super) struct BodyMemory(Arc<Semaphore>);

impl BodyMemory {
    pub fn new(bytes: u64) -> Self {
        let grants = usize::try_from(bytes / GRANT).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(grants.min(Semaphore::MAX_PERMITS))))
    }

    fn grant(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let grants = u32::try_from(bytes.div_ceil(GRANT)).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(grants).ok()
    }
}

/// Returns the form and the announced size, after checking the type of the content and the size.
fn announced(
    headers: &HeaderMap,
    limit: impl Fn(BodyForm) -> u64,
) -> Result<(BodyForm, u64), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = text(header::CONTENT_TYPE).unwrap_or("none");
    // Parameters behind a semicolon do not matter.
    let kind = kind.split(';').next().unwrap_or(kind).trim();
    let mut forms = BodyForm::ALL.into_iter();
    let Some(form) = forms.find(|form| kind.eq_ignore_ascii_case(form.media_type())) else {
        let detail = format!("the body must be of type {OCTETS} or {SEAL_OBJECTS}, not {kind}");
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "form",
            detail,
        ));
    };
    let Some(length) = text(header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok())
    else {
        let detail = "announce the size of the body with Content-Length";
        return Err(Problem::new(StatusCode::LENGTH_REQUIRED, "length", detail));
    };
    let limit = limit(form);
    if length > limit {
        let detail = format!("the body has {length} bytes, at most {limit} are read");
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            detail,
        ));
    }
    Ok((form, length))
}

/// Reads a body of at most `limit` bytes, which depends on its form.
pub(super) async fn receive(
    headers: &HeaderMap,
    mut body: Body,
    limit: impl Fn(BodyForm) -> u64,
    (memory, limits): (&BodyMemory, &ServiceLimits),
) -> Result<Received, Problem> {
    let (form, length) = match announced(headers, limit) {
        Ok(announced) => announced,
        Err(problem) => return Err(discard(headers, body, limits, problem).await),
    };
    let Some(grant) = memory.grant(length) else {
        let problem = Problem::busy("too many requests are arriving");
        return Err(discard(headers, body, limits, problem).await);
    };
    let slow = |_| {
        let detail = "the body arrived too slowly";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", detail)
    };
    let begin = Instant::now();
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(length as usize).is_err() {
        return Err(Problem::busy("there is no memory for this request"));
    }
    loop {
        let frame = next_frame(&mut body, begin, bytes.len() as u64, limits).await;
        let Some(frame) = frame.map_err(slow)? else {
            break;
        };
        let frame = frame.map_err(|error| {
            let detail = format!("the body ended early: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "incomplete", detail)
        })?;
        // HTTP/1 gives no more than was announced.
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
    }
    Ok(Received {
        form,
        bytes,
        _grant: grant,
    })
}

/// Waits for the next part of a body of which so much has arrived since `begin`.
async fn next_frame(
    body: &mut Body,
    begin: Instant,
    received: u64,
    limits: &ServiceLimits,
) -> Result<Option<Result<Frame<Bytes>, axum::Error>>, Elapsed> {
    let deadline = begin + limits.arrival(received);
    timeout_at(deadline, timeout(limits.stall, body.frame())).await?
}

/// Reads a body that is refused to its end, if that is short: a client that still sends would not read the answer.
/// Returns the problem.
pub(super) async fn discard(
    headers: &HeaderMap,
    body: Body,
    limits: &ServiceLimits,
    problem: Problem,
) -> Problem {
    discard_at_most(DISCARDED, headers, body, limits).await;
    problem
}

/// Reads a body of at most `most` bytes to its end.
pub(super) async fn discard_at_most(
    most: u64,
    headers: &HeaderMap,
    mut body: Body,
    limits: &ServiceLimits,
) {
    // A client that asks first is not told to send.
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_none_or(|length| length > most) {
        return;
    }
    let (begin, mut received) = (Instant::now(), 0);
    while let Ok(Some(Ok(frame))) = next_frame(&mut body, begin, received, limits).await {
        received += frame.data_ref().map_or(0, Bytes::len) as u64;
    }
}
