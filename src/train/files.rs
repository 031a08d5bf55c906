//! Writes the files of a model. Each model has one folder, which is replaced as a whole or not at all.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::TrainError;
use crate::file::{
    self, TemporaryDirectory,
    model_folder::{
        CHECKPOINT_FILE, CONFIG_FILE, IMPORT_FILE, MODEL_FILES, NETWORK_FILE, PLAIN_NETWORK_FILE,
        RECORD_FILE, ROW_FILE,
    },
    uninterrupted,
};
use crate::file_kind::Own;

/// Writes `bytes` to a temporary file beside `path` and renames it.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    file::write_atomically(path, bytes).map_err(TrainError::io("cannot write", path))
}

/// Writes a value as JSON in the same way.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
    file::write_json(path, value).map_err(TrainError::io("cannot write", path))
}

/// Name of the folder with a complete new model. Once it exists, the old model is removed.
const READY: &str = ".model-ready";
/// Name of that folder after the old model is gone, while the new files are being moved into place.
const MOVING: &str = ".model-moving";
/// Prefix of the names of temporary files.
const TEMPORARY: &str = ".model-new-";

/// The content that the folder of a new model may already have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Nothing: a finished model or an unfinished run is refused.
    Refuse,
    /// A model or an unfinished run, which the new one replaces once it is complete.
    Replace,
    /// An unfinished run, which continues, or a finished one.
    Resume,
    /// The same, or nothing, in which case a new run starts.
    ResumeOrStart,
}

/// The content that [`OutputFolder::claim`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FoundModel {
    Nothing,
    Model,
    /// The state of an unfinished run, possibly beside a model that the run will replace.
    Checkpoint,
}

/// The folder of a model that is about to be made. Until the new model is complete, the folder's content stays as it
/// is.
///
/// Dropping it removes the folder if claiming it created it and nothing was written into it.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    existing: Existing,
    found: FoundModel,
    made: bool,
    /// The open folder, locked if the system can do that: two runs must not write into one folder.
    _lock: Option<File>,
}

impl OutputFolder {
    /// Claims a folder for a new model before any work is done: creates it if it is missing, and checks that it is
    /// writable and that `existing` allows its content. `inputs` are the files and folders that the model is made from;
    /// they must lie elsewhere.
    ///
    /// # Errors
    /// [`TrainError::InUse`]; [`TrainError::ModelExists`], [`TrainError::CheckpointExists`], [`TrainError::NothingToResume`]; or
    /// [`TrainError::OtherFiles`] for a folder that holds other files and no model; [`TrainError::OutputIsInput`];
    /// [`TrainError::Io`].
    pub fn claim(path: &Path, existing: Existing, inputs: &[&Path]) -> Result<Self, TrainError> {
        let missing = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => false,
            Ok(_) => {
                let source = ErrorKind::NotADirectory.into();
                return Err(TrainError::io("cannot write into", path)(source));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(TrainError::io("cannot write into", path)(error)),
        };
        if missing {
            if existing == Existing::Resume {
                return Err(TrainError::NothingToResume {
                    path: path.to_owned(),
                });
            }
            file::make_directory(path).map_err(TrainError::io("cannot create", path))?;
        }
        let mut folder = Self {
            path: path.to_owned(),
            existing,
            found: FoundModel::Nothing,
            made: missing,
            _lock: lock(path)?,
        };
        folder.refuse_inputs(inputs)?;
        folder.writable()?;
        uninterrupted(|| folder.finish_commit())?;
        folder.found = folder.look()?;
        let path = path.to_owned();
        match (existing, folder.found) {
            (Existing::Refuse, FoundModel::Model) => Err(TrainError::ModelExists { path }),
            (Existing::Refuse, FoundModel::Checkpoint) => Err(TrainError::CheckpointExists {
                path: folder.path.join(CHECKPOINT_FILE),
            }),
            (Existing::Resume, FoundModel::Nothing) => Err(TrainError::NothingToResume { path }),
            _ => Ok(folder),
        }
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether to continue an unfinished run.
    pub(super) fn resumes_checkpoint(&self) -> bool {
        self.may_resume() && self.found == FoundModel::Checkpoint
    }

    /// Tells whether to keep a finished run as it is.
    pub(super) fn resumes_model(&self) -> bool {
        self.may_resume() && self.found == FoundModel::Model
    }

    const fn may_resume(&self) -> bool {
        matches!(self.existing, Existing::Resume | Existing::ResumeOrStart)
    }

    /// Creates a staging place for the files of the new model.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn stage(&self) -> Result<StagedModel<'_>, TrainError> {
        let directory = TemporaryDirectory::create(&self.path, TEMPORARY)
            .map_err(TrainError::io("cannot write into", &self.path))?;
        Ok(StagedModel {
            folder: self,
            directory,
        })
    }

