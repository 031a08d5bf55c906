//! Clients' evaluation keys by their hash: in a folder, in a bucket that speaks S3, or in one of the queue.

use std::{
    collections::HashMap,
    fs,
    path::Path as FilePath,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::body::Bytes;
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, parse_url_opts,
    path::Path,
};

use tokio::{
    sync::{Mutex, OnceCell},
    time::Instant,
};

use super::{
    error::ServiceError,
    key_hash::KeyHash,
    queue::{Bucket, Connection, KEYS, QueueError, until},
    use_ring,
};

/// The store's place if it is a bucket of the queue.
pub(super) const QUEUE_KEYS: &str = "queue:";
/// Time in which the queue must find or take a set of keys: long enough for its servers to choose another leader.
const QUEUE_TIME: Duration = Duration::from_secs(15);

/// The store. Several servers may share one.
#[derive(Debug, Clone)]
pub(super) struct KeyStore {
    place: KeyPlace,
    most: usize,
    age: Duration,
    /// One upload at a time counts what is there.
    counting: Arc<Mutex<()>>,
}

/// Where keys are.
#[derive(Debug, Clone)]
enum KeyPlace {
    Objects(Arc<dyn ObjectStore>, Path),
    /// The bucket bounds number and age by itself. A worker opens it when a service has made it.
    Queue(Arc<(Connection, OnceCell<Bucket>)>),
}

/// A failure of the store, in words without hashes of keys.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct StoreError(String);

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        Self::of(&error.to_string())
    }
}

impl From<QueueError> for StoreError {
    fn from(error: QueueError) -> Self {
        Self::of(&error.to_string())
    }
}

impl StoreError {
    fn of(text: &str) -> Self {
        let mut words = String::new();
        let mut rest = text;
        let is_hash = |run: &str| run.len() == 64 && run.bytes().all(|c| c.is_ascii_hexdigit());
        while let Some(next) = rest.chars().next() {
            if rest.get(..64).is_some_and(is_hash) {
                words.push_str("HASH");
                rest = &rest[64..];
            } else {
                words.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
        Self(words)
    }
}

/// The outcome of storing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    New,
    Known,
    /// The store holds as many sets as it may.
    Full,
}

type StoreResult<T> = Result<T, StoreError>;

impl KeyStore {
    /// Opens a folder, which is made if it is missing, or an address such as `s3://bucket/folder`; the usual variables
    /// (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT` and others) tell how to reach it. Or takes a bucket of the queue.
    pub fn open(
        place: &str,
        (most, age): (usize, Duration),
        queue: Option<&Connection>,
    ) -> Result<Self, ServiceError> {
        let problem = |problem: String| ServiceError::KeyStore {
            place: place.to_owned(),
            problem,
        };
        let opened = if place == QUEUE_KEYS {
            let queue = queue.ok_or_else(|| problem("there is no queue".to_owned()))?;
            KeyPlace::Queue(Arc::new((queue.clone(), OnceCell::new())))
        } else if place.contains("://") {
            use_ring();
            let url = reqwest::Url::parse(place).map_err(|error| problem(error.to_string()))?;
            if !matches!(url.scheme(), "s3" | "s3a") {
                let words = "name a folder, or an address that starts with s3://";
                return Err(problem(words.to_owned()));
            }
            let options = std::env::vars_os().filter_map(|(name, value)| {
                let name = name.into_string().ok()?.to_ascii_lowercase();
                let name = name.starts_with("aws_").then_some(name)?;
                Some((name, value.into_string().ok()?))
            });
            let opened =
                parse_url_opts(&url, options).map_err(|error| problem(error.to_string()))?;
            KeyPlace::Objects(opened.0.into(), opened.1)
        } else {
            let folder = FilePath::new(place);
            fs::create_dir_all(folder).map_err(|error| problem(error.to_string()))?;
            let store = LocalFileSystem::new_with_prefix(folder);
            let store = store.map_err(|error| problem(error.to_string()))?;
            KeyPlace::Objects(Arc::new(store.with_fsync(true)), Path::default())
        };
        Ok(Self {
            place: opened,
            most,
            age,
            counting: Arc::default(),
        })
    }

    fn file(hash: &KeyHash) -> String {
        format!("{hash}.keys")
    }

