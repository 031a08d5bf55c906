//! `sealquant import`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};

use super::{model::whole, output::Output};
use crate::{
    network::{NETWORK_FILE, Network, Shape},
    onnx::{ImportOptions, ImportedNetwork, OnnxRecord, PixelRange, names_in},
};

#[derive(Debug, clap::Args)]
pub(super) struct ImportArguments {
    /// The network: an ONNX file (docs/IMPORT.md says which)
    #[arg(value_name = "MODEL.onnx", required_unless_present = "layers", conflicts_with_all = ["layers", "weights"])]
    model: Option<PathBuf>,
    /// In place of an ONNX file, the description of the layers (JSON; docs/IMPORT.md says how)
    #[arg(long, value_name = "FILE", requires = "weights")]
    layers: Option<PathBuf>,
    /// The tensors that the description names: a safetensors file
    #[arg(long, value_name = "FILE", requires = "layers")]
    weights: Option<PathBuf>,
    /// The directory of the new model; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the model in the directory, once the new one is complete
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    onnx: OnnxArguments,
}

/// Options for ONNX files.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options for ONNX files")]
struct OnnxArguments {
    /// Name of the network [default: the file's name]
    #[arg(long, conflicts_with = "layers")]
    name: Option<String>,
    /// Channels, height and width of the images, if the file leaves them open or reads vectors
    #[arg(long, value_name = "C,H,W", value_parser = shape, conflicts_with = "layers")]
    input_shape: Option<Shape>,
    /// The meaning of the file's input [default: raw if it is of integers or scaled down first, else unit]
    #[arg(long, value_enum, value_name = "RANGE", conflicts_with = "layers")]
    pixels: Option<PixelScale>,
    /// Names of the classes: a file with a name a line, or the names with commas [default: the file's metadata]
    #[arg(long, value_name = "FILE or NAMES", conflicts_with = "layers")]
    classes: Option<String>,
    /// Bits by which integer weights grow where the scales of channels have no common unit
    #[arg(long, value_name = "B", default_value = "12", value_parser = whole::<u32>(0..=40), conflicts_with = "layers")]
    factor_bits: u32,
    /// Run the inputs of this file and compare the outputs that it holds (.npz, by the names of the graph's input and output)
    #[arg(long, value_name = "INPUTS.npz", conflicts_with = "layers")]
    check: Option<PathBuf>,
    /// The dataset that a float network classifies, on which it is rounded or trained [default: by the shape of its input]
    #[cfg(feature = "train")]
    #[arg(long, value_enum, conflicts_with = "layers")]
    dataset: Option<crate::data::DatasetName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PixelScale {
    /// Pixels from 0 to 255.
    Raw,
    /// Pixels divided by 255.
    Unit,
}

/// Parses `C,H,W`.
fn shape(text: &str) -> Result<Shape, String> {
    let numbers: Option<Vec<usize>> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect();
    match numbers.as_deref() {
        Some(&[channels, height, width]) => Ok(Shape::new(channels, height, width)),
        _ => Err("write three numbers with commas, like 1,28,28".into()),
    }
}

pub(super) fn run(arguments: &ImportArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    match (&arguments.model, &arguments.layers, &arguments.weights) {
        (Some(model), ..) => from_onnx(model, arguments, output),
        (None, Some(layers), Some(weights)) => from_tensors(layers, weights, arguments, output),
        _ => bail!("name an ONNX file, or --layers and --weights"),
    }
}

fn from_onnx(
    model: &Path,
    arguments: &ImportArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let folder = ModelFolder::claim(arguments, &[model])?;
    let options = &arguments.onnx;
    let stem = model.file_stem().unwrap_or_default().to_string_lossy();
    let name = options.name.clone().unwrap_or_else(|| stem.into_owned());
    let shown = model.display();
    let mut imported = crate::onnx::import(
        model,
        &ImportOptions {
            name: name.clone(),
            shape: options.input_shape,
            range: match options.pixels {
                None => PixelRange::Guess,
                Some(PixelScale::Raw) => PixelRange::Raw,
                Some(PixelScale::Unit) => PixelRange::Unit,
            },
            factor_bits: options.factor_bits,
        },
    )
    .with_context(|| format!("{shown}"))?;
    if let Some(classes) = &options.classes {
        imported.classes = class_names(classes, imported.class_count()).context("--classes")?;
    }
    let mut is_right = true;
    if let Some(check) = &options.check {
        let comparison = imported.check(check)?;
        is_right = comparison.is_right();
        output.line(comparison)?;
    }
    for note in &imported.notes {
        output.line(format!("- {note}"))?;
    }
    if !is_right {
        output.line("the outputs differ: nothing was written")?;
        return Ok(ExitCode::FAILURE);
    }
    let record = imported.record(&name);
    let dir = arguments.out.display();
    match imported.network {
        ImportedNetwork::Integer { network, .. } => {
            folder.write_network(&network, &record)?;
            output.line(format!(
                "{name}: an integer network in {dir}; see it with: sealquant inspect {dir}"
            ))?;
        }
        ImportedNetwork::Float(network) => {
            folder.write_float(network, &record, arguments)?;
            output.line(format!(
                "{name}: a float network in {dir}; round it with: sealquant ptq {dir} --bits 4 --out DIR"
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the names of classes, from a file if there is one of this name.
fn class_names(given: &str, count: usize) -> anyhow::Result<Vec<String>> {
    let text = if Path::new(given).is_file() {
        let file = fs::File::open(given).with_context(|| format!("cannot read {given}"))?;
        let bytes = crate::file::read_at_most(file, 1 << 20)?.context("larger than 1 MiB")?;
        String::from_utf8(bytes).context("the file is no text in UTF-8")?
    } else {
        given.to_owned()
    };
    let names = names_in(&text);
    if names.len() != count {
        bail!("{} names for {count} classes", names.len());
    }
    Ok(names)
}

/// The folder of the new model: only a path in a program without training.
struct ModelFolder(
    #[cfg(feature = "train")] crate::train::OutputFolder,
    #[cfg(not(feature = "train"))] PathBuf,
);

#[cfg(feature = "train")]
impl ModelFolder {
    fn claim(arguments: &ImportArguments, inputs: &[&Path]) -> anyhow::Result<Self> {
        let existing = super::train::existing(arguments.overwrite);
        let claimed = crate::train::OutputFolder::claim(&arguments.out, existing, inputs);
        Ok(Self(claimed.context("--out")?))
    }

    fn write_network(&self, network: &Network, record: &OnnxRecord) -> anyhow::Result<()> {
        let staged = self.0.stage()?;
        network.save(staged.file(NETWORK_FILE))?;
        let path = staged.file(crate::train::IMPORT_FILE);
        crate::file::write_json(&path, record).context("cannot write the record")?;
        Ok(staged.commit()?)
    }

    fn write_float(
        &self,
        network: crate::onnx::FloatNetwork,
        record: &OnnxRecord,
        arguments: &ImportArguments,
    ) -> anyhow::Result<()> {
        use crate::data::DatasetName;
        let input = network.input;
        let guess = match (input.channels, input.height, input.width) {
            (1, 28, 28) => Some(DatasetName::Mnist),
            (3, 32, 32) => Some(DatasetName::Cifar10),
            _ => None,
        };
        let Some(dataset) = arguments.onnx.dataset.or(guess) else {
            bail!(
                "a float network is rounded or trained on a dataset, and none has images of {input}: quantise the weights \
                 before the export (Brevitas, QDQ), or give --input-shape and --dataset"
            );
        };
        Ok(crate::train::import_float(
            network, dataset, record, &self.0,
        )?)
    }
}

#[cfg(not(feature = "train"))]
impl ModelFolder {
    fn claim(arguments: &ImportArguments, inputs: &[&Path]) -> anyhow::Result<Self> {
        let out = &arguments.out;
        let canonical = |path: &Path| fs::canonicalize(path).ok();
        let is_input = |input: &&&Path| {
            let parent = canonical(input).and_then(|input| input.parent().map(Path::to_owned));
            parent.is_some() && parent == canonical(out)
        };
        if let Some(input) = inputs.iter().find(is_input) {
            bail!(
                "--out: {} also holds {}; choose another folder",
                out.display(),
                input.display()
            );
        }
        let holds_a_model = crate::network::network_file(out).exists();
        if holds_a_model && !arguments.overwrite {
            bail!(
                "--out: {} holds a finished model; --overwrite replaces it",
                out.display()
            );
        }
        Ok(Self(out.clone()))
    }

    fn write_network(&self, network: &Network, record: &OnnxRecord) -> anyhow::Result<()> {
        network.save(self.0.join(NETWORK_FILE))?;
        let path = self.0.join(crate::file::model_folder::IMPORT_FILE);
        crate::file::write_json(&path, record).context("cannot write the record")
    }

    #[expect(clippy::unused_self, reason = "as in a program with training")]
    fn write_float(
        &self,
        _network: crate::onnx::FloatNetwork,
        _record: &OnnxRecord,
        _arguments: &ImportArguments,
    ) -> anyhow::Result<()> {
        bail!(
            "the file holds a float network, and this program was built without training, which rounds it"
        )
    }
}

#[cfg(feature = "train")]
fn from_tensors(
    layers: &Path,
    weights: &Path,
    arguments: &ImportArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    use crate::train::{ImportSpec, import};

    let ModelFolder(folder) = ModelFolder::claim(arguments, &[layers, weights])?;
    let spec = ImportSpec::load(layers)?;
    let record = import(&spec, weights, &folder)?;
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

#[cfg(not(feature = "train"))]
fn from_tensors(
    _layers: &Path,
    _weights: &Path,
    _arguments: &ImportArguments,
    _output: &mut Output,
) -> anyhow::Result<ExitCode> {
    bail!(
        "this program was built without training, which reads safetensors files; import an ONNX file"
    )
}
