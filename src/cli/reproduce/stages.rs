//! `sealquant reproduce stages`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

use crate::cli::output::{Output, check_file, write_text};
use crate::{
    experiment::reproduce::{EndToEndRecord, plot_stages},
    file::ResultKind,
};

#[derive(Debug, clap::Args)]
pub(super) struct StagesArguments {
    /// Records of `cargo bench --bench endtoend`, with the clients `seal` and `own` on two threads
    #[arg(value_name = "RECORD", required = true)]
    records: Vec<PathBuf>,
    /// The plot (SVG) to write
    #[arg(long, value_name = "FILE")]
    plot: PathBuf,
}

fn read(path: &Path) -> anyhow::Result<EndToEndRecord> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is no record of the benchmark endtoend", path.display()))
}

pub(super) fn run(arguments: &StagesArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    check_file("--plot", &arguments.plot, ResultKind::Plot, None)?;
    let records = arguments.records.iter().map(|path| read(path));
    let records: Vec<EndToEndRecord> = records.collect::<anyhow::Result<_>>()?;
    let plot = plot_stages("From images to classes, two threads", &records)?;
    write_text(&arguments.plot, &plot)?;
    output.line(format_args!("written: {}", arguments.plot.display()))?;
    Ok(ExitCode::SUCCESS)
}