    fn refuse_inputs(&self, inputs: &[&Path]) -> Result<(), TrainError> {
        let here =
            fs::canonicalize(&self.path).map_err(TrainError::io("cannot read", &self.path))?;
        for &input in inputs {
            // A missing input is reported by the code that reads it.
            let Ok(full) = fs::canonicalize(input) else {
                continue;
            };
            if full == here || full.parent() == Some(&here) {
                return Err(TrainError::OutputIsInput {
                    path: self.path.clone(),
                    input: input.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Tells whether the file of a row is one: it may remain from a model without blocking a new one. The other names in
    /// [`MODEL_FILES`], all of which a new model replaces or removes, are common: such a file on its own may be anybody's.
    fn is_own_row(&self) -> bool {
        let file = File::open(self.path.join(ROW_FILE));
        let bytes = file.and_then(|file| file::read_at_most(file, 1 << 20));
        bytes.is_ok_and(|bytes| bytes.is_some_and(|bytes| Own::of(&bytes) == Some(Own::Row)))
    }

    fn writable(&self) -> Result<(), TrainError> {
        file::check_directory(&self.path).map_err(TrainError::io("cannot write into", &self.path))
    }

    /// Determines what is in the folder.
    fn look(&self) -> Result<FoundModel, TrainError> {
        let names = names(&self.path)?;
        let has = |name: &str| names.iter().any(|found| found == name);
        if has(CHECKPOINT_FILE) {
            return Ok(FoundModel::Checkpoint);
        }
        let described = has(RECORD_FILE) || has(IMPORT_FILE);
        if has(NETWORK_FILE) || has(PLAIN_NETWORK_FILE) || has(CONFIG_FILE) && described {
            return Ok(FoundModel::Model);
        }
        let other = names.iter().find(|name| {
            let name = name.to_string_lossy();
            let name = name.as_ref();
            let may_remain = name.starts_with(TEMPORARY)
                || name.starts_with(".sealquant-")
                || name == ROW_FILE && self.is_own_row();
            !may_remain
        });
        match other {
            None => Ok(FoundModel::Nothing),
            Some(name) => Err(TrainError::OtherFiles {
                path: self.path.clone(),
                file: name.into(),
            }),
        }
    }

    /// Finishes a commit that was begun earlier: first removes the old model, then moves the new files into place.
    fn finish_commit(&self) -> Result<(), TrainError> {
        let (ready, moving) = (self.path.join(READY), self.path.join(MOVING));
        self.move_in(&moving)?;
        if !ready.is_dir() {
            return Ok(());
        }
        for name in MODEL_FILES {
            let path = self.path.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(TrainError::io("cannot remove", path)(error));
                }
                _ => {}
            }
        }
        fs::rename(&ready, &moving).map_err(TrainError::io("cannot rename", &ready))?;
        self.move_in(&moving)
    }

    /// Moves all files of `from` into the folder, if there are any.
    fn move_in(&self, from: &Path) -> Result<(), TrainError> {
        if !from.is_dir() {
            return Ok(());
        }
        for name in names(from)? {
            let path = self.path.join(&name);
            fs::rename(from.join(name), &path).map_err(TrainError::io("cannot write", &path))?;
        }
        fs::remove_dir(from).map_err(TrainError::io("cannot remove", from))
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        if self.made {
            file::forget_made(&self.path);
        }
    }
}

/// The files of a new model that are not yet in its folder. Dropping it removes them.
pub struct StagedModel<'a> {
    folder: &'a OutputFolder,
    directory: TemporaryDirectory,
}

impl StagedModel<'_> {
    /// Returns the path at which to write the file `name` of the new model.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Moves the files into the folder; nothing remains from an older model or a checkpoint. If the process ends
    /// midway, the next [`OutputFolder::claim`] finishes the work.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn commit(self) -> Result<(), TrainError> {
        let ready = self.folder.path.join(READY);
        uninterrupted(|| {
            fs::rename(self.directory.path(), &ready)
                .map_err(TrainError::io("cannot write", &ready))?;
            self.folder.finish_commit()
        })
    }
}

