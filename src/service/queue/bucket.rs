//! A bucket of NATS' object store, bounded in bytes and age.
//!
//! Objects are written as async-nats writes them, and its readers read them. Its own writer leaves the chunks of an
//! object that fails behind, under a name that it does not tell.

use std::{collections::HashMap, time::Duration};

use async_nats::{
    datetime,
    header::NATS_ROLLUP,
    jetstream::{
        Context,
        message::PublishMessage,
        object_store::{ObjectInfo, ObjectOptions},
        stream::{LastRawMessageErrorKind, Stream},
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use sha2::{Digest as _, Sha256};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, timeout_at},
};

use super::error::QueueError;

/// Size of the pieces in which objects travel, in bytes: below what NATS takes by default.
pub(super) const CHUNK: usize = 256 << 10;
/// Least speed at which the queue takes and gives objects, in bytes per second.
const SLOWEST: u64 = 1_000_000;
/// Time in which the chunks of an object that failed are purged.
const CLEAN: Duration = Duration::from_mins(2);
/// Time after which a name that NATS was asked for is stored, or never.
const SETTLE: Duration = Duration::from_secs(5);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(300);

/// Objects by name.
#[derive(Clone)]
pub(in crate::service) struct Bucket {
    name: String,
    context: Context,
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

/// Makes a name of 128 random bits.
pub(super) fn random_name() -> Result<String, QueueError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| QueueError::Failed(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

/// Writes bytes as object stores have them in subjects and digests.
fn base64(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

/// Chunks that are purged unless they become an object, however that ends.
struct UnfinishedObject {
    bucket: Bucket,
    name: String,
    nuid: String,
    /// NATS was asked to make them an object.
    asked: bool,
    done: bool,
}

impl Drop for UnfinishedObject {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let bucket = self.bucket.clone();
        let (name, nuid) = (self.name.clone(), self.nuid.clone());
        // What was sent last may still be on its way.
        let pause = if self.asked { SETTLE } else { PAUSE };
        runtime.spawn(async move {
            sleep(pause).await;
            let purged = until(Instant::now() + CLEAN, || bucket.forget(&name, &nuid));
            if let Err(error) = purged.await {
                // Their age removes them.
                log::debug!("cleaning up after an object that failed: {error}");
            }
        });
    }
}

impl Bucket {
    pub const fn new(name: String, context: Context, stream: Stream) -> Self {
        Self {
            name,
            context,
            stream,
        }
    }

    /// Returns the time that so many bytes take at most, besides that of an answer.
    pub const fn time(bytes: u64) -> Duration {
        Duration::from_secs(bytes.div_ceil(SLOWEST))
    }

    /// Returns the subject of an object's chunks.
    fn chunks(&self, nuid: &str) -> String {
        format!("$O.{}.C.{nuid}", self.name)
    }

    /// Returns the subject of what describes an object.
    fn description(&self, name: &str) -> String {
        format!("$O.{}.M.{}", self.name, base64(name.as_bytes()))
    }

    /// Stores a message; returns its number.
    async fn publish(&self, subject: String, message: PublishMessage) -> Result<u64, QueueError> {
        let sent = self.context.send_publish(subject, message).await;
        let stored = sent.map_err(|error| QueueError::of(&error))?.await;
        stored
            .map(|stored| stored.sequence)
            .map_err(|error| QueueError::of(&error))
    }

    /// Stores an object with words beside it, unless there is one of this name; tries again until `end`. What fails
    /// leaves nothing behind.
    pub async fn put(
        &self,
        name: &str,
        words: &HashMap<String, String>,
        bytes: &[u8],
        end: Instant,
    ) -> Result<(), QueueError> {
        let mut upload = UnfinishedObject {
            bucket: self.clone(),
            name: name.to_owned(),
            nuid: random_name()?,
            asked: false,
            done: false,
        };
        let mut last = 0;
        let mut digest = Sha256::new();
        for chunk in bytes.chunks(CHUNK) {
            digest.update(chunk);
            let before = last;
            last = until(end, || self.add(&upload.nuid, before, chunk)).await?;
        }
        let info = ObjectInfo {
            name: name.to_owned(),
            description: None,
            metadata: words.clone(),
            headers: None,
            options: Some(ObjectOptions {
                link: None,
                max_chunk_size: Some(CHUNK),
            }),
            bucket: self.name.clone(),
            nuid: upload.nuid.clone(),
            size: bytes.len(),
            chunks: bytes.len().div_ceil(CHUNK),
            modified: Some(datetime::now()),
            digest: Some(format!("SHA-256={}", base64(&digest.finalize()))),
            deleted: false,
        };
        upload.asked = true;
        upload.done = until(end, || self.describe(&info)).await?;
        Ok(())
    }

    /// Stores a chunk behind the one of this number, once whatever is repeated; returns its number.
    async fn add(&self, nuid: &str, before: u64, chunk: &[u8]) -> Result<u64, QueueError> {
        let subject = self.chunks(nuid);
        let message = PublishMessage::build()
            .payload(chunk.to_vec().into())
            .expected_last_subject_sequence(before);
        let failure = match self.publish(subject.clone(), message).await {
            Err(failure @ QueueError::Failed(_)) => failure,
            done => return done,
        };
        // An attempt may have stored it although its answer was lost.
        match self.stream.get_last_raw_message_by_subject(&subject).await {
            Ok(found) if found.sequence > before => Ok(found.sequence),
            _ => Err(failure),
        }
    }

    /// Makes chunks an object; returns whether it is the one of its name.
    async fn describe(&self, info: &ObjectInfo) -> Result<bool, QueueError> {
        let last = match self.last(&info.name).await? {
            // An attempt before this one, whose answer was lost.
            Some((_, found)) if found.nuid == info.nuid => return Ok(true),
            Some((_, found)) if !found.deleted => return Ok(false),
            Some((number, _)) => number,
            None => 0,
        };
        let text = serde_json::to_vec(info).map_err(|error| QueueError::of(&error))?;
        // Fails if another one came between.
        let message = PublishMessage::build()
            .payload(text.into())
            .header(NATS_ROLLUP, "sub")
            .expected_last_subject_sequence(last);
        self.publish(self.description(&info.name), message).await?;
        Ok(true)
    }

    /// Returns what describes an object, or that it is deleted, with its message's number.
    async fn last(&self, name: &str) -> Result<Option<(u64, ObjectInfo)>, QueueError> {
        let subject = self.description(name);
        let message = match self.stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => message,
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {
                return Ok(None);
            }
            Err(error) => return Err(QueueError::of(&error)),
        };
        let info = serde_json::from_slice(&message.payload);
        let info = info.map_err(|error| QueueError::of(&error))?;
        Ok(Some((message.sequence, info)))
    }

    /// Purges chunks unless they are the object of this name.
    async fn forget(&self, name: &str, nuid: &str) -> Result<(), QueueError> {
        match self.last(name).await? {
            Some((_, found)) if found.nuid == nuid && !found.deleted => Ok(()),
            _ => self.purge_chunks(nuid).await,
        }
    }

    async fn purge_chunks(&self, nuid: &str) -> Result<(), QueueError> {
        let purged = self.stream.purge().filter(self.chunks(nuid)).await;
        purged.map(drop).map_err(|error| QueueError::of(&error))
    }

    /// Looks for an object.
    pub async fn find(&self, name: &str) -> Result<Option<ObjectInfo>, QueueError> {
        let found = self.last(name).await?;
        Ok(found.and_then(|(_, found)| (!found.deleted).then_some(found)))
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
        let subject = self.chunks(&found.nuid);
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

    /// Deletes an object if it is there. It stores no marker, so a full bucket does it, too.
    pub async fn delete(&self, name: &str) -> Result<(), QueueError> {
        let Some((number, found)) = self.last(name).await? else {
            return Ok(());
        };
        // The chunks first: an attempt after this one still finds them.
        self.purge_chunks(&found.nuid).await?;
        let until_here = self.stream.purge().sequence(number + 1);
        let purged = until_here.filter(self.description(name)).await;
        purged.map(drop).map_err(|error| QueueError::of(&error))
    }
}
