//! Post-training quantisation: rounds a float network to integers without training.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Agreement, NETWORK_FILE, OutputFolder, QatConfig, RECORD_FILE, TrainConfig, TrainError,
    Versions,
    batch::{InputMap, all_logits, correct},
    export,
    files::write_json,
    model::Model,
    record::short,
    start,
};
use crate::{
    data::{Dataset, FileDigest},
    network::Network,
    quant::WeightRule,
};

/// Options for rounding a float network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PtqOptions {
    /// Bits of a weight, 2 to 32. They must match the rule: [`WeightRule::TernaryMean`] is for 2.
    pub n_bits: u32,
    /// The rule that chooses the integers; the paper's is [`WeightRule::Max`].
    pub rule: WeightRule,
    /// Input thresholds to use in place of the parent's.
    pub input_thresholds: Option<Vec<u8>>,
}

/// The record of a post-training quantisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PtqRecord {
    /// Name of the float parent.
    pub parent: String,
    /// Hash of the parent's weights.
    pub parent_sha256: String,
    /// Number of test images that the float parent classifies correctly; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_test_correct: Option<usize>,
    /// The requested options.
    pub options: PtqOptions,
    /// The files of the test images, with their SHA-256.
    pub data: Vec<FileDigest>,
    /// Number of images in the test split.
    pub test_images: usize,
    /// Number of test images that the integer network classifies correctly.
    pub test_correct: usize,
    /// Share of the test images classified correctly.
    pub test_accuracy: f64,
    /// Comparison of the integer network with burn.
    pub agreement: Agreement,
    /// Versions of the programs.
    pub versions: Versions,
}

impl PtqRecord {
    /// Writes the network and the record into a model folder, replacing its previous content.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::NetworkFile`].
    pub fn save(&self, network: &Network, folder: &OutputFolder) -> Result<(), TrainError> {
        let model = folder.stage()?;
        network.save(model.file(NETWORK_FILE))?;
        write_json(&model.file(RECORD_FILE), self)?;
        model.commit()
    }
}

impl PtqOptions {
    /// Refuses a rule that gives integers of other widths: the result would not match its name.
    fn validate(&self) -> Result<(), TrainError> {
        let bits = self.rule.bits(self.n_bits);
        if bits == self.n_bits {
            return Ok(());
        }
        Err(TrainError::config(
            "n_bits",
            format!(
                "is {}, but the rule gives integers of {bits} bits",
                self.n_bits
            ),
        ))
    }

    /// Returns the suffix for the parent's name: the bits, and the rule unless it is the paper's.
    fn suffix(&self) -> String {
        let rule = match self.rule {
            WeightRule::Max => "",
            WeightRule::TernaryMean => "-ternary-mean",
            WeightRule::MinError => "-min-error",
            WeightRule::Learned => "-learned",
            WeightRule::TopK { .. } => "-top-k",
        };
        format!("-ptq{}{rule}", self.n_bits)
    }
}

/// Rounds the float network in `parent_dir` and evaluates both networks on `test`. The images have no influence on the
/// result.
///
/// # Errors
/// If the directory holds no float network, an option is impossible, or the export fails.
pub fn ptq(
    parent_dir: &Path,
    options: &PtqOptions,
    test: &Dataset,
) -> Result<(Network, PtqRecord), TrainError> {
    options.validate()?;
    let (parent_config, parent, parent_sha256) = start::load_float(parent_dir)?;
    let mut config = TrainConfig {
        name: format!("{}{}", parent_config.name, options.suffix()),
        batch_norm: false,
        distillation: None,
        quantization: Some(QatConfig::by_rules(
            &parent_dir.display().to_string(),
            options.n_bits,
            vec![options.rule],
        )),
        ..parent_config.clone()
    };
    if let Some(thresholds) = &options.input_thresholds {
        config.input_thresholds.clone_from(thresholds);
        config.input_encoding = None;
    }
    config.validate()?;
    let mut model = Model::new(&config)?;
    start::copy_parent(&mut model, &parent)?;
    let rounded = model.round(None)?;
    let network = export::to_network(&model, &config, &rounded)?;
    let (agreement, test_correct) = export::compare(&model, &config, &rounded, &network, test)?;
    let map = InputMap::new(&parent_config, parent.shapes[0], parent.input_scale)?;
    let logits = all_logits(&parent, &[], test, &map)?;
    let parent_test_correct = correct(&logits, test.labels(), network.classes());
    let record = PtqRecord {
        parent: parent_config.name,
        parent_sha256,
        parent_test_correct: Some(parent_test_correct),
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
