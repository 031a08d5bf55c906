//! `POST /v1/deployments/{id}/evaluate`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use tokio::time::timeout;

use super::{
    body::{discard, receive},
    hosted::{Hosted, Laps},
    key_hash::KeyHash,
    path_part::{PathPart, no_text},
    problem::{KEY_HEADER, Problem, UNKNOWN_KEYS},
    state::ServiceState,
};
use crate::engine::Server;

/// Milliseconds of each stage of an answer, for the log.
#[derive(Debug, Clone)]
pub(super) struct StageTimes(pub String);

/// A client's server: ready, or to be made of keys.
enum Found {
    Ready(Arc<Server>),
    Stored(KeyHash, axum::body::Bytes),
}

fn unknown_keys(hash: &KeyHash) -> Problem {
    let detail = format!("the server has no keys {hash}: upload them with PUT /v1/keys/{hash}");
    Problem::new(StatusCode::NOT_FOUND, UNKNOWN_KEYS, detail)
}

/// Returns the hash of the client's keys, if the deployment needs any.
fn named_keys(hosted: &Hosted, headers: &HeaderMap) -> Result<Option<KeyHash>, Problem> {
    if !hosted.needs_keys {
        return Ok(None);
    }
    let named = headers
        .get(KEY_HEADER)
        .and_then(|value| value.to_str().ok());
    let Some(named) = named else {
        let detail = format!("this deployment needs keys: name their hash in {KEY_HEADER}");
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "no-key-named",
            detail,
        ));
    };
    let hash = named.parse().map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "no-key-named",
            format!("{KEY_HEADER}: {error}"),
        )
    });
    hash.map(Some)
}

/// Finds the client's keys.
async fn find(
    state: &ServiceState,
    hosted: &Hosted,
    keys: Option<KeyHash>,
) -> Result<Found, Problem> {
    if let Some(server) = hosted.ready(keys.as_ref()) {
        return Ok(Found::Ready(server));
    }
    let Some(hash) = keys else {
        return Err(Problem::internal("a deployment without keys is not ready"));
    };
    // A turn to evaluate is taken meanwhile.
    let stored = state.keys.get(&hash, hosted.largest_keys());
    let stored = timeout(state.limits.stall, stored).await;
    let stored = stored.map_err(|_| Problem::store("it does not answer"))?;
    match stored.map_err(Problem::store)? {
        Some(message) => Ok(Found::Stored(hash, message)),
        None => Err(unknown_keys(&hash)),
    }
}

pub(super) async fn evaluate(
    State(state): State<Arc<ServiceState>>,
    id: PathPart,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match answer(&state, id, &headers, body).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn answer(
    state: &Arc<ServiceState>,
    id: PathPart,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut watch = Laps::start();
    let call = state.enter();
    let prepare = async {
        if call.is_none() {
            return Err(Problem::draining());
        }
        let Path(id) = id.map_err(no_text)?;
        let hosted = Arc::clone(state.deployment(&id)?);
        let keys = named_keys(&hosted, headers)?;
        // Refused before the request is read.
        if let Some(hash) = &keys
            && hosted.ready(Some(hash)).is_none()
            && !state.keys.has(hash).await.map_err(Problem::store)?
        {
            return Err(unknown_keys(hash));
        }
        Ok((hosted, keys))
    };
    let (hosted, keys) = match prepare.await {
        Ok(found) => found,
        Err(problem) => return Err(discard(headers, body, &state.limits, problem).await),
    };
    let memory = (&state.memory, &state.limits);
    let received = receive(headers, body, |form| hosted.request_limit(form), memory).await?;
    let media_type = received.form.media_type();
    let arrived = watch.lap();
    let turn = state.turn().await?;
    let waited = watch.lap();
    let found = find(state, &hosted, keys).await?;
    let shared = Arc::clone(state);
    let work = tokio::task::spawn_blocking(move || {
        // Whole, with its share of the memory, which ends with the work even if the client is gone.
        let received = received;
        let _turn = turn;
        let _running = Running::new(&shared);
        let mut watch = Laps::start();
        let server = match found {
            Found::Ready(server) => server,
            Found::Stored(hash, message) => hosted.open(hash, &message)?,
        };
        let opened = watch.lap();
        let evaluated = hosted.evaluate(&server, received.form, &received.bytes)?;
        Ok::<_, Problem>((opened, evaluated))
    });
    let (opened, evaluated) = work.await.map_err(Problem::internal)??;
    let stages = [
        ("arrive", arrived),
        ("wait", waited),
        ("keys", opened),
        ("read", evaluated.read),
        ("evaluate", evaluated.evaluate),
        ("write", evaluated.write),
    ];
    let mut timing = Vec::new();
    for (stage, time) in stages {
        state.metrics.stage(stage, time);
        timing.push(format!("{stage};dur={:.1}", time.as_secs_f64() * 1e3));
    }
    let timing = timing.join(", ");
    let mut response = evaluated.response.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(value) = HeaderValue::from_str(&timing) {
        headers.insert("server-timing", value);
    }
    response.extensions_mut().insert(StageTimes(timing));
    Ok(response)
}

/// Counts an evaluation while it runs.
struct Running(Arc<ServiceState>);

impl Running {
    fn new(state: &Arc<ServiceState>) -> Self {
        state.metrics.running.inc();
        Self(Arc::clone(state))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.metrics.running.dec();
    }
}
