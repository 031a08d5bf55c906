//! Training: float networks, post-training quantisation, quantised training, export.
//!
//! A [`TrainConfig`] says everything that decides a run; [`run`] trains the network and writes a model directory:
//!
//! | file | what |
//! | --- | --- |
//! | `config.json` | the configuration |
//! | `record.json` | what happened: [`TrainRecord`] |
//! | `network.json.gz` | the integer network, of a quantised run |
//! | `weights.safetensors` | the folded weights, of a float run |
//! | `checkpoint.safetensors` | the state after the last epoch, while the run is not finished |
//!
//! An [`OutputFolder`] is claimed before the work starts; the files appear in it all at once, when the model is
//! complete.
//!
//! The same configuration, data and program give the same weights, bit for bit, on processors with the same instruction
//! sets ([`Versions::cpu_features`]). The number of threads does not matter, nor does it matter when the run was
//! interrupted and resumed. Other instruction sets sum up matrix products in a different order.
//!
//! [`ptq`] rounds a float network without training.
//!
//! # How a network is trained to ternary weights
//! First, a float network with a batch norm before each square is trained with a teacher, and the batch norms are
//! folded. Quantised training starts from its *equalised* form: each output channel is rescaled so that its weights
//! best fit the integers -1, 0, 1, and the next layer's weights undo the rescaling. The squares allow this because they
//! only square the factor, so a single scale for each tensor remains. Each forward pass uses the integers
//! ([`fake_quantize`](crate::quant::fake_quantize)); each backward pass uses the straight-through estimator. With
//! [`WeightRule::TopK`](crate::quant::WeightRule::TopK) the number of non-zero weights shrinks in the first part of the
//! run. At the end a common offset is subtracted from the output biases.

mod augment;
mod batch;
mod checkpoint;
mod config;
mod conv;
mod error;
mod export;
mod files;
mod forward;
mod import;
mod matrix;
mod model;
mod norm;
mod observer;
mod optimizer;
mod origin;
mod pass;
mod preset;
mod ptq;
mod read;
mod record;
mod run;
mod spec;
mod stage;
mod start;
mod statistics;
mod tensors;
#[cfg(test)]
mod tests;

pub use config::{
    AugmentConfig, DistillConfig, OptimizerConfig, QatConfig, QatStart, Schedule, TrainConfig,
};
pub use error::TrainError;
pub use files::{Existing, OutputFolder, StagedModel};
pub use import::{ImportRecord, ImportSpec, LayerTensors, import, import_float};
pub use observer::{EpochRecord, Observer, TrainEvent};
pub use preset::PRESETS;
pub use ptq::{PtqOptions, PtqRecord, ptq};
pub use record::{Agreement, Fit, TrainRecord, Versions};
pub use run::run;
pub use spec::{LayerSpec, NetworkSpec};

pub use crate::file::model_folder::{
    CHECKPOINT_FILE, CONFIG_FILE, IMPORT_FILE, NETWORK_FILE, RECORD_FILE, WEIGHTS_FILE,
};