/// Locks a folder until the returned file is closed. Returns `None` where folders cannot be locked.
fn lock(folder: &Path) -> Result<Option<File>, TrainError> {
    let Ok(open) = File::open(folder) else {
        return Ok(None);
    };
    match open.try_lock() {
        Ok(()) => Ok(Some(open)),
        Err(TryLockError::WouldBlock) => Err(TrainError::InUse {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Returns the names in a folder, sorted.
fn names(path: &Path) -> Result<Vec<OsString>, TrainError> {
    let mut names = fs::read_dir(path)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.file_name()))
                .collect::<std::io::Result<Vec<_>>>()
        })
        .map_err(TrainError::io("cannot read", path))?;
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::model_folder::WEIGHTS_FILE;

    fn write(path: &Path, names: &[&str]) {
        fs::create_dir_all(path).unwrap();
        for name in names {
            fs::write(path.join(name), "old").unwrap();
        }
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    fn claim(path: &Path, existing: Existing) -> Result<OutputFolder, TrainError> {
        OutputFolder::claim(path, existing, &[])
    }

    fn message(path: &Path, existing: Existing) -> String {
        claim(path, existing).unwrap_err().to_string()
    }

    const ALL: [Existing; 4] = [
        Existing::Refuse,
        Existing::Replace,
        Existing::Resume,
        Existing::ResumeOrStart,
    ];

    const FINISHED: [&[&str]; 5] = [
        &[CONFIG_FILE, RECORD_FILE, NETWORK_FILE, "row.json"],
        &[CONFIG_FILE, RECORD_FILE, WEIGHTS_FILE],
        &[RECORD_FILE, NETWORK_FILE],
        &["network.json"],
        &[CONFIG_FILE, WEIGHTS_FILE, IMPORT_FILE],
    ];

    #[test]
    fn a_finished_model_is_replaced_by_permission_only_and_as_a_whole() {
        for files in FINISHED {
            let top = tempfile::tempdir().unwrap();
            write(top.path(), files);
            write(top.path(), &["notes.txt"]);
            // Left behind by a killed process.
            write(&top.path().join(".model-new-dEaD01"), files);
            let refused = claim(top.path(), Existing::Refuse).unwrap_err();
            assert!(matches!(refused, TrainError::ModelExists { .. }));
            let folder = claim(top.path(), Existing::Replace).unwrap();
            {
                let abandoned = folder.stage().unwrap();
                fs::write(abandoned.file(NETWORK_FILE), "new").unwrap();
            }
            for name in files {
                assert_eq!(read(&top.path().join(name)), "old");
            }
            let staged = folder.stage().unwrap();
            fs::write(staged.file(NETWORK_FILE), "new").unwrap();
            fs::write(staged.file(RECORD_FILE), "new").unwrap();
            fs::write(folder.path().join(CHECKPOINT_FILE), "half").unwrap();
            staged.commit().unwrap();
            assert_eq!(
                names(top.path()).unwrap(),
                [NETWORK_FILE, "notes.txt", RECORD_FILE]
            );
            assert_eq!(read(&top.path().join(RECORD_FILE)), "new");
        }
    }

    #[test]
    fn a_commit_that_was_cut_off_is_finished_by_the_next_claim() {
        let new: &[&str] = &[CONFIG_FILE, RECORD_FILE, WEIGHTS_FILE];
        for (stage, old, staged) in [
            // Killed before the old model was removed, while it was being removed, and while the new files were moving.
            (READY, &[NETWORK_FILE, RECORD_FILE][..], new),
            (READY, &[RECORD_FILE], new),
            (MOVING, &[CONFIG_FILE], &[RECORD_FILE, WEIGHTS_FILE]),
            (MOVING, new, &[]),
        ] {
            let top = tempfile::tempdir().unwrap();
            write(top.path(), old);
            write(&top.path().join(stage), staged);
            let found = claim(top.path(), Existing::Resume).unwrap().found;
            assert_eq!(names(top.path()).unwrap(), new);
            assert_eq!(found, FoundModel::Model);
        }
    }

    #[test]
    fn unfinished_runs_and_folders_of_other_kinds_are_told_apart() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        write(&path("run"), &[CHECKPOINT_FILE, "curves.svg"]);
        let refused = claim(&path("run"), Existing::Refuse).unwrap_err();
        assert!(matches!(refused, TrainError::CheckpointExists { .. }));
        for allowed in [Existing::Resume, Existing::ResumeOrStart] {
            assert!(claim(&path("run"), allowed).unwrap().resumes_checkpoint());
        }
        let replaced = claim(&path("run"), Existing::Replace).unwrap();
        assert!(!replaced.resumes_checkpoint());

        for (index, files) in [
            &["weights.safetensors"][..],
            &["config.json"],
            &["images", "record.json"],
            &["record.json"],
            &["record.json", "weights.safetensors"],
            &["import.json"],
            &["letter.txt"],
        ]
        .into_iter()
        .enumerate()
        {
            let other = path(&format!("other{index}"));
            write(&other, files);
            for existing in ALL {
                let said = message(&other, existing);
                assert!(said.contains("no model"), "{said}");
            }
            assert_eq!(names(&other).unwrap(), files);
        }
        fs::write(path("file"), "").unwrap();
        assert!(message(&path("file"), Existing::Replace).contains("file"));
    }

    #[test]
    fn a_folder_that_nothing_was_written_into_goes_again() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("new");
        assert!(message(&path, Existing::Resume).contains("nothing to resume"));
        assert!(!path.exists());
        let folder = claim(&path, Existing::ResumeOrStart).unwrap();
        assert!(path.is_dir() && !folder.resumes_checkpoint() && !folder.resumes_model());
        drop(folder);
        assert!(!path.exists());
        drop(claim(top.path(), Existing::Refuse).unwrap());
        assert!(top.path().exists());
        let said = message(top.path(), Existing::Resume);
        assert!(said.contains("nothing to resume"), "{said}");
    }

    #[test]
    fn one_run_at_a_time_writes_into_a_folder() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("model");
        let first = claim(&path, Existing::Refuse).unwrap();
        for existing in ALL {
            let refused = claim(&path, existing).unwrap_err();
            assert!(matches!(refused, TrainError::InUse { .. }), "{refused}");
        }
        let staged = first.stage().unwrap();
        fs::write(staged.file(NETWORK_FILE), "first").unwrap();
        staged.commit().unwrap();
        drop(first);
        let refused = claim(&path, Existing::Refuse).unwrap_err();
        assert!(
            matches!(refused, TrainError::ModelExists { .. }),
            "{refused}"
        );
        assert_eq!(read(&path.join(NETWORK_FILE)), "first");
    }

    #[test]
    fn a_model_is_not_written_where_its_inputs_lie() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("float");
        write(&path, &[CONFIG_FILE, RECORD_FILE, WEIGHTS_FILE]);
        let weights = path.join(WEIGHTS_FILE);
        let roundabout = path.join("..").join("float");
        for input in [&path, &weights, &roundabout] {
            let error = OutputFolder::claim(&path, Existing::Replace, &[input]).unwrap_err();
            assert!(matches!(error, TrainError::OutputIsInput { .. }), "{error}");
        }
        let missing = top.path().join("missing");
        OutputFolder::claim(&path, Existing::Replace, &[&missing]).unwrap();
    }
}
