//! The calls, and what holds for all of them: tokens, the log, metrics.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::{MatchedPath, Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};

use super::{
    body::{BodyForm, DISCARDED_OF_STRANGERS, discard, discard_at_most, receive},
    evaluate::{StageTimes, evaluate},
    key_hash::KeyHash,
    key_store::Stored,
    metrics::METRICS_TYPE,
    offer::Offers,
    page::{Page, page_routes},
    path_part::{PathPart, key_hash, no_text},
    problem::Problem,
    state::ServiceState,
};

/// The description for programs.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

type Shared = State<Arc<ServiceState>>;

/// Makes the service of all calls.
pub(super) fn router(state: &Arc<ServiceState>, page: Option<Arc<Page>>) -> Router {
    let open = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/openapi.json", get(async || json_text(OPENAPI)));
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/v1/deployments", get(deployments))
        .route("/v1/deployments/{id}/client", get(client_file))
        .route("/v1/deployments/{id}/evaluate", post(evaluate))
        .route("/v1/keys/{hash}", put(put_keys).head(head_keys))
        .route_layer(middleware::from_fn_with_state(Arc::clone(state), guard));
    open.merge(guarded)
        .merge(page_routes(page))
        .fallback(async || {
            let detail = "there is no such call: GET /openapi.json lists them";
            Problem::new(StatusCode::NOT_FOUND, "no-call", detail)
        })
        .method_not_allowed_fallback(async || {
            let detail = "this call takes another method: GET /openapi.json lists them";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail)
        })
        .layer(middleware::from_fn_with_state(Arc::clone(state), record))
        .with_state(Arc::clone(state))
}

fn json_text(text: impl Into<Body>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], text.into()).into_response()
}

/// Refuses calls without a token.
async fn guard(State(state): Shared, request: Request, next: Next) -> Response {
    match state.tokens.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let (parts, body) = request.into_parts();
            let most = DISCARDED_OF_STRANGERS;
            discard_at_most(most, &parts.headers, body, &state.limits).await;
            problem.into_response()
        }
    }
}

/// Returns a word for a call, for the log and metrics.
fn call_word(method: &Method, path: Option<&MatchedPath>) -> &'static str {
    match (method, path.map(MatchedPath::as_str)) {
        (_, Some("/" | "/assets/{file}")) => "page",
        (_, Some("/healthz")) => "healthz",
        (_, Some("/readyz")) => "readyz",
        (_, Some("/metrics")) => "metrics",
        (_, Some("/openapi.json")) => "openapi",
        (_, Some("/v1/deployments")) => "deployments",
        (_, Some("/v1/deployments/{id}/client")) => "client",
        (_, Some("/v1/deployments/{id}/evaluate")) => "evaluate",
        (&Method::PUT, Some("/v1/keys/{hash}")) => "put-keys",
        (_, Some("/v1/keys/{hash}")) => "has-keys",
        _ => "other",
    }
}

/// Writes a line in the log for each call, and counts it.
async fn record(State(state): Shared, request: Request, next: Next) -> Response {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed) + 1;
    let path = request.extensions().get::<MatchedPath>();
    let call = call_word(request.method(), path);
    // The deployment is part of the path, and nothing else in it is of interest.
    let deployment = (call == "evaluate" || call == "client")
        .then(|| request.uri().path().split('/').nth(3))
        .flatten()
        .filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .unwrap_or("-")
        .to_owned();
    let length = request.headers().get(header::CONTENT_LENGTH);
    let announced: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let start = Instant::now();
    let mut response = next.run(request).await;
    let sent = response.body().size_hint().exact().unwrap_or(0);
    let status = response.status().as_u16();
    // Of a refused body no one knows how much arrived.
    let is_read = response.status().is_success();
    let received = announced.filter(|_| is_read).unwrap_or(0);
    state.metrics.call(call, status, received, sent);
    let outcome = response.extensions().get::<Cow<'static, str>>();
    let stages = response.extensions().get::<StageTimes>();
    log::info!(
        target: "sealquant::service",
        "request={number} call={call} deployment={deployment} status={status} outcome={} received={received} sent={sent} \
         ms={:.1} stages=\"{}\"",
        outcome.map_or("ok", |word| word),
        start.elapsed().as_secs_f64() * 1e3,
        stages.map_or("", |stages| &stages.0),
    );
    response
        .headers_mut()
        .insert("x-request-id", HeaderValue::from(number));
    response
}

