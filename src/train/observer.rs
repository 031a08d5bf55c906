//! What a training run tells while it works.

use serde::{Deserialize, Serialize};

/// Results of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Mean loss of a step.
    pub loss: f64,
    /// Share of the training images that were classified correctly while training on them.
    pub train_accuracy: f64,
    /// Share of the validation images classified correctly after the epoch.
    pub validation_accuracy: f64,
    /// Wall time in seconds, validation included.
    pub seconds: f64,
    /// Whether the epoch may be chosen: not while budgets of top-k are still shrinking, nor if the logits do not fit the
    /// plaintext modulus that the configuration asks for.
    pub eligible: bool,
    /// Bits of the validation images' logits in a quantised run: `log2(2 * largest magnitude + 1)`, with the common offset
    /// taken off if the configuration says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logit_bits: Option<f64>,
}

/// A step of a training run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TrainEvent {
    /// The run begins or goes on.
    Started {
        /// Epochs in all.
        epochs: usize,
        /// Results of the epochs already done, when resumed.
        done: Vec<EpochRecord>,
        /// Steps in an epoch.
        steps: usize,
        /// Images to train on.
        train_images: usize,
        /// Images to choose the best epoch on.
        validation_images: usize,
    },
    /// A step is done.
    Step {
        /// From 1.
        epoch: usize,
        /// From 1.
        step: usize,
        /// Steps in an epoch.
        steps: usize,
        /// Mean loss of the epoch so far.
        loss: f64,
        /// Share of the epoch's images so far that were classified correctly.
        accuracy: f64,
        /// Expected seconds to the end of the run, from the pace so far.
        eta_seconds: f64,
    },
    /// An epoch is done and its checkpoint is written.
    Epoch {
        /// Its results.
        record: EpochRecord,
        /// The best epoch so far.
        best_epoch: usize,
        /// Expected seconds to the end of the run, from the pace so far.
        eta_seconds: f64,
    },
    /// The integer network is compared with the trained one on the test images.
    Exporting,
    /// The run is complete.
    Finished {
        /// The epoch whose weights were kept.
        best_epoch: usize,
        /// Share of the test images classified correctly.
        test_accuracy: f64,
    },
}

/// Receives [`TrainEvent`]s. Any `FnMut(&TrainEvent)` is one.
pub trait Observer {
    /// Called at each step; should return quickly.
    fn observe(&mut self, event: &TrainEvent);

    /// Asked after each epoch's checkpoint: `true` ends the run there, to be resumed later.
    fn should_stop(&mut self) -> bool {
        false
    }
}

impl<F: FnMut(&TrainEvent)> Observer for F {
    fn observe(&mut self, event: &TrainEvent) {
        self(event);
    }
}
