//! The client's store: a file for each pad's secret.

use super::error::PadStoreError;
use super::folder::{PadFolder, reached};
use crate::engine::{
    Client, ClientSpec, EngineError, MaskedImage, Pad, PadNumber, PadSecret, SpecFingerprint,
    check_residues, packed_residues, residue_bytes,
};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;
use zeroize::Zeroizing;

/// Ending of the name of a pad's secret.
const SECRET: &str = "secret";
/// The first bytes of a pad's secret: these files are the client's own and never sent.
const MAGIC: [u8; 4] = *b"SQPS";
/// Version of the files.
const VERSION: u16 = 1;
/// Bytes before the residues: magic, version, two zeros, deployment and number.
const HEADER_BYTES: usize = 8 + SpecFingerprint::BYTES + PadNumber::BYTES;
/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 8;

/// A client's pads in a folder: each pad's secret in a file of its own, readable by its owner only.
///
/// Several processes may share a folder on one machine. The files are not encrypted: who can read one, and sees the masked
/// image, knows the image. Removing a file does not overwrite the disk.
#[derive(Debug)]
pub struct PadStore {
    folder: PadFolder,
    form: SecretForm,
}

/// Properties that the files of a deployment share.
#[derive(Debug, Clone)]
pub(super) struct SecretForm {
    pub fingerprint: SpecFingerprint,
    pub plain_moduli: Vec<u64>,
    /// Number of values of an image.
    pub values: usize,
}

/// The reason why bytes are no secret of a deployment.
enum NotOurs {
    OtherDeployment,
    Damaged(&'static str),
}

impl SecretForm {
    fn bytes(&self) -> usize {
        let residues = self.plain_moduli.iter();
        let residues: usize = residues.map(|&t| residue_bytes(self.values, t)).sum();
        HEADER_BYTES + residues + CHECKSUM_BYTES
    }

    pub(super) fn encode(&self, secret: &PadSecret) -> Zeroizing<Vec<u8>> {
        // Never moved to other memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.bytes()));
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(secret.fingerprint.0);
        bytes.extend(secret.number.0);
        for (residues, &t) in secret.residues.iter().zip(&self.plain_moduli) {
            bytes.extend_from_slice(&Zeroizing::new(packed_residues(residues, t)));
        }
        let checksum = xxh3_64(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    /// Reads a file of the pad with this number.
    fn decode(&self, number: PadNumber, bytes: &[u8]) -> Result<PadSecret, NotOurs> {
        let damaged = |reason| Err(NotOurs::Damaged(reason));
        let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else {
            return damaged("it is too short");
        };
        let (start, names) = header.split_at(8);
        if start[..4] != MAGIC {
            return damaged("it does not hold a pad's secret");
        }
        if start[4..6] != VERSION.to_le_bytes() || start[6..] != [0; 2] {
            return damaged("it has another version");
        }
        let (fingerprint, of_file) = names.split_at(SpecFingerprint::BYTES);
        if fingerprint != self.fingerprint.0 {
            return Err(NotOurs::OtherDeployment);
        }
        if of_file != number.0 {
            return damaged("its name is that of another pad");
        }
        if bytes.len() != self.bytes() {
            return damaged("its length is wrong");
        }
        let Some((mut rest, checksum)) = rest.split_last_chunk::<CHECKSUM_BYTES>() else {
            return damaged("it is too short");
        };
        if xxh3_64(&bytes[..bytes.len() - CHECKSUM_BYTES]).to_le_bytes() != *checksum {
            return damaged("its checksum is wrong");
        }
        let mut residues = Vec::with_capacity(self.plain_moduli.len());
        for &t in &self.plain_moduli {
            let (part, others) = rest.split_at(residue_bytes(self.values, t));
            let mut of_prime = Zeroizing::new(vec![0; self.values]);
            if check_residues(part, t, &mut of_prime).is_err() {
                return damaged("a number in it is too large");
            }
            residues.push(of_prime);
            rest = others;
        }
        Ok(PadSecret {
            number,
            fingerprint: self.fingerprint,
            residues,
        })
    }
}

impl PadStore {
    /// Opens a folder, which is created if it is missing, for the pads of a deployment. It may hold those of others, too,
    /// and must hold nothing else.
    ///
    /// # Errors
    /// [`PadStoreError::Engine`] if the deployment takes no pads, [`PadStoreError::Io`] if the folder cannot be created
    /// or read, [`PadStoreError::Foreign`] if it holds anything else.
    pub fn open(folder: impl AsRef<Path>, spec: &ClientSpec) -> Result<Self, PadStoreError> {
        if !spec.takes_pads() {
            return Err(EngineError::NoPads.into());
        }
        let form = SecretForm {
            fingerprint: spec.fingerprint(),
            plain_moduli: spec.plain_moduli().to_vec(),
            values: spec.pad_values(),
        };
        Self::of_form(folder.as_ref(), form)
    }

    pub(super) fn of_form(folder: &Path, form: SecretForm) -> Result<Self, PadStoreError> {
        Ok(Self {
            folder: PadFolder::open(folder, &[SECRET])?,
            form,
        })
    }

    /// Returns the number of pads in the folder, also those for other deployments.
    ///
    /// # Errors
    /// [`PadStoreError::Io`] if the folder cannot be read.
    pub fn count(&self) -> Result<usize, PadStoreError> {
        let numbers = self.folder.numbers(SECRET)?;
        numbers.collect::<Result<Vec<_>, _>>().map(|all| all.len())
    }

    /// Makes a pad and stores its secret: returns what to send. The secret is on the disk by then.
    ///
    /// # Errors
    /// Those of [`Client::make_pad`] and of [`PadStore::put`].
    pub fn make_pad(&self, client: &Client) -> Result<Pad, PadStoreError> {
        let (secret, pad) = client.make_pad()?;
        self.put(secret)?;
        Ok(pad)
    }

    /// Stores a pad's secret. It is on the disk afterwards.
    ///
    /// # Errors
    /// [`PadStoreError::Engine`] if the pad is for another deployment, [`PadStoreError::Io`] if the file cannot be
    /// written, such as on a full disk; then there is none.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a secret that is stored must not be used from memory, too"
    )]
    pub fn put(&self, secret: PadSecret) -> Result<(), PadStoreError> {
        let fits = secret.fingerprint == self.form.fingerprint
            && secret.residues.len() == self.form.plain_moduli.len()
            && (secret.residues.iter()).all(|residues| residues.len() == self.form.values);
        if !fits {
            return Err(EngineError::PadDeployment {
                what: "secret of a pad",
            }
            .into());
        }
        let bytes = self.form.encode(&secret);
        self.folder.put(secret.number, SECRET, &bytes)
    }

