//! Writes a float network from an ONNX file as a model that `ptq` and training read.

use super::super::{
    CONFIG_FILE, IMPORT_FILE, LayerSpec, NetworkSpec, OutputFolder, TrainConfig, TrainError,
    WEIGHTS_FILE,
    files::write_json,
    model::{Model, Role},
    tensors,
};
use crate::{
    data::DatasetName,
    onnx::{FloatLayer, FloatNetwork, OnnxRecord},
};

/// Writes a model folder with a float network, replacing its previous content.
///
/// # Errors
/// [`TrainError`]. The folder then stays unchanged.
pub fn import_float(
    network: FloatNetwork,
    dataset: DatasetName,
    record: &OnnxRecord,
    folder: &OutputFolder,
) -> Result<(), TrainError> {
    let config = TrainConfig {
        name: record.name.clone(),
        dataset,
        network: spec(&network),
        input_thresholds: network.thresholds.clone(),
        input_encoding: None,
        ..TrainConfig::preset("hcnn-mnist-paper")?
    };
    config.validate()?;
    let mut model = Model::new(&config)?;
    let parts = network.layers.into_iter().filter_map(|layer| match layer {
        FloatLayer::Conv2d { weight, bias, .. } | FloatLayer::Linear { weight, bias, .. } => {
            Some((weight, bias))
        }
        FloatLayer::Square | FloatLayer::SumPool { .. } | FloatLayer::Flatten => None,
    });
    for (index, (weight, bias)) in parts.enumerate() {
        model.set(index, Role::Weight, weight);
        model.set(index, Role::Bias, bias);
    }
    let staged = folder.stage()?;
    let named = tensors::of_model(&model, "")?;
    tensors::save(&staged.file(WEIGHTS_FILE), &named, &[])?;
    config.save(&staged.file(CONFIG_FILE))?;
    write_json(&staged.file(IMPORT_FILE), record)?;
    staged.commit()
}

/// Returns the layers as a training configuration has them.
fn spec(network: &FloatNetwork) -> NetworkSpec {
    let layers = network.layers.iter().map(|layer| match *layer {
        FloatLayer::Conv2d {
            out_channels,
            kernel,
            stride,
            padding,
            ..
        } => LayerSpec::Conv2d {
            out_channels,
            kernel,
            stride,
            padding,
        },
        FloatLayer::Linear { out_features, .. } => LayerSpec::Linear { out_features },
        FloatLayer::Square => LayerSpec::Square,
        FloatLayer::SumPool { kernel, stride } => LayerSpec::SumPool { kernel, stride },
        FloatLayer::Flatten => LayerSpec::Flatten,
    });
    let input = network.input;
    NetworkSpec {
        input: [input.channels, input.height, input.width],
        layers: layers.collect(),
    }
}