async fn readyz(State(state): Shared) -> Result<&'static str, Problem> {
    if state.is_draining() {
        return Err(Problem::draining());
    }
    if state
        .queue
        .as_ref()
        .is_some_and(|queue| !queue.is_connected())
    {
        return Err(Problem::queue_away());
    }
    Ok("ready\n")
}

async fn metrics(State(state): Shared) -> Result<Response, Problem> {
    let open: usize = state.hosted.values().map(|hosted| hosted.open_keys()).sum();
    state.metrics.open_keys.set(open.cast_signed() as i64);
    let text = state.metrics.text().map_err(Problem::internal)?;
    let kind = HeaderValue::from_static(METRICS_TYPE);
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn deployments(State(state): Shared) -> Result<Response, Problem> {
    let deployments = state.hosted.values().map(|hosted| hosted.offer());
    let offers = Offers {
        deployments: deployments.collect(),
    };
    let text = serde_json::to_string(&offers).map_err(Problem::internal)?;
    Ok(json_text(text))
}

async fn client_file(State(state): Shared, id: PathPart) -> Result<Response, Problem> {
    let Path(id) = id.map_err(no_text)?;
    Ok(json_text(state.deployment(&id)?.client_file.clone()))
}

async fn head_keys(State(state): Shared, hash: PathPart) -> Result<StatusCode, Problem> {
    let hash = key_hash(hash)?;
    let has = state.keys.has(&hash).await.map_err(Problem::store)?;
    Ok(if has {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    })
}

async fn put_keys(
    State(state): Shared,
    hash: PathPart,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let call = state.enter();
    let needs_keys = state.hosted.values().any(|hosted| hosted.needs_keys);
    let checked = match key_hash(hash) {
        _ if call.is_none() => Err(Problem::draining()),
        Ok(_) if !needs_keys => {
            let detail = "no deployment here needs keys";
            Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "keys",
                detail,
            ))
        }
        checked => checked,
    };
    let hash = match checked {
        Ok(hash) => hash,
        Err(problem) => return Err(discard(&headers, body, &state.limits, problem).await),
    };
    let memory = (&state.memory, &state.limits);
    let largest = |form| {
        let limits = state.hosted.values().map(|hosted| hosted.key_limit(form));
        limits.max().unwrap_or(0)
    };
    let received = receive(&headers, body, largest, memory).await?;
    let refused = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "keys", detail);
    let actual = KeyHash::of(&received.bytes);
    if actual != hash {
        return Err(refused(format!(
            "the hash of these keys is {actual}: they were damaged on the way, or belong to another path"
        )));
    }
    // Keys of SEAL may expand to far more memory than was granted for them.
    let turn = match received.form {
        BodyForm::Own => None,
        BodyForm::Seal => Some(state.turn().await?),
    };
    // Only what is of use is stored.
    let shared = Arc::clone(&state);
    let check = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let needing = shared.hosted.values().filter(|hosted| hosted.needs_keys);
        let mut problem = None;
        for hosted in needing {
            match hosted.read_keys(received.form, &received.bytes) {
                Ok(_) => return Ok(received),
                Err(error) => problem = Some(error),
            }
        }
        Err(problem.map_or_else(String::new, |error| error.to_string()))
    });
    let received = check.await.map_err(Problem::internal)?.map_err(|problem| {
        refused(format!(
            "the keys fit no deployment that is served here: {problem}"
        ))
    })?;
    let stored = state.keys.put(&hash, received.bytes).await;
    match stored.map_err(Problem::store)? {
        Stored::New => Ok(StatusCode::CREATED),
        Stored::Known => Ok(StatusCode::NO_CONTENT),
        Stored::Full => Err(Problem::full()),
    }
}
