//! Temporary files and directories that are removed with the process, however it ends.
//!
//! Each is listed while it is in use, so that an interrupted program can remove it. Each is also locked, so that
//! another process can distinguish one in use from one that a killed process left behind. A lock, unlike a process
//! number, is known on every machine that sees the file.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tempfile::{NamedTempFile, TempDir};

/// Prefix of the names of temporary files.
const FILE_PREFIX: &str = ".sealquant-";

/// Age after which an unchanged file counts as abandoned where locks are not available.
const OLD: Duration = Duration::from_hours(24);

/// Number of names to try. A name is lost only if another process clears the directory at that moment.
const ATTEMPTS: usize = 16;

/// The temporary files and directories that this process has created and not yet removed.
struct Live {
    paths: Vec<PathBuf>,
    /// The directories that have been cleared of what other processes left behind.
    cleared: BTreeSet<PathBuf>,
    /// The directories that this process has created and that are not to stay if nothing is written into them.
    #[cfg(any(feature = "cli", feature = "train"))]
    made: Vec<PathBuf>,
}

static LIVE: Mutex<Live> = Mutex::new(Live {
    paths: Vec::new(),
    cleared: BTreeSet::new(),
    #[cfg(any(feature = "cli", feature = "train"))]
    made: Vec::new(),
});

fn live() -> MutexGuard<'static, Live> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    fn clear_once(&mut self, directory: &Path) {
        if self.cleared.insert(directory.to_owned()) {
            clear(directory, FILE_PREFIX);
        }
    }
}

/// Removes all temporary files and directories of this process. From then on it cannot create or rename any: threads
/// that try wait forever. This is for a process that is about to end.
#[cfg(feature = "cli")]
pub(crate) fn remove_temporaries() {
    let live = live();
    for path in &live.paths {
        // A thread may still be writing into a directory.
        for _ in 0..50 {
            if remove(path).is_ok() || fs::symlink_metadata(path).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    for directory in &live.made {
        // Fails unless it is empty.
        let _ = fs::remove_dir(directory);
    }
    std::mem::forget(live);
}

/// Creates a directory, and those above it, that go again with [`forget_made`], or with [`remove_temporaries`], if they
/// are empty by then.
#[cfg(feature = "train")]
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    let mut live = live();
    let missing = path
        .ancestors()
        .take_while(|above| *above != Path::new("") && fs::symlink_metadata(above).is_err());
    let missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    fs::create_dir_all(path)?;
    live.made.extend(missing);
    Ok(())
}

/// Removes a directory that [`make_directory`] created, and those above it, if they are empty.
#[cfg(feature = "train")]
pub(crate) fn forget_made(path: &Path) {
    let mut live = live();
    for above in path.ancestors() {
        if live.made.iter().any(|known| known == above) {
            // Fails unless it is empty.
            let _ = fs::remove_dir(above);
        }
    }
    live.made.retain(|known| !path.starts_with(known));
}

/// Runs work that [`remove_temporaries`] must not cut in two. The work must not create temporary files itself.
pub(crate) fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let _live = live();
    work()
}

/// A place in the list of what this process has created. It is given up when what was created is gone or kept.
#[derive(Debug)]
struct Listed(PathBuf);

impl Listed {
    fn new(path: &Path, live: &mut Live) -> Self {
        live.paths.push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        live().paths.retain(|known| *known != self.0);
    }
}

/// A file under a temporary name, which is removed unless it is kept.
pub(super) struct TemporaryFile {
    // Dropped, and so removed, before its place in the list.
    file: NamedTempFile,
    _listed: Listed,
}

