//! The file with a client's secret key.

use super::client_file::ClientFile;
use super::error::DeployError;
use super::id::{DeploymentId, KeyId};
use super::json;
use crate::engine::{Client, Contexts, EngineError};
use crate::file;
use std::path::Path;
use zeroize::Zeroizing;

/// Name of the file in a folder of keys.
pub const SECRET_FILE: &str = "secret.key";
/// Name of the file beside it with the keys that the server needs, if it needs any.
pub const EVALUATION_KEYS_FILE: &str = "evaluation.keys";

/// First bytes of the file, with the version of its format.
const MAGIC: [u8; 8] = *b"SQSECK\x00\x01";
/// Length of the hash at the end.
const HASH_BYTES: usize = 32;
/// Largest size of a file, in bytes: more than that of the largest N.
const MAX_BYTES: u64 = 1 << 16;

/// A client's secret key for one deployment. **Whoever reads the file can decrypt all requests made with it.**
///
/// The file holds the magic bytes and the version (8 bytes), the identifiers of deployment and key (16 each), the bytes
/// of [`Client::secret_bytes`], and the BLAKE3 hash of all these (32).
pub struct SecretFile {
    deployment: DeploymentId,
    key: KeyId,
    secret: Zeroizing<Vec<u8>>,
}

impl SecretFile {
    /// Takes the secret key of a client of this deployment, and chooses an identifier for it.
    ///
    /// # Errors
    /// [`DeployError::Engine`] if there are no random numbers, or SEAL refuses the key.
    pub fn new(deployment: DeploymentId, client: &Client) -> Result<Self, DeployError> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(EngineError::from)?;
        Ok(Self {
            deployment,
            key: KeyId::from_bytes(key),
            secret: client.secret_bytes()?,
        })
    }

    /// Returns the key's identifier.
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// Makes the client that holds the key.
    ///
    /// # Errors
    /// Those of [`Client::from_secret_bytes`].
    pub fn client(&self, file: &ClientFile, contexts: &Contexts) -> Result<Client, DeployError> {
        Ok(Client::from_secret_bytes(
            file.spec(),
            contexts,
            &self.secret,
        )?)
    }

    /// Writes a new file that only its owner can read, all of it or nothing. A file that exists is never overwritten.
    ///
    /// # Errors
    /// [`DeployError::File`].
    pub fn create(&self, path: &Path) -> Result<(), DeployError> {
        let mut bytes = Zeroizing::new(MAGIC.to_vec());
        // So that growing leaves no copy behind.
        bytes.reserve_exact(32 + self.secret.len() + HASH_BYTES);
        bytes.extend_from_slice(self.deployment.bytes());
        bytes.extend_from_slice(self.key.bytes());
        bytes.extend_from_slice(&self.secret);
        let hash = *blake3::hash(&bytes).as_bytes();
        bytes.extend_from_slice(&hash);
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let written = std::fs::create_dir_all(folder).and_then(|()| file::write_new(path, &bytes));
        written.map_err(|source| DeployError::File {
            action: "writing",
            path: path.to_owned(),
            source,
        })
    }

    /// Reads the file of a deployment.
    ///
    /// # Errors
    /// [`DeployError::File`], [`DeployError::Content`], or [`DeployError::OtherDeployment`].
    pub fn load(path: &Path, deployment: DeploymentId) -> Result<Self, DeployError> {
        let bytes = Zeroizing::new(json::read_bytes(path, MAX_BYTES)?);
        let refuse = |problem: &str| Err(json::content(path, problem));
        let Some((magic, rest)) = bytes.split_first_chunk::<8>() else {
            return refuse("this is no secret key: it is too short");
        };
        if magic[..6] != MAGIC[..6] {
            return refuse("this is no secret key that `sealquant keygen` wrote");
        }
        if *magic != MAGIC {
            return refuse("a newer version of sealquant wrote this key");
        }
        let hash = bytes.len().checked_sub(HASH_BYTES);
        let hashed = hash.and_then(|at| bytes.split_at_checked(at));
        let parts = rest.split_first_chunk::<16>().and_then(|(id, rest)| {
            let (key, rest) = rest.split_first_chunk::<16>()?;
            Some((id, key, rest.get(..rest.len().checked_sub(HASH_BYTES)?)?))
        });
        let (Some((body, hash)), Some((id, key, secret))) = (hashed, parts) else {
            return refuse("the file is cut off: copy it again");
        };
        if *blake3::hash(body).as_bytes() != hash {
            return refuse("the file is damaged or cut off: copy it again");
        }
        let actual = DeploymentId::from_bytes(*id);
        if actual != deployment {
            return Err(DeployError::OtherDeployment {
                path: path.to_owned(),
                expected: deployment,
                actual,
            });
        }
        Ok(Self {
            deployment,
            key: KeyId::from_bytes(*key),
            secret: Zeroizing::new(secret.to_vec()),
        })
    }
}
