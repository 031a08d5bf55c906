//! `sealquant data`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Subcommand;

use super::{
    output::{Output, check_directory},
    progress,
};
use crate::{
    data::{self, DataEvent, Dataset, DatasetName, Source, Split},
    file,
};

#[derive(Debug, clap::Args)]
pub(super) struct DataArguments {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Find datasets on this machine or fetch them, and verify every file.
    Fetch(Fetch),
}

#[derive(Debug, clap::Args)]
struct Fetch {
    /// The dataset; may be given several times [default: mnist]
    #[arg(long = "dataset", value_name = "NAME", value_enum)]
    datasets: Vec<DatasetName>,
    /// Also put a copy of the files into a subdirectory of this directory, say for a machine without network
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub(super) fn run(arguments: &DataArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let DataCommand::Fetch(fetch) = &arguments.command;
    let datasets = match fetch.datasets.as_slice() {
        [] => &[DatasetName::Mnist],
        given => given,
    };
    if let Some(target) = &fetch.data_dir {
        check_directory("--data-dir", target)?;
    }
    for &name in datasets {
        let target = fetch.data_dir.as_ref().map(|dir| dir.join(name.as_str()));
        let mut found = PathBuf::new();
        for split in [Split::Train, Split::Test] {
            let (data, directory) = load(name, split)?;
            output.line(format_args!(
                "{name} {split}: {} images in {}",
                data.len(),
                directory.display()
            ))?;
            for file in data.files() {
                output.line(format_args!("  {}  {}", file.sha256, file.name))?;
                if let Some(target) = &target {
                    copy(&directory, &file.name, target)?;
                }
            }
            found = directory;
        }
        if let Some(target) = target {
            output.line(format_args!(
                "copied from {} to {}",
                found.display(),
                target.display()
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads a split, and names the directory it was found in.
fn load(name: DatasetName, split: Split) -> anyhow::Result<(Dataset, PathBuf)> {
    let mut show = progress::data_events();
    let mut directory = PathBuf::new();
    let data = data::load(name, split, &Source::default(), &mut |event| {
        if let DataEvent::Loaded { dir, .. } = &event {
            directory.clone_from(dir);
        }
        show(event);
    })?;
    Ok((data, directory))
}

/// Copies a file, compressed or not, to a temporary name first.
fn copy(from: &Path, name: &str, to: &Path) -> anyhow::Result<()> {
    let packed = format!("{name}.gz");
    let name = if from.join(name).is_file() {
        name
    } else {
        &packed
    };
    let (source, target) = (from.join(name), to.join(name));
    let copy = || {
        let mut source = fs::File::open(&source)?;
        file::replace(&target, |target| io::copy(&mut source, target))?
    };
    copy()
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", source.display(), target.display()))
}
