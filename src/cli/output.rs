//! Writes lines to standard output and standard error.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    path::Path,
};

use anyhow::Context as _;

use crate::file::{self, ResultKind};

/// Standard output. After its reader has gone, further lines are dropped: the command still completes its work, so the
/// record is written and the exit code is right.
#[derive(Default)]
pub(super) struct Output {
    closed: bool,
}

impl Output {
    /// Writes sentences, broken between words at the width of the terminal.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub(super) fn paragraph(&mut self, text: impl Display) -> anyhow::Result<()> {
        self.line(super::table::paragraph(
            &text.to_string(),
            super::terminal::columns(),
        ))
    }

    /// Writes a line, or several if the text has several.
    ///
    /// # Errors
    /// The system's error, unless the reader has gone.
    pub(super) fn line(&mut self, text: impl Display) -> anyhow::Result<()> {
        if self.closed {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other.context("cannot write to standard output"),
        }
    }
}

/// Checks that `option` names a file that can be written, and that at most an older result of the same kind would be
/// lost, before starting the work whose result it will hold. `own` is the folder of the model that this work makes.
pub(super) fn check_file(
    option: &str,
    path: &Path,
    kind: ResultKind,
    own: Option<&Path>,
) -> anyhow::Result<()> {
    file::check_result(path, kind, own)
        .with_context(|| format!("{option}: cannot write {}", path.display()))
}

/// Checks that `option` names a file that can be written.
pub(super) fn check_output(option: &str, path: &Path) -> anyhow::Result<()> {
    file::check_output(path).with_context(|| format!("{option}: cannot write {}", path.display()))
}

/// Says that the program may wait now if `path` is a named pipe, which is written only once something reads it.
pub(super) fn announce(path: &Path) {
    if file::is_pipe(path) {
        note(format_args!(
            "writing into the pipe {}: this waits until another program reads it",
            path.display()
        ));
    }
}

/// Checks that `option` names a directory into which these files can be written, and that at most older results of the
/// same kinds would be lost.
pub(super) fn check_files(
    option: &str,
    directory: &Path,
    files: impl IntoIterator<Item = (String, ResultKind)>,
) -> anyhow::Result<()> {
    check_directory(option, directory)?;
    for (name, kind) in files {
        check_file(option, &directory.join(name), kind, None)?;
    }
    Ok(())
}

/// Writes a text under a temporary name and renames the file; the error names it.
pub(super) fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    file::write_atomically(path, text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Checks that `option` names a directory into which files can be written; it need not exist yet.
pub(super) fn check_directory(option: &str, path: &Path) -> anyhow::Result<()> {
    file::check_directory(path)
        .with_context(|| format!("{option}: cannot write into {}", path.display()))
}

/// Writes a line to standard error, ignoring failures: if nobody can read it, there is nobody to tell.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes `error: `, the chain of causes and a hint in one line.
pub(super) fn error_line(error: &anyhow::Error, hint: Option<String>) {
    let hint = hint.map_or(String::new(), |hint| format!(" ({hint})"));
    note(format_args!("error: {}{hint}", chain(error)));
}

fn chain(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        // If a cause is already quoted at the end of its consequence, do not repeat it.
        if text.is_empty() || line.ends_with(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::chain;
    use anyhow::anyhow;

    #[test]
    fn causes_are_chained_in_one_line_and_not_repeated() {
        let error = anyhow!("no such\n  file")
            .context("reading a: no such file")
            .context("model");
        assert_eq!(chain(&error), "model: reading a: no such file");
        assert_eq!(chain(&anyhow!("b").context("a")), "a: b");
    }
}
