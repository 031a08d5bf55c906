//! The events that a training run reports while it works.

use serde::{Deserialize, Serialize};

/// Results of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Mean loss over the steps.
    pub loss: f64,
    /// Share of the training images that were classified correctly while training on them.
    pub train_accuracy: f64,
    /// Share of the validation images classified correctly after the epoch.
    pub validation_accuracy: f64,
    /// Wall time in seconds, validation included.
    pub seconds: f64,
    /// True if the epoch may be chosen. It may not while the budgets of top-k rules are still shrinking, nor if the
    /// logits do not fit the plaintext modulus that the configuration asks for.
    pub eligible: bool,
    /// Size in bits of the validation images' logits in a quantised run: `log2(2 * largest magnitude + 1)`, after
    /// subtracting the common offset if the configuration says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logit_bits: Option<f64>,
}

/// An event in a training run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TrainEvent {
    /// The run starts or continues.
    Started {
        /// Number of epochs in the run.
        epochs: usize,
        /// Results of the epochs already done, if the run was resumed.
        done: Vec<EpochRecord>,
        /// Number of steps in an epoch.
        steps: usize,
        /// Number of images to train on.
        train_images: usize,
        /// Number of images that the best epoch is chosen on.
        validation_images: usize,
    },
    /// A step is done.
    Step {
        /// Number of the epoch, from 1.
        epoch: usize,
        /// Number of the step, from 1.
        step: usize,
        /// Number of steps in an epoch.
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
    /// The comparison of the integer network with the trained one on the test images starts.
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
    /// Receives an event; it is called at each step and should return quickly.
    fn observe(&mut self, event: &TrainEvent);

    /// Decides, after each epoch's checkpoint, to end the run there (`true`), so that it can be resumed later.
    fn should_stop(&mut self) -> bool {
        false
    }
}

impl<F: FnMut(&TrainEvent)> Observer for F {
    fn observe(&mut self, event: &TrainEvent) {
        self(event);
    }
}