    /// Takes a pad of this deployment out of the store, which is on the disk when this returns: nobody can take it again.
    /// If the caller does not use it, it is lost.
    ///
    /// Waiting for the disk takes milliseconds. A client that waits for images can take a pad before it has one, at the
    /// price of a pad whenever it ends, and then call [`Client::mask_image`].
    ///
    /// # Errors
    /// [`PadStoreError::Empty`] if none is left, [`PadStoreError::Damaged`] if one is damaged,
    /// [`PadStoreError::Io`] if the folder or a file cannot be read or changed.
    pub fn take(&self) -> Result<PadSecret, PadStoreError> {
        let mut others = 0;
        for number in self.folder.numbers(SECRET)? {
            let number = number?;
            let path = self.folder.file(number, SECRET);
            let Some(bytes) = self.read(&path)? else {
                // Another process was faster.
                continue;
            };
            let secret = match self.form.decode(number, &bytes) {
                Ok(secret) => secret,
                Err(NotOurs::OtherDeployment) => {
                    others += 1;
                    continue;
                }
                Err(NotOurs::Damaged(reason)) => {
                    return Err(PadStoreError::Damaged { path, reason });
                }
            };
            reached("read");
            if !self.folder.remove(number, SECRET)? {
                continue;
            }
            reached("removed");
            self.folder.sync()?;
            reached("synced");
            return Ok(secret);
        }
        Err(PadStoreError::Empty {
            path: self.folder.path().to_owned(),
            others,
        })
    }

    /// Masks a quantised image with a pad that is taken out of the store as [`PadStore::take`] does: what to send. An image
    /// that cannot be masked costs no pad.
    ///
    /// # Errors
    /// Those of [`Client::check_maskable`] and of [`PadStore::take`].
    pub fn mask_image(&self, client: &Client, image: &[i64]) -> Result<MaskedImage, PadStoreError> {
        client.check_maskable(image)?;
        if client.fingerprint() != self.form.fingerprint {
            return Err(EngineError::PadDeployment {
                what: "store of pads",
            }
            .into());
        }
        Ok(client.mask_image(self.take()?, image)?)
    }

    /// Reads a file, or as much as shows that it is too long; `None` if it is not there.
    fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, PadStoreError> {
        let failed = || PadStoreError::io("reading", path);
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed()(error)),
        };
        // Never moved to other memory.
        let mut bytes = Zeroizing::new(vec![0; self.form.bytes() + 1]);
        let mut length = 0;
        while length < bytes.len() {
            match file.read(&mut bytes[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed()(error)),
            }
        }
        bytes.truncate(length);
        Ok(Some(bytes))
    }
}
