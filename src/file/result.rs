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
    /// A record of any kind.
    Record,
    /// A record of this kind.
    #[cfg(feature = "cli")]
    Only(Own),
    /// A plot (SVG) of this program.
    #[cfg(feature = "cli")]
    Plot,
    /// A document (Markdown) of `reproduce`.
    #[cfg(feature = "cli")]
    Document,
}

/// Size of the largest record that is recognised, in bytes. A larger file is not one of ours.
const MAX_RECORD_BYTES: u64 = 64 << 20;

/// Number of bytes at the beginning of a plot or a document by which it is recognised.
#[cfg(feature = "cli")]
const START: u64 = 400;

impl ResultKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Record => "a record of an earlier run",
            #[cfg(feature = "cli")]
            Self::Only(_) => "a record of an earlier run of this command",
            #[cfg(feature = "cli")]
            Self::Plot => "a plot of this program",
            #[cfg(feature = "cli")]
            Self::Document => "a document that `sealquant reproduce` wrote",
        }
    }

    /// Tells whether a file is empty or holds a result of this kind.
    fn is_kind_of(self, file: File) -> io::Result<bool> {
        if file.metadata()?.len() == 0 {
            return Ok(true);
        }
        let record = |file| -> io::Result<Option<Own>> {
            let bytes = super::read_at_most(file, MAX_RECORD_BYTES)?;
            Ok(bytes.and_then(|bytes| Own::of(&bytes)))
        };
        #[cfg(feature = "cli")]
        let start = |file: File| -> io::Result<String> {
            use std::io::Read as _;

            let mut start = Vec::new();
            file.take(START).read_to_end(&mut start)?;
            Ok(String::from_utf8_lossy(&start).into_owned())
        };
        Ok(match self {
            Self::Record => matches!(
                record(file)?,
                Some(Own::RunRecord | Own::TimingRecord | Own::ScalingRecord | Own::BenchRecord)
            ),
            #[cfg(feature = "cli")]
            Self::Only(own) => record(file)? == Some(own),
            // As plotters begins.
            #[cfg(feature = "cli")]
            Self::Plot => {
                let start = start(file)?;
                start.starts_with("<svg width=\"")
                    && start.contains("\n<rect x=\"0\" y=\"0\" width=\"")
            }
            #[cfg(feature = "cli")]
            Self::Document => start(file)?.contains("Written by `sealquant reproduce"),
        })
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
