//! Where the bytes of an output go.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::temporary::TemporaryFile;

/// As many links are followed one after another as Linux follows.
const MAX_LINKS: usize = 40;

/// What a path leads to, links followed.
#[derive(Debug)]
pub(super) enum Target {
    /// A regular file, or nothing yet.
    File {
        /// The file itself, where the path led through links.
        path: PathBuf,
        /// Those of the file that is there.
        permissions: Option<Permissions>,
    },
    /// What cannot be replaced by another file.
    Stream(Stream),
}

/// A device, a pipe, or an open file of this process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// This process's standard output, whose position in a file it shares.
    #[cfg(unix)]
    Stdout,
    /// The same of standard error.
    #[cfg(unix)]
    Stderr,
    /// Anything else.
    Path(PathBuf),
}

impl Stream {
    /// Opens it for writing. What is there stays.
    pub(super) fn open(&self) -> io::Result<File> {
        #[cfg(unix)]
        use std::os::fd::AsFd as _;
        match self {
            #[cfg(unix)]
            Self::Stdout => Ok(io::stdout().as_fd().try_clone_to_owned()?.into()),
            #[cfg(unix)]
            Self::Stderr => Ok(io::stderr().as_fd().try_clone_to_owned()?.into()),
            Self::Path(path) => OpenOptions::new().append(true).open(path),
        }
    }
}

impl Target {
    /// Follows the links of `path`, also one to a file that is not there yet.
    ///
    /// # Errors
    /// If it leads to a directory or round in circles, or a directory on the way cannot be read; if the file is
    /// read-only.
    pub(super) fn find(path: &Path) -> io::Result<Self> {
        if names_a_directory(path) {
            let reason = "it names a directory, not a file";
            return Err(io::Error::new(ErrorKind::IsADirectory, reason));
        }
        let mut at = path.to_owned();
        for _ in 0..MAX_LINKS {
            let found = match fs::symlink_metadata(&at) {
                Ok(found) => found,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let (path, permissions) = (at, None);
                    return Ok(Self::File { path, permissions });
                }
                Err(error) => return Err(error),
            };
            if found.is_symlink() {
                if let Some(stream) = open_file(&at) {
                    return Ok(Self::Stream(stream));
                }
                let to = fs::read_link(&at)?;
                at = directory_of(&at).join(to);
            } else if found.is_dir() {
                let reason = "it is a directory, not a file";
                return Err(io::Error::new(ErrorKind::IsADirectory, reason));
            } else if found.is_file() {
                let permissions = found.permissions();
                if permissions.readonly() {
                    let reason = "the file there is read-only";
                    return Err(io::Error::new(ErrorKind::PermissionDenied, reason));
                }
                let (path, permissions) = (at, Some(permissions));
                return Ok(Self::File { path, permissions });
            } else {
                return Ok(Self::Stream(Stream::Path(at)));
            }
        }
        Err(io::Error::other("its links lead round in circles"))
    }
}

/// Whether the text of a path can be no file's: it is empty, or ends in a separator or in `..`.
fn names_a_directory(path: &Path) -> bool {
    let last = path.as_os_str().as_encoded_bytes().last();
    path.file_name().is_none() || last.is_none_or(|&byte| std::path::is_separator(byte.into()))
}

/// What a link in `/proc` (Linux) to an open file of a process stands for. Such links are not followed by name: the file
/// may be in use at a position of its own, and some of their names are of no file.
#[cfg(unix)]
fn open_file(link: &Path) -> Option<Stream> {
    let directory = directory_of(link).canonicalize().ok()?;
    if !directory.starts_with("/proc") {
        return None;
    }
    // The link `/proc/self` itself is one of names.
    let to = fs::metadata(link).ok()?;
    if to.is_dir() {
        return None;
    }
    let own = Path::new("/proc/self/fd").canonicalize().ok() == Some(directory);
    let number = link.file_name()?.to_str()?;
    Some(match number {
        "1" if own => Stream::Stdout,
        "2" if own => Stream::Stderr,
        _ => Stream::Path(link.to_owned()),
    })
}

#[cfg(not(unix))]
fn open_file(_link: &Path) -> Option<Stream> {
    None
}

/// The directory that holds `path`.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Whether `path` leads to a device, a pipe or an open file of this process.
#[cfg(feature = "cli")]
pub(crate) fn is_stream(path: &Path) -> bool {
    matches!(Target::find(path), Ok(Target::Stream(_)))
}

/// Tries whether a file can be written to `path`, before the work that it is to hold. Leaves nothing behind, and makes no
/// directory.
///
/// # Errors
/// What [`super::replace`] would say, as far as it can be known: the path is a directory, the file read-only, its
/// directory not writable or impossible to make.
pub(crate) fn check_output(path: &Path) -> io::Result<()> {
    match Target::find(path) {
        // A pipe may wait for its reader, a device may do things when it is opened.
        Ok(Target::Stream(_)) => Ok(()),
        Ok(Target::File { path, .. }) => check_directory(directory_of(&path)),
        // Names the file on the way that is no directory.
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            check_directory(directory_of(path)).and(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// Tries whether files can be written into `directory`, which need not be there yet. Leaves nothing behind.
///
/// # Errors
/// If it is no directory, cannot be made, or cannot be written into.
pub(crate) fn check_directory(directory: &Path) -> io::Result<()> {
    for ancestor in directory.ancestors() {
        let ancestor = if ancestor == Path::new("") {
            Path::new(".")
        } else {
            ancestor
        };
        match fs::metadata(ancestor) {
            Ok(found) if found.is_dir() => return TemporaryFile::create(ancestor).map(drop),
            Ok(_) => return Err(not_a_directory(ancestor, "is not a directory")),
            Err(_) if fs::symlink_metadata(ancestor).is_ok() => {
                return Err(not_a_directory(ancestor, "is a link that leads nowhere"));
            }
            // Perhaps further up: a file is in the way.
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::NotFound.into())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn not_a_directory(path: &Path, what: &str) -> io::Error {
    io::Error::new(
        ErrorKind::NotADirectory,
        format!("{} {what}", path.display()),
    )
}
