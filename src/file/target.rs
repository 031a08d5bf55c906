//! Finds the destination of an output's bytes.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::temporary::TemporaryFile;

/// Maximum number of links followed one after another, the same as in Linux.
const MAX_LINKS: usize = 40;

/// The destination that a path leads to, after following links.
#[derive(Debug)]
pub(super) enum Target {
    /// A regular file, or nothing yet.
    File {
        /// The file itself, if the path led through links.
        path: PathBuf,
        /// The permissions of the existing file.
        permissions: Option<Permissions>,
    },
    /// Something that cannot be replaced by a file.
    Stream(Stream),
}

/// A device, a pipe, or an open file of this process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// This process's standard output, which shares its position in a file.
    #[cfg(unix)]
    Stdout,
    /// This process's standard error, which shares its position in a file.
    #[cfg(unix)]
    Stderr,
    /// Anything else.
    Path(PathBuf),
}

impl Stream {
    /// Opens the stream for writing. Existing contents stay.
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
    /// Follows the links of `path`, even a link to a file that does not exist yet.
    ///
    /// # Errors
    /// Fails if the path leads to a directory or in a circle, if a directory on the way cannot be read, or if the file
    /// is read-only.
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

/// Tells whether the text of a path cannot name a file: it is empty, or ends in a separator or in `..`.
fn names_a_directory(path: &Path) -> bool {
    let last = path.as_os_str().as_encoded_bytes().last();
    path.file_name().is_none() || last.is_none_or(|&byte| std::path::is_separator(byte.into()))
}

/// Resolves a link in `/proc` (Linux) to an open file of a process. Such links are not followed by name: the file may
/// be in use at a position of its own, and some of the names do not name a file.
#[cfg(unix)]
fn open_file(link: &Path) -> Option<Stream> {
    let directory = directory_of(link).canonicalize().ok()?;
    if !directory.starts_with("/proc") {
        return None;
    }
    // `/proc/self` itself is an ordinary link that is followed by name.
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

/// Returns the directory that holds `path`.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Tells whether `path` leads to a device, a pipe or an open file of this process.
#[cfg(feature = "cli")]
pub(crate) fn is_stream(path: &Path) -> bool {
    matches!(Target::find(path), Ok(Target::Stream(_)))
}

/// Tells whether both paths lead to the same file, which need not exist yet.
#[cfg(feature = "cli")]
pub(crate) fn is_same_target(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| match Target::find(path) {
        Ok(Target::File { path, .. }) => {
            let directory = fs::canonicalize(directory_of(&path)).ok();
            Some((directory, path.file_name()?.to_owned()))
        }
        _ => None,
    };
    place(one).is_some() && place(one) == place(other)
}

/// Tells whether `path` leads to a named pipe (FIFO), whose writer waits for a reader.
#[cfg(feature = "cli")]
pub(crate) fn is_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Checks whether a file can be written to `path`, before doing the work whose result it will hold. Leaves nothing
/// behind and creates no directory.
///
/// # Errors
/// The errors that [`super::replace`] would return, as far as they can be known in advance: the path is a directory,
/// the file is read-only, or its directory is not writable or cannot be created.
pub(crate) fn check_output(path: &Path) -> io::Result<()> {
    match Target::find(path) {
        // Opening would be wrong here: a pipe may wait for its reader, and a device may act on being opened.
        Ok(Target::Stream(_)) => Ok(()),
        Ok(Target::File { path, .. }) => check_directory(directory_of(&path)),
        // Name the file on the way that is not a directory.
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            check_directory(directory_of(path)).and(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// Checks whether files can be written into `directory`, which need not exist yet. Leaves nothing behind.
///
/// # Errors
/// Fails if it is not a directory, cannot be created, or cannot be written into.
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
            // A file may be in the way further up.
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
