//! A bucket of NATS' object store, bounded in bytes and age.

use std::{collections::HashMap, time::Duration};

use async_nats::jetstream::{
    object_store::{DeleteErrorKind, InfoErrorKind, ObjectInfo, ObjectMetadata, ObjectStore},
    stream::Stream,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::error::QueueError;

/// Size of the pieces in which objects travel, in bytes: below what NATS takes by default.
const CHUNK: usize = 256 << 10;
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(300);

/// Objects by name.
#[derive(Clone)]
pub(in crate::service) struct Bucket {
    store: ObjectStore,
    /// The stream that holds it.
    stream: Stream,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Bucket")
    }
}

/// Repeats what fails, until a time; a full queue is an end.
pub(in crate::service) async fn until<T, F>(
    end: Instant,
    attempt: impl Fn() -> F,
) -> Result<T, QueueError>
where
    F: Future<Output = Result<T, QueueError>>,
{
    loop {
        let tried = timeout_at(end, attempt()).await;
        let failure = match tried {
            Ok(Err(failure @ QueueError::Failed(_))) => failure,
            Ok(done) => return done,
            Err(_) => return Err(QueueError::Failed("it does not answer".to_owned())),
        };
        if Instant::now() + PAUSE >= end {
            return Err(failure);
        }
        sleep(PAUSE).await;
    }
}

impl Bucket {
    pub const fn new(store: ObjectStore, stream: Stream) -> Self {
        Self { store, stream }
    }

    /// Stores an object with words beside it; tries again until `end`.
    pub async fn put(
        &self,
        name: &str,
        words: &HashMap<String, String>,
        bytes: &[u8],
        end: Instant,
    ) -> Result<(), QueueError> {
        until(end, || async {
            let metadata = ObjectMetadata {
                name: name.to_owned(),
                chunk_size: Some(CHUNK),
                metadata: words.clone(),
                ..ObjectMetadata::default()
            };
            let mut bytes = bytes;
            let stored = self.store.put(metadata, &mut bytes).await;
            stored.map(drop).map_err(|error| QueueError::of(&error))
        })
        .await
    }

    /// Looks for an object.
    pub async fn find(&self, name: &str) -> Result<Option<ObjectInfo>, QueueError> {
        match self.store.info(name).await {
            Ok(found) => Ok((!found.deleted).then_some(found)),
            Err(error) if error.kind() == InfoErrorKind::NotFound => Ok(None),
            Err(error) => Err(QueueError::of(&error)),
        }
    }

    /// Reads an object of at most `limit` bytes; a larger one is an error.
    pub async fn get(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<Option<(ObjectInfo, Vec<u8>)>, QueueError> {
        let Some(found) = self.find(name).await? else {
            return Ok(None);
        };
        if found.size == 0 {
            return Ok(Some((found, Vec::new())));
        }
        if found.size as u64 > limit {
            return Err(QueueError::Failed(format!(
                "an object has {} bytes, at most {limit} are read",
                found.size
            )));
        }
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(found.size).is_err() {
            return Err(QueueError::Failed("there is no memory for it".to_owned()));
        }
        // By the stream's leader, one after another. A consumer, as the object store's own reader makes one, may be put on
        // a server that is down.
        let subject = format!("$O.{}.C.{}", found.bucket, found.nuid);
        let mut next = 1;
        while bytes.len() < found.size {
            let chunk = self.stream.raw_message_builder().sequence(next);
            let chunk = chunk.next_by_subject(subject.clone()).send().await;
            let chunk = chunk.map_err(|error| QueueError::of(&error))?;
            next = chunk.sequence + 1;
            bytes.extend_from_slice(&chunk.payload);
        }
        if bytes.len() != found.size {
            return Err(QueueError::Failed("an object was replaced".to_owned()));
        }
        Ok(Some((found, bytes)))
    }

    /// Deletes an object if it is there.
    pub async fn delete(&self, name: &str) -> Result<(), QueueError> {
        match self.store.delete(name).await {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == DeleteErrorKind::NotFound => Ok(()),
            Err(error) => Err(QueueError::of(&error)),
        }
    }
}