    async fn bucket((queue, bucket): &(Connection, OnceCell<Bucket>)) -> StoreResult<&Bucket> {
        let opened = bucket.get_or_try_init(|| queue.bucket(KEYS)).await;
        Ok(opened?)
    }

    fn is_expired(&self, found: &ObjectMeta) -> bool {
        let age = SystemTime::now().duration_since(found.last_modified.into());
        age.is_ok_and(|age| age > self.age)
    }

    /// Tells whether there are keys of this hash.
    pub async fn has(&self, hash: &KeyHash) -> StoreResult<bool> {
        let (store, folder) = match &self.place {
            KeyPlace::Objects(store, folder) => (store, folder),
            KeyPlace::Queue(queue) => {
                let bucket = Self::bucket(queue).await?;
                let (file, end) = (Self::file(hash), Instant::now() + QUEUE_TIME);
                return Ok(until(end, || bucket.find(&file)).await?.is_some());
            }
        };
        match store.head(&folder.clone().join(Self::file(hash))).await {
            Ok(found) => Ok(!self.is_expired(&found)),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads keys of at most `limit` bytes; larger ones are another deployment's. Damaged ones are removed, as if they had
    /// not been there.
    pub async fn get(&self, hash: &KeyHash, limit: u64) -> StoreResult<Option<Bytes>> {
        let (store, folder) = match &self.place {
            KeyPlace::Objects(store, folder) => (store, folder),
            KeyPlace::Queue(queue) => {
                let bucket = Self::bucket(queue).await?;
                let (file, end) = (Self::file(hash), Instant::now() + QUEUE_TIME);
                let found = until(end, || bucket.find(&file)).await?;
                let size = found.map_or(u64::MAX, |found| found.size as u64);
                if size > limit {
                    return Ok(None);
                }
                let end = end + Bucket::time(size);
                let read = until(end, || bucket.get(&file, limit)).await?;
                let Some((_, bytes)) = read else {
                    return Ok(None);
                };
                if KeyHash::of(&bytes) == *hash {
                    return Ok(Some(bytes.into()));
                }
                log::warn!("a set of stored keys is damaged and is removed");
                let end = Instant::now() + QUEUE_TIME;
                until(end, || bucket.delete(&file)).await?;
                return Ok(None);
            }
        };
        let path = folder.clone().join(Self::file(hash));
        let found = match store.get(&path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if self.is_expired(&found.meta) || found.meta.size > limit {
            return Ok(None);
        }
        let bytes = found.bytes().await?;
        if KeyHash::of(&bytes) == *hash {
            return Ok(Some(bytes));
        }
        log::warn!("a set of stored keys is damaged and is removed");
        store.delete(&path).await?;
        Ok(None)
    }

    /// Stores keys.
    pub async fn put(&self, hash: &KeyHash, message: Vec<u8>) -> StoreResult<Stored> {
        if self.has(hash).await? {
            return Ok(Stored::Known);
        }
        let (store, folder) = match &self.place {
            KeyPlace::Objects(store, folder) => (store, folder),
            KeyPlace::Queue(queue) => {
                let bucket = Self::bucket(queue).await?;
                let time = QUEUE_TIME + Bucket::time(message.len() as u64);
                let (file, end) = (Self::file(hash), Instant::now() + time);
                return match bucket.put(&file, &HashMap::new(), &message, end).await {
                    Ok(()) => Ok(Stored::New),
                    Err(QueueError::Full) => Ok(Stored::Full),
                    Err(error) => Err(error.into()),
                };
            }
        };
        let _alone = self.counting.lock().await;
        if self.sweep().await? >= self.most {
            return Ok(Stored::Full);
        }
        let path = folder.clone().join(Self::file(hash));
        store.put(&path, message.into()).await?;
        Ok(Stored::New)
    }

    /// Removes what is too old; returns the number of sets that are left, and 0 for a queue, which counts by itself.
    pub async fn sweep(&self) -> StoreResult<usize> {
        let KeyPlace::Objects(store, folder) = &self.place else {
            return Ok(0);
        };
        let prefix = (!folder.as_ref().is_empty()).then_some(folder);
        let found = store.list_with_delimiter(prefix).await?.objects;
        let mut left = 0;
        for keys in found {
            if keys.location.extension() != Some("keys") {
                continue;
            }
            if self.is_expired(&keys) {
                match store.delete(&keys.location).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            } else {
                left += 1;
            }
        }
        Ok(left)
    }
}
