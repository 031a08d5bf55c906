//! `sealquant import`.

use std::path::PathBuf;

use super::{Outcome, output::Output};
use crate::train::{ImportSpec, import};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The description of the layers (JSON; docs/IMPORT.md says how)
    #[arg(long, value_name = "FILE")]
    layers: PathBuf,
    /// The tensors: a safetensors file
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The directory of the new model; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let spec = ImportSpec::load(&arguments.layers)?;
    let record = import(&spec, &arguments.weights, &arguments.out)?;
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
    Ok(Outcome::Success)
}
