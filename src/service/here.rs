//! Evaluating in this process: what a service without a queue does, and each worker.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{
    body::BodyForm,
    hosted::{Evaluated, Hosted, Laps},
    key_hash::KeyHash,
    key_store::KeyStore,
    problem::Problem,
};
use crate::engine::Server;

/// A client's server: ready, or to be made of keys.
enum Found {
    Ready(Arc<Server>),
    Stored(KeyHash, axum::body::Bytes),
}

/// Finds the client's keys. A store that says nothing for the time of `stall` has failed.
async fn find(
    hosted: &Hosted,
    keys: Option<KeyHash>,
    (store, stall): (&KeyStore, Duration),
) -> Result<Found, Problem> {
    if let Some(server) = hosted.ready(keys.as_ref()) {
        return Ok(Found::Ready(server));
    }
    let Some(hash) = keys else {
        return Err(Problem::internal("a deployment without keys is not ready"));
    };
    // A turn to evaluate is taken meanwhile.
    let stored = timeout(stall, store.get(&hash, hosted.largest_keys())).await;
    let stored = stored.map_err(|_| Problem::store("it does not answer"))?;
    match stored.map_err(Problem::store)? {
        Some(message) => Ok(Found::Stored(hash, message)),
        None => Err(Problem::unknown_keys(&hash)),
    }
}

/// Answers a request, which may be hostile; also returns the time that its keys took. `guards` are kept until the work
/// ends, even if no one waits for it any more.
pub(super) async fn evaluate<R, G>(
    (hosted, keys): (Arc<Hosted>, Option<KeyHash>),
    store: (&KeyStore, Duration),
    (form, request): (BodyForm, R),
    guards: G,
) -> Result<(Duration, Evaluated), Problem>
where
    R: AsRef<[u8]> + Send + 'static,
    G: Send + 'static,
{
    let begin = Instant::now();
    let found = find(&hosted, keys, store).await?;
    let fetched = begin.elapsed();
    let work = tokio::task::spawn_blocking(move || {
        // Whole, with its share of the memory.
        let (request, _guards) = (request, guards);
        let mut watch = Laps::start();
        let server = match found {
            Found::Ready(server) => server,
            Found::Stored(hash, message) => hosted.open(hash, &message)?,
        };
        let opened = fetched + watch.lap();
        let evaluated = hosted.evaluate(&server, form, request.as_ref())?;
        Ok((opened, evaluated))
    });
    work.await.map_err(Problem::internal)?
}
