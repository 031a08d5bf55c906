//! The server's store: a file for each prepared pad, and an empty one for each that was used.

use super::error::PadStoreError;
use super::folder::{PadFolder, reached};
use crate::engine::{
    Contexts, EngineError, Evaluation, MaskedImage, Pad, PadNumber, PreparedPad, Progress, Server,
};
use crate::wire::{Limits, Message as _, WireError};
use std::io::ErrorKind;
use std::path::Path;

/// Ending of the name of a prepared pad.
const PREPARED: &str = "prepared";
/// Ending of the name of the empty file that says that a pad was used. It stays.
const USED: &str = "used";

/// A server's prepared pads in a folder, of one client and one network. Several processes may share a folder on one
/// machine.
///
/// A used pad leaves an empty file, so that it is refused for ever. When a client has new keys, give it a new folder.
#[derive(Debug)]
pub struct PreparedPadStore {
    folder: PadFolder,
}

impl PreparedPadStore {
    /// Opens a folder, which is created if it is missing. It must hold nothing else.
    ///
    /// # Errors
    /// [`PadStoreError::Io`] if the folder cannot be created or read, [`PadStoreError::Foreign`] if it holds anything
    /// else.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, PadStoreError> {
        let folder = PadFolder::open(folder.as_ref(), &[PREPARED, USED])?;
        // A process that was killed between marking a pad and removing it left the pad.
        let used: Vec<PadNumber> = folder.numbers(USED)?.collect::<Result<_, _>>()?;
        for number in used {
            folder.remove(number, PREPARED)?;
        }
        Ok(Self { folder })
    }

    /// Returns the number of pads that were not used.
    ///
    /// # Errors
    /// [`PadStoreError::Io`] if the folder cannot be read.
    pub fn count(&self) -> Result<usize, PadStoreError> {
        let mut count = 0;
        for number in self.folder.numbers(PREPARED)? {
            count += usize::from(!self.folder.has(number?, USED)?);
        }
        Ok(count)
    }

    /// Prepares a pad and stores it. It is on the disk afterwards.
    ///
    /// # Errors
    /// Those of [`Server::prepare_pad`] and of [`PreparedPadStore::put`].
    pub fn prepare(
        &self,
        server: &Server,
        contexts: &Contexts,
        pad: &Pad,
    ) -> Result<(), PadStoreError> {
        self.check_new(pad.number())?;
        self.put(contexts, server.prepare_pad(contexts, pad)?)
    }

    /// Stores a prepared pad. It is on the disk afterwards.
    ///
    /// # Errors
    /// [`PadStoreError::Used`] or [`PadStoreError::Exists`] if the pad is known, [`PadStoreError::Prepared`] if it was
    /// made with other contexts, [`PadStoreError::Io`] if the file cannot be written, such as on a full disk; then there
    /// is none.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a pad that is stored must not be used from memory, too"
    )]
    pub fn put(&self, contexts: &Contexts, pad: PreparedPad) -> Result<(), PadStoreError> {
        let number = pad.number();
        self.check_new(number)?;
        let bytes = pad.to_wire(contexts);
        let bytes = bytes.map_err(|source| self.unreadable(number, source))?;
        // Should the pad be used from now on: the mark of that stays, and is what counts.
        self.folder.put(number, PREPARED, &bytes)
    }

    /// Takes a prepared pad out of the store, which is on the disk when this returns: nobody can take it again. If the
    /// caller does not use it, it is lost.
    ///
    /// # Errors
    /// [`PadStoreError::Used`] if it was taken before, [`PadStoreError::Unknown`] if it is not there,
    /// [`PadStoreError::Prepared`] or [`PadStoreError::Io`] if the folder or a file cannot be read or changed.
    pub fn take(
        &self,
        contexts: &Contexts,
        number: PadNumber,
    ) -> Result<PreparedPad, PadStoreError> {
        self.take_if(contexts, number, |_| Ok(()))
    }

    /// Evaluates a masked image with its pad, which is taken out of the store as [`PreparedPadStore::take`] does before the
    /// answer is computed. A message for another deployment costs no pad.
    ///
    /// # Errors
    /// Those of [`PreparedPadStore::take`] and of [`Server::evaluate_masked`].
    pub fn evaluate_masked(
        &self,
        server: &Server,
        contexts: &Contexts,
        image: &MaskedImage,
        progress: &dyn Progress,
    ) -> Result<Evaluation, PadStoreError> {
        server.check_masked(image)?;
        let check = |pad: &PreparedPad| server.check_prepared(pad);
        let pad = self.take_if(contexts, image.number(), check)?;
        Ok(server.evaluate_masked(pad, image, progress)?)
    }

    /// Takes a pad if `check` finds nothing wrong with it.
    fn take_if(
        &self,
        contexts: &Contexts,
        number: PadNumber,
        check: impl FnOnce(&PreparedPad) -> Result<(), EngineError>,
    ) -> Result<PreparedPad, PadStoreError> {
        let path = self.folder.file(number, PREPARED);
        let pad = match PreparedPad::load(contexts, &path, &Limits::default()) {
            Ok(pad) => pad,
            Err(WireError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Err(if self.folder.has(number, USED)? {
                    PadStoreError::Used { number }
                } else {
                    PadStoreError::Unknown { number }
                });
            }
            Err(source) => return Err(PadStoreError::Prepared { path, source }),
        };
        if pad.number() != number {
            return Err(EngineError::PadNumber {
                expected: pad.number(),
                actual: number,
            }
            .into());
        }
        check(&pad)?;
        reached("read");
        if !self.folder.mark(number, USED)? {
            return Err(PadStoreError::Used { number });
        }
        reached("marked");
        self.folder.sync()?;
        reached("synced");
        // The mark is what counts; what is left here is removed when the store is opened again.
        let _ = self.folder.remove(number, PREPARED);
        reached("removed");
        Ok(pad)
    }

    fn check_new(&self, number: PadNumber) -> Result<(), PadStoreError> {
        if self.folder.has(number, USED)? {
            return Err(PadStoreError::Used { number });
        }
        if self.folder.has(number, PREPARED)? {
            return Err(PadStoreError::Exists { number });
        }
        Ok(())
    }

    fn unreadable(&self, number: PadNumber, source: WireError) -> PadStoreError {
        PadStoreError::Prepared {
            path: self.folder.file(number, PREPARED),
            source,
        }
    }
}
