//! Results that a command writes to a file which the user names: they replace older results, and nothing else.

use std::{
    fs::File,
    io::{self, ErrorKind},
    path::Path,
};

use crate::file_kind::Own;

use super::{
    model_folder::belongs_to_a_model,
    target::{Target, check_output, directory_of},
};

/// The kind of a result, by which an older one is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultKind {
    /// A record: a JSON object that says when and from which source it was made.
    Record,
    /// A plot (SVG).
    #[cfg(feature = "cli")]
    Plot,
}

/// Size of the largest record that is recognised, in bytes. A larger file is not one of ours.
const MAX_RECORD_BYTES: u64 = 64 << 20;

impl ResultKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Record => "a record of an earlier run",
            #[cfg(feature = "cli")]
            Self::Plot => "a plot (SVG)",
        }
    }

    /// Tells whether a file is empty or holds a result of this kind.
    fn is_kind_of(self, file: File) -> io::Result<bool> {
        match self {
            Self::Record => Ok(super::read_at_most(file, MAX_RECORD_BYTES)?
                .is_some_and(|bytes| bytes.is_empty() || Own::of(&bytes) == Some(Own::RunRecord))),
            #[cfg(feature = "cli")]
            Self::Plot => {
                use std::io::Read as _;

                let mut start = Vec::new();
                file.take(4).read_to_end(&mut start)?;
                Ok(start.is_empty() || start == b"<svg")
            }
        }
    }
}

/// Checks whether a result can be written to `path`, before doing the work whose result it is, and whether only an older
/// result of the same kind would be lost. Leaves nothing behind and creates no directory. `own` is the folder of the
/// model that the same work makes, if it makes one.
///
/// # Errors
/// Those of [`check_output`]; the file is of another kind; or its name is that of a file of the model in its folder.
pub(crate) fn check_result(path: &Path, kind: ResultKind, own: Option<&Path>) -> io::Result<()> {
    check_output(path)?;
    let Target::File {
        path: file,
        permissions,
    } = Target::find(path)?
    else {
        return Ok(());
    };
    let refused = |reason: String| Err(io::Error::new(ErrorKind::AlreadyExists, reason));
    if [path, &file]
        .into_iter()
        .any(|path| belongs_to_a_model(path, own))
    {
        return refused(format!(
            "a file of this name belongs to the model in {}: choose another name",
            directory_of(&file).display()
        ));
    }
    if permissions.is_some() && !kind.is_kind_of(File::open(&file)?)? {
        return refused(format!(
            "there is a file that is not {}, and it is not replaced: choose another name, or remove it",
            kind.words()
        ));
    }
    Ok(())
}
