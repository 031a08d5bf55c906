//! Models and datasets as the command line names them.

use std::{
    io::ErrorKind,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Arg;

use super::progress::{self, Stages};
use crate::{
    data::{self, Dataset, DatasetName, Source, Split},
    engine::Progress as _,
    experiment::reproduce,
    file::model_folder::{NETWORK_FILE, PLAIN_NETWORK_FILE, WEIGHTS_FILE},
    network::{LayerBound, Network, network_file},
    params::BoundRule,
};

/// The model used if none is named. It is built in.
pub(super) const DEFAULT_MODEL: &str = "models/mnist-w2";

/// Folder in the project's source that holds its models.
pub(super) const MODELS: &str = "models";

/// The project's models that are part of the program, so that it works from any folder: their names in [`MODELS`], and
/// their network files.
const BUILT_IN: [(&str, &[u8]); 2] = [
    (
        "mnist-w2",
        include_bytes!("../../models/mnist-w2/network.json.gz"),
    ),
    (
        "mnist-t17",
        include_bytes!("../../models/mnist-t17/network.json.gz"),
    ),
];

/// The directory in which datasets are looked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct DataDirectory {
    /// Directory with the dataset's files, or with a subdirectory of the dataset's name that holds them
    /// [default: $SEALQUANT_DATA, else fetched once into the user's cache]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDirectory {
    pub(super) fn source(&self) -> Source {
        Source {
            data_dir: self.data_dir.clone(),
        }
    }
}

/// The model of a command. Commands without a default require it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ModelArgument {
    /// The model: a directory that holds network.json.gz (or network.json), that file, or the name of a model that is
    /// built in (mnist-w2, mnist-t17) [default: models/mnist-w2]
    #[arg(value_name = "MODEL")]
    model: Option<PathBuf>,
    /// The same as MODEL
    #[arg(long = "model", value_name = "MODEL", conflicts_with = "model")]
    model_option: Option<PathBuf>,
}

impl ModelArgument {
    pub(super) fn path(&self) -> &Path {
        let given = self.model.as_deref().or(self.model_option.as_deref());
        given.unwrap_or_else(|| Path::new(DEFAULT_MODEL))
    }

    /// Makes the argument required; `help` says which models the command takes.
    pub(super) fn required(argument: Arg, help: &'static str) -> Arg {
        argument.required_unless_present("model_option").help(help)
    }
}

/// Parses a whole number in a range; the error names the range.
pub(super) fn whole<T>(
    range: RangeInclusive<usize>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: TryFrom<usize> + Send + Sync + Clone + 'static,
{
    move |text| {
        let number = text.parse::<usize>().ok();
        let number = number.filter(|number| range.contains(number));
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| match *range.end() {
                usize::MAX => format!("write a whole number from {} on", range.start()),
                end => format!("write a whole number from {} to {end}", range.start()),
            })
    }
}

/// Parses a half-open range of images, written `A..B`.
pub(super) fn image_range(text: &str) -> Result<Range<usize>, String> {
    let range = text.split_once("..").and_then(|(start, end)| {
        let range = start.parse().ok()?..end.parse().ok()?;
        (!range.is_empty()).then_some(range)
    });
    let form = || format!("`{text}` is no range of images: write A..B with A < B, as in 0..8192");
    range.ok_or_else(form)
}

/// Tells whether the model is the directory of a float network.
pub(super) fn is_float(model: &Path) -> bool {
    model.join(WEIGHTS_FILE).is_file() && !network_file(model).is_file()
}

/// Returns the built-in model of this name, unless a file or directory of that name exists.
fn built_in(model: &Path) -> Option<&'static [u8]> {
    let name = model.strip_prefix(MODELS).unwrap_or(model);
    let mut models = BUILT_IN.into_iter();
    models
        .find(|(known, _)| name == Path::new(known) && !model.exists())
        .map(|(_, bytes)| bytes)
}

