//! Post-training quantisation: a float network rounded to integers, without training.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Agreement, QatConfig, QatStart, TrainConfig, TrainError, Versions, export, files::write_json,
    record::short, start,
};
use crate::{
    data::{Dataset, FileDigest},
    network::Network,
    quant::WeightRule,
};

/// How to round a float network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PtqOptions {
    /// Bits of a weight, 2 to 32.
    pub n_bits: u32,
    /// How the integers are chosen; the paper's rule is [`WeightRule::Max`].
    pub rule: WeightRule,
    /// Input thresholds in place of the parent's.
    pub input_thresholds: Option<Vec<u8>>,
}

/// The record of a post-training quantisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PtqRecord {
    /// Name of the float parent.
    pub parent: String,
    /// Hash of the parent's weights.
    pub parent_sha256: String,
    /// What was asked for.
    pub options: PtqOptions,
    /// The files of the test images, with their SHA-256.
    pub data: Vec<FileDigest>,
    /// Images of the test split.
    pub test_images: usize,
    /// Test images that the integer network classifies correctly.
    pub test_correct: usize,
    /// Share of the test images classified correctly.
    pub test_accuracy: f64,
    /// The integer network against burn.
    pub agreement: Agreement,
    /// Versions of the programs.
    pub versions: Versions,
}

impl PtqRecord {
    /// Writes network and record into a model directory.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::NetworkFile`].
    pub fn save(&self, network: &Network, dir: &Path) -> Result<(), TrainError> {
        std::fs::create_dir_all(dir).map_err(TrainError::io("cannot create", dir))?;
        network.save(dir.join(super::NETWORK_FILE))?;
        write_json(&dir.join(super::RECORD_FILE), self)
    }
}

/// Rounds the float network of `parent_dir` and evaluates the result on `test`.
///
/// # Errors
/// If the directory holds no float network, an option is impossible, or the export fails.
pub fn ptq(
    parent_dir: &Path,
    options: &PtqOptions,
    test: &Dataset,
) -> Result<(Network, PtqRecord), TrainError> {
    let (parent_config, parent, parent_sha256) = start::load_float(parent_dir)?;
    let mut config = TrainConfig {
        name: format!("{}-ptq{}", parent_config.name, options.n_bits),
        batch_norm: false,
        distillation: None,
        quantization: Some(QatConfig::by_rule(
            &parent_dir.display().to_string(),
            options.n_bits,
            options.rule,
        )),
        ..parent_config.clone()
    };
    if let Some(thresholds) = &options.input_thresholds {
        config.input_thresholds.clone_from(thresholds);
        config.input_encoding = None;
    }
    config.validate()?;
    let mut model = super::model::Model::new(&config)?;
    start::from_parent(&mut model, &config, &parent, QatStart::Copy, test)?;
    let rounded = model.round(None)?;
    let network = export::to_network(&model, &config, &rounded)?;
    let (agreement, test_correct) = export::compare(&model, &config, &rounded, &network, test)?;
    let record = PtqRecord {
        parent: parent_config.name,
        parent_sha256,
        options: options.clone(),
        data: test.files().to_vec(),
        test_images: test.len(),
        test_correct,
        test_accuracy: short(test_correct as f64 / test.len().max(1) as f64),
        agreement,
        versions: Versions::current(),
    };
    Ok((network, record))
}
