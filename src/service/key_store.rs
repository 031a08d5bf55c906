//! Clients' evaluation keys by their hash, in a folder or in a bucket that speaks S3.

use std::{
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

use tokio::sync::Mutex;

use super::{error::ServiceError, key_hash::KeyHash, use_ring};

/// The store. Several servers may share one.
#[derive(Debug, Clone)]
pub(super) struct KeyStore {
    store: Arc<dyn ObjectStore>,
    folder: Path,
    most: usize,
    age: Duration,
    /// One upload at a time counts what is there.
    counting: Arc<Mutex<()>>,
}

/// A failure of the store, in words without hashes of keys.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct StoreError(String);

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        let text = error.to_string();
        let mut words = String::new();
        let mut rest = text.as_str();
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
    /// (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT` and others) tell how to reach it.
    pub fn open(place: &str, most: usize, age: Duration) -> Result<Self, ServiceError> {
        let problem = |problem: String| ServiceError::KeyStore {
            place: place.to_owned(),
            problem,
        };
        let (store, folder): (Arc<dyn ObjectStore>, _) = if place.contains("://") {
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
            (opened.0.into(), opened.1)
        } else {
            let folder = FilePath::new(place);
            fs::create_dir_all(folder).map_err(|error| problem(error.to_string()))?;
            let store = LocalFileSystem::new_with_prefix(folder);
            let store = store.map_err(|error| problem(error.to_string()))?;
            (Arc::new(store.with_fsync(true)), Path::default())
        };
        Ok(Self {
            store,
            folder,
            most,
            age,
            counting: Arc::default(),
        })
    }

    fn path(&self, hash: &KeyHash) -> Path {
        self.folder.clone().join(format!("{hash}.keys"))
    }

    fn is_expired(&self, found: &ObjectMeta) -> bool {
        let age = SystemTime::now().duration_since(found.last_modified.into());
        age.is_ok_and(|age| age > self.age)
    }

    /// Tells whether there are keys of this hash.
    pub async fn has(&self, hash: &KeyHash) -> StoreResult<bool> {
        match self.store.head(&self.path(hash)).await {
            Ok(found) => Ok(!self.is_expired(&found)),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads keys of at most `limit` bytes; larger ones are another deployment's. Damaged ones are removed, as if they had
    /// not been there.
    pub async fn get(&self, hash: &KeyHash, limit: u64) -> StoreResult<Option<Bytes>> {
        let path = self.path(hash);
        let found = match self.store.get(&path).await {
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
        self.store.delete(&path).await?;
        Ok(None)
    }

    /// Stores keys.
    pub async fn put(&self, hash: &KeyHash, message: Vec<u8>) -> StoreResult<Stored> {
        if self.has(hash).await? {
            return Ok(Stored::Known);
        }
        let _alone = self.counting.lock().await;
        if self.sweep().await? >= self.most {
            return Ok(Stored::Full);
        }
        self.store.put(&self.path(hash), message.into()).await?;
        Ok(Stored::New)
    }

    /// Removes what is too old; returns the number of sets that are left.
    pub async fn sweep(&self) -> StoreResult<usize> {
        let prefix = (!self.folder.as_ref().is_empty()).then_some(&self.folder);
        let found = self.store.list_with_delimiter(prefix).await?.objects;
        let mut left = 0;
        for keys in found {
            if keys.location.extension() != Some("keys") {
                continue;
            }
            if self.is_expired(&keys) {
                match self.store.delete(&keys.location).await {
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
