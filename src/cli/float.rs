//! Float networks: `inspect` shows them, and nothing encrypts them.

use std::{path::Path, process::ExitCode};

use super::output::Output;

/// Shows the layers, the accuracy, and how to turn the network into one of integers.
#[cfg(feature = "train")]
pub(super) fn show(directory: &Path, output: &mut Output) -> anyhow::Result<ExitCode> {
    use super::table;
    use crate::train::{CONFIG_FILE, LayerSpec, TrainConfig, TrainRecord};

    let config = TrainConfig::load(&directory.join(CONFIG_FILE))?;
    let network = &config.network;
    let shapes = network.shapes()?;
    output.paragraph(format_args!(
        "{}: a float network for {}, reads images of {}, gives {} logits",
        config.name,
        config.dataset,
        shapes.first().map_or_else(String::new, ToString::to_string),
        shapes.last().map_or(0, |shape| shape.len())
    ))?;
    let layers = network.names().into_iter().zip(&network.layers);
    let rows = layers.zip(shapes.windows(2)).map(|((name, layer), pair)| {
        let [input, made] = pair else {
            return vec![name];
        };
        let weights = layer
            .weight_shape(*input)
            .map(|shape| shape.into_iter().product::<usize>());
        let kind = layer.kind().to_owned();
        vec![
            name,
            kind,
            made.to_string(),
            weights.map_or(String::new(), table::thousands),
        ]
    });
    output.line(table::columns(
        &["layer", "kind", "output", "weights"],
        rows,
    ))?;
    output.paragraph(match TrainRecord::load(directory) {
        Ok(record) => format!(
            "Accuracy: {} of {} test images ({}), {} on those that were held out to choose the epoch.",
            table::thousands(record.test_correct),
            table::thousands(record.test_images),
            table::percent(record.test_accuracy),
            table::percent(record.validation_accuracy)
        ),
        Err(_) => "Accuracy: no record of a training run says it.".to_owned(),
    })?;
    let shown = directory.display();
    let clear = |layer: &&LayerSpec| matches!(layer, LayerSpec::Relu | LayerSpec::MaxPool { .. });
    if let Some(layer) = network.layers.iter().find(clear) {
        output.paragraph(format_args!(
            "It has layers of kind {}, which encrypted networks cannot have: it is a teacher. A configuration names it \
             under distillation.teacher.",
            layer.kind()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    output.paragraph("It cannot be encrypted as it is. Make it a network of integers:")?;
    output.line(format_args!(
        "  sealquant ptq {shown} --bits 4 --out DIR\n      rounds it, without training"
    ))?;
    let presets = presets_from(directory);
    let config = presets.first().map_or("FILE", |&name| name);
    output.line(format_args!(
        "  sealquant train --config {config} --out DIR\n      trains it with integer weights"
    ))?;
    output.paragraph(match presets.as_slice() {
        [] => format!("where FILE is a configuration whose quantization.parent is {shown}."),
        several => format!("Presets that start from it: {}.", several.join(", ")),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Lists the presets that have this model as their parent.
#[cfg(feature = "train")]
fn presets_from(directory: &Path) -> Vec<&'static str> {
    use crate::train::{PRESETS, TrainConfig};

    let starts_here = |name: &str| {
        let config = TrainConfig::preset(name).ok()?;
        Some(directory.ends_with(config.quantization?.parent))
    };
    let presets = PRESETS.into_iter();
    presets
        .filter(|name| starts_here(name) == Some(true))
        .collect()
}

/// Explains that this is a float network.
#[cfg(not(feature = "train"))]
pub(super) fn show(directory: &Path, output: &mut Output) -> anyhow::Result<ExitCode> {
    output.paragraph(format_args!(
        "{}: a float network, which cannot be encrypted as it is. This program was built without the feature `train`, \
         which shows it and makes it a network of integers.",
        directory.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
