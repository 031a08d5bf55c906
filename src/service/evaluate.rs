//! `POST /v1/deployments/{id}/evaluate`.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    body::{discard, receive},
    here,
    hosted::{Hosted, Laps},
    key_hash::KeyHash,
    path_part::{PathPart, no_text},
    problem::{KEY_HEADER, Problem},
    state::{ServiceState, WaitingPlace},
};

/// Milliseconds of each stage of an answer, for the log.
#[derive(Debug, Clone)]
pub(super) struct StageTimes(pub String);

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
            return Err(Problem::unknown_keys(hash));
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
    let mut waited = Duration::ZERO;
    let (opened, evaluated) = if let Some(queue) = &state.queue {
        let (shared, queue) = (Arc::clone(state), Arc::clone(queue));
        // To its end, even if the client is gone.
        let answered = tokio::spawn(async move {
            let _place = WaitingPlace::take(&shared)?;
            queue
                .evaluate((&hosted, keys), (received.form, received))
                .await
        });
        answered.await.map_err(Problem::internal)??
    } else {
        let turn = state.turn().await?;
        waited = watch.lap();
        let guards = (turn, Running::new(state));
        let store = (&state.keys, state.limits.stall);
        here::evaluate((hosted, keys), store, (received.form, received), guards).await?
    };
    let worked = opened + evaluated.read + evaluated.evaluate + evaluated.write;
    let waited = waited + watch.lap().saturating_sub(worked);
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
