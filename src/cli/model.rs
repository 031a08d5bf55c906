//! Models and datasets, as the command line names them.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, bail};
use clap::{
    ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::progress::{self, Stages};
use crate::{
    data::{self, Dataset, DatasetName, Source, Split},
    engine::Progress as _,
    network::{LayerBound, Network, network_file, observed_bounds},
    params::{BoundRule, SecurityStandard},
};

/// The model that comes with the project.
pub(super) const DEFAULT_MODEL: &str = "models/mnist-w2";

/// Images whose bounds are observed at once: bounds the memory that quantised images take.
const OBSERVED_AT_ONCE: usize = 4096;

/// Where datasets are looked for.
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

/// Parses the name of a dataset, and lists the names in the help.
pub(super) fn dataset_parser() -> impl TypedValueParser<Value = DatasetName> {
    PossibleValuesParser::new(DatasetName::ALL.map(DatasetName::as_str))
        .try_map(|name| name.parse::<DatasetName>())
}

/// Parses the name of a split.
pub(super) fn split_parser() -> impl TypedValueParser<Value = Split> {
    PossibleValuesParser::new([Split::Train, Split::Test].map(Split::as_str))
        .try_map(|name| name.parse::<Split>())
}

/// Which table caps the coefficient modulus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Security {
    /// 128 bits by the guidelines of 2024.
    #[value(name = "2024")]
    Guidelines2024,
    /// 128 bits by the HE-standard of 2018, which SEAL itself enforces.
    #[value(name = "2018")]
    Standard2018,
}

impl From<Security> for SecurityStandard {
    fn from(security: Security) -> Self {
        match security {
            Security::Guidelines2024 => Self::HeStandard2024,
            Security::Standard2018 => Self::HeStandard2018,
        }
    }
}

/// A half-open range of images, written `A..B`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageRange(pub(super) Range<usize>);

impl FromStr for ImageRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            || format!("`{text}` is no range of images: write A..B with A < B, as in 0..8192");
        let (start, end) = text.split_once("..").ok_or_else(form)?;
        let start = start.parse().map_err(|_| form())?;
        let end = end.parse().map_err(|_| form())?;
        if start >= end {
            return Err(form());
        }
        Ok(Self(start..end))
    }
}

/// Loads a model: a directory that holds a network file, or that file itself.
pub(super) fn load_network(model: &Path) -> anyhow::Result<Network> {
    // Of a directory that is not there, an error names the file that it would hold.
    let is_named_as_file = model
        .extension()
        .is_some_and(|extension| extension == "json" || extension == "gz");
    let path = if model.exists() || is_named_as_file {
        model.to_owned()
    } else {
        network_file(model)
    };
    Ok(Network::load(&path)?)
}

/// Parses a number of things of which there must be one at least.
pub(super) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| format!("expected a whole number from 1 to {}", usize::MAX))
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

/// The bounds of every layer on all images of a dataset, and the words that name these images.
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
    let mut bounds: Vec<LayerBound> = Vec::new();
    let mut done = 0;
    for split in &splits {
        let images: Vec<&[u8]> = split.images().collect();
        for images in images.chunks(OBSERVED_AT_ONCE) {
            let quantized = images
                .iter()
                .map(|pixels| network.quantize_image(pixels))
                .collect::<Result<Vec<_>, _>>()?;
            let more = observed_bounds(network, &quantized)?;
            bounds = if bounds.is_empty() {
                more.to_vec()
            } else {
                hulls(bounds, &more)
            };
            done += images.len();
            stages.update("bounds", done as u64, total as u64);
        }
    }
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

fn hulls(bounds: Vec<LayerBound>, more: &[LayerBound]) -> Vec<LayerBound> {
    bounds
        .into_iter()
        .zip(more)
        .map(|(bound, more)| LayerBound {
            interval: bound.interval.hull(more.interval.clone()),
            ..bound
        })
        .collect()
}

/// The rule that the logits' bound was observed by these measurements.
pub(super) fn observed_rule(bounds: &[LayerBound], source: String) -> anyhow::Result<BoundRule> {
    let logits = bounds.last().context("the network has no layers")?;
    Ok(BoundRule::Observed {
        magnitude: logits.interval.magnitude(),
        source,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_half_open_and_not_empty() {
        assert_eq!("0..8192".parse::<ImageRange>().unwrap().0, 0..8192);
        for bad in [
            "", "5", "5..5", "6..5", "..5", "0..", "a..b", "0..=5", "-1..5", "0...5",
        ] {
            assert!(
                bad.parse::<ImageRange>().unwrap_err().contains("A..B"),
                "{bad}"
            );
        }
    }
}