impl TemporaryFile {
    /// Creates one in `directory`, and removes those that killed processes left there.
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        Self::with_mode(directory, 0o666)
    }

    /// Creates one for its owner only, also once it has its name.
    pub(super) fn create_private(directory: &Path) -> io::Result<Self> {
        Self::with_mode(directory, 0o600)
    }

    /// Creates one with these permissions, less the umask.
    fn with_mode(directory: &Path, mode: u32) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(FILE_PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
        #[cfg(not(unix))]
        let _ = mode;
        let mut live = live();
        live.clear_once(directory);
        for _ in 0..ATTEMPTS {
            let file = builder.tempfile_in(directory)?;
            if is_taken(file.as_file(), file.path()) {
                continue;
            }
            return Ok(Self {
                _listed: Listed::new(file.path(), &mut live),
                file,
            });
        }
        Err(io::Error::other("temporary files vanish"))
    }

    pub(super) fn as_file_mut(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Renames the file once its bytes are on the disk.
    pub(super) fn keep_as(self, path: &Path, permissions: Option<Permissions>) -> io::Result<()> {
        let Self { file, _listed } = self;
        if let Some(permissions) = permissions {
            // Some file systems have no permissions.
            let _ = file.as_file().set_permissions(permissions);
        }
        file.as_file().sync_all()?;
        let persisted = uninterrupted(|| file.persist(path));
        persisted.map_err(|refused| refused.error)?;
        Ok(())
    }
}

impl TemporaryFile {
    /// Renames the file once its bytes are on the disk, to a name that nothing has.
    pub(super) fn keep_as_new(self, path: &Path) -> io::Result<()> {
        let Self { file, _listed } = self;
        file.as_file().sync_all()?;
        let persisted = uninterrupted(|| file.persist_noclobber(path));
        persisted.map_err(|refused| refused.error)?;
        Ok(())
    }
}

/// A directory under a temporary name, which is removed with its contents.
#[derive(Debug)]
pub(crate) struct TemporaryDirectory {
    // Dropped first. What cannot be removed then is left to the next process.
    directory: TempDir,
    /// The open directory, locked if that is possible.
    _lock: Option<File>,
    _listed: Listed,
}

impl TemporaryDirectory {
    /// Creates one in `parent`, and removes those with this prefix that killed processes left there.
    pub(crate) fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        let mut live = live();
        clear(parent, prefix);
        for _ in 0..ATTEMPTS {
            let directory = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
            let lock = File::open(directory.path()).ok();
            if let Some(lock) = &lock
                && is_taken(lock, directory.path())
            {
                continue;
            }
            return Ok(Self {
                _listed: Listed::new(directory.path(), &mut live),
                _lock: lock,
                directory,
            });
        }
        Err(io::Error::other("temporary directories vanish"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Locks a file that was just created. Returns true if another process that clears the directory was faster.
fn is_taken(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => true,
        // Without a lock, its age shows whether it is in use.
        Err(TryLockError::Error(_)) => false,
        Ok(()) => fs::symlink_metadata(path).is_err(),
    }
}

/// Removes the temporary files in `directory` that no process uses.
pub(crate) fn clear_temporaries(directory: &Path) {
    clear_abandoned(directory, FILE_PREFIX);
}

/// Tells whether a name is that of a temporary file.
pub(crate) fn is_temporary(name: &str) -> bool {
    has_temporary_name(OsStr::new(name), FILE_PREFIX)
}

/// Removes the temporary files and directories in `directory` that have this prefix and that no process uses.
pub(crate) fn clear_abandoned(directory: &Path, prefix: &str) {
    let _live = live();
    clear(directory, prefix);
}

fn clear(directory: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        if !has_temporary_name(&entry.file_name(), prefix) {
            continue;
        }
        let path = entry.path();
        // Hold the lock until the name is gone: a process that has just created the file then tries another name.
        if let Some(_lock) = abandoned(&path) {
            // Leave what cannot be removed.
            let _ = remove(&path);
        }
    }
}

/// Tells whether a name consists of the prefix followed by letters and digits.
fn has_temporary_name(name: &OsStr, prefix: &str) -> bool {
    let name = name.as_encoded_bytes();
    let rest = name.strip_prefix(prefix.as_bytes());
    rest.is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_alphanumeric))
}

/// Opens a file or directory that no process uses, and locks it if that is possible. `None` if it is in use.
fn abandoned(path: &Path) -> Option<File> {
    let found = fs::symlink_metadata(path).ok()?;
    let file = if found.is_dir() {
        File::open(path).ok()?
    } else if found.is_file() {
        OpenOptions::new().read(true).write(true).open(path).ok()?
    } else {
        return None;
    };
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(_)) => {
            let age = found.modified().ok()?.elapsed().ok()?;
            (age > OLD).then_some(file)
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}
