//! `sealquant import`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;

use super::{output::Output, train::existing};
use crate::train::{ImportSpec, OutputFolder, import};

#[derive(Debug, clap::Args)]
pub(super) struct ImportArguments {
    /// The description of the layers (JSON; docs/IMPORT.md says how)
    #[arg(long, value_name = "FILE")]
    layers: PathBuf,
    /// The tensors: a safetensors file
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The directory of the new model; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the model in the directory, once the new one is complete
    #[arg(long)]
    overwrite: bool,
}

pub(super) fn run(arguments: &ImportArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let existing = existing(arguments.overwrite);
    let inputs = [arguments.layers.as_path(), arguments.weights.as_path()];
    let folder = OutputFolder::claim(&arguments.out, existing, &inputs).context("--out")?;
    let spec = ImportSpec::load(&arguments.layers)?;
    let record = import(&spec, &arguments.weights, &folder)?;
    let dir = arguments.out.display();
    output.line(if record.quantized {
        format!(
            "{}: an integer network in {dir}; see it with: sealquant inspect {dir}",
            spec.name
        )
    } else {
        format!(
            "{}: a float network in {dir}; round it with: sealquant ptq {dir} --bits 4 --out DIR",
            spec.name
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