/// Loads an integer network: from a directory that holds a network file, from that file, or from the built-in models.
pub(super) fn load_network(model: &Path) -> anyhow::Result<Network> {
    if let Some(bytes) = built_in(model) {
        return Network::from_slice(bytes)
            .with_context(|| format!("the model {} that is built in", model.display()));
    }
    let shown = model.display();
    if is_float(model) {
        bail!(
            "{shown} holds a float network, which cannot be encrypted: round it with `sealquant ptq {shown} --bits 4 \
             --out DIR`, and see it with `sealquant inspect {shown}`"
        );
    }
    match std::fs::metadata(model) {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "{shown}: No such file or directory: a model is a directory that holds {NETWORK_FILE}, or that file; built \
             in are {}, others lie in the folder {MODELS} of sealquant's source, or make one with `sealquant train` or \
             `sealquant import`",
            BUILT_IN.map(|(name, _)| name).join(" and ")
        ),
        Ok(found) if found.is_dir() && !network_file(model).exists() => bail!(
            "{shown} holds no network: neither {NETWORK_FILE} nor {PLAIN_NETWORK_FILE} (integers), nor {WEIGHTS_FILE} \
             (floating point)"
        ),
        _ => Ok(Network::load(model)?),
    }
}

/// Loads a split whose images fit the network.
pub(super) fn load_images(
    network: &Network,
    name: DatasetName,
    split: Split,
    source: &Source,
) -> anyhow::Result<Dataset> {
    let (channels, height, width) = name.shape();
    let shape = network.input().shape;
    if (shape.channels, shape.height, shape.width) != (channels, height, width) {
        bail!(
            "network `{}` reads images of {shape}, those of {name} are {channels}x{height}x{width}",
            network.name()
        );
    }
    Ok(data::load(
        name,
        split,
        source,
        &mut progress::data_events(),
    )?)
}

/// Observes the bounds of every layer on all images of a dataset; also returns words that name these images.
pub(super) fn observe(
    network: &Network,
    name: DatasetName,
    source: &Source,
) -> anyhow::Result<(Vec<LayerBound>, String)> {
    let splits = [Split::Train, Split::Test]
        .into_iter()
        .map(|split| load_images(network, name, split, source))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let total: usize = splits.iter().map(Dataset::len).sum();
    let stages = Stages::new();
    let bounds = reproduce::observe(network, &splits, |done| {
        stages.update("bounds", done as u64, total as u64);
    })?;
    let published = splits
        .iter()
        .flat_map(Dataset::files)
        .all(|file| file.published);
    let note = if published {
        ""
    } else {
        ", not the published files"
    };
    Ok((
        bounds,
        format!("all {total} images of {name}, training and test{note}"),
    ))
}

/// Builds the bound rule for logits that were observed by these measurements.
pub(super) fn observed_rule(bounds: &[LayerBound], source: String) -> anyhow::Result<BoundRule> {
    let logits = bounds.last().context("the network has no layers")?;
    Ok(BoundRule::Observed {
        magnitude: logits.interval.magnitude(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    #[test]
    fn models_that_are_built_in_are_those_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(MODELS);
        for (name, bytes) in BUILT_IN {
            let file = network_file(folder.join(name));
            assert_eq!(std::fs::read(file).unwrap(), bytes);
            let elsewhere = Path::new("no-such-folder").join(name);
            assert!(built_in(&elsewhere).is_none());
            // By name without a prefix, whatever the current folder is.
            assert_eq!(load_network(Path::new(name)).unwrap().name(), name);
        }
        assert!(DEFAULT_MODEL.ends_with(BUILT_IN[0].0));
    }

    #[test]
    fn whole_numbers_name_their_range() {
        let parse = whole::<NonZeroUsize>(1..=8);
        assert_eq!(parse("8").unwrap().get(), 8);
        for bad in ["0", "9", "-1", "1.5", "", "x", "99999999999999999999999"] {
            assert_eq!(parse(bad).unwrap_err(), "write a whole number from 1 to 8");
        }
        let parse = whole::<u64>(0..=usize::MAX);
        assert_eq!(parse("-1").unwrap_err(), "write a whole number from 0 on");
    }

    #[test]
    fn ranges_are_half_open_and_not_empty() {
        assert_eq!(image_range("0..8192").unwrap(), 0..8192);
        for bad in [
            "", "5", "5..5", "6..5", "..5", "0..", "a..b", "0..=5", "-1..5", "0...5",
        ] {
            assert!(image_range(bad).unwrap_err().contains("A..B"), "{bad}");
        }
    }
}
