//! Errors of training.

use std::path::PathBuf;

use crate::network::{InputError, NetworkError, NetworkFileError};

/// A failure of a training run, a quantisation or an export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A field of the configuration has an impossible value.
    #[error("configuration: `{field}`: {problem}")]
    Config {
        /// The field.
        field: String,
        /// The problem with it, and what would be right.
        problem: String,
    },
    /// No preset has this name.
    #[error("no preset `{name}`: there are {known}")]
    UnknownPreset {
        /// The requested name.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A JSON file does not parse.
    #[error("{path}: not a valid {what}: {field}{source}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The kind of file it should be.
        what: &'static str,
        /// The field at fault and `: `, if the parser knows it.
        field: String,
        /// The parser's reason, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// A file holds something other than its name says.
    #[error("{path}: not a {what}: this is {kind}", path = path.display())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// The kind of file it should be.
        what: &'static str,
        /// The kind of file it is, and what to do about it.
        kind: &'static str,
    },
    /// A file is larger than any that belongs here.
    #[error("{path}: larger than the {limit} bytes that are read at most: is it the right file?", path = path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Largest size that is read, in bytes.
        limit: u64,
    },
    /// Reading or writing failed.
    #[error("{what} {path}", path = path.display())]
    Io {
        /// The action that failed, as in "cannot read".
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A file of tensors is damaged or belongs to another network.
    #[error("{path}: {problem}", path = path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        problem: String,
    },
    /// The data do not fit the network.
    #[error("data: {0}")]
    Data(String),
    /// An image does not fit the network.
    #[error("data")]
    Input(#[from] InputError),
    /// The loss is no longer a number.
    #[error(
        "the loss became {loss} in epoch {epoch}, step {step}: lower the learning rate or the clipping norm"
    )]
    Diverged {
        /// The loss.
        loss: f64,
        /// The epoch, from 1.
        epoch: usize,
        /// The step in the epoch, from 1.
        step: usize,
    },
    /// The unfinished or finished run in the folder is a different one.
    #[error("{path}: the run there is another: {what} was {before} and is {now} now; give it what it began with, have it replaced, or choose another folder", path = path.display())]
    OtherRun {
        /// The checkpoint or the record of that run.
        path: PathBuf,
        /// The first thing that differs, as in "`epochs`" or "the teacher's weights".
        what: String,
        /// The value it had.
        before: String,
        /// The value it has now.
        now: String,
    },
    /// The folder holds a checkpoint and the caller asked neither to resume nor to replace.
    #[error("{path} holds an unfinished run: resume it, have it replaced, or choose another folder", path = path.display())]
    CheckpointExists {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The folder holds a finished model and the caller did not ask to replace it.
    #[error("{path} holds a finished model: have it replaced, or choose another folder", path = path.display())]
    ModelExists {
        /// The folder.
        path: PathBuf,
    },
    /// Another run writes into the folder.
    #[error("{path}: another run is writing into this folder; wait for its end, or choose another folder", path = path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds neither an unfinished run nor a finished model.
    #[error("{path}: nothing to resume, neither an unfinished run nor a finished model", path = path.display())]
    NothingToResume {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is not a model folder.
    #[error("{path} holds {file} and no model: choose a new or an empty folder", path = path.display(), file = file.display())]
    OtherFiles {
        /// The folder.
        path: PathBuf,
        /// The first file that does not belong to a model.
        file: PathBuf,
    },
    /// The output folder also holds one of the inputs of the new model.
    #[error("{path}: the new model is made from {input}, which lies there: choose another folder", path = path.display(), input = input.display())]
    OutputIsInput {
        /// The folder.
        path: PathBuf,
        /// The input.
        input: PathBuf,
    },
    /// The observer asked the run to stop.
    #[error("stopped after epoch {epoch} of {epochs}: resume to go on")]
    Stopped {
        /// Number of epochs done.
        epoch: usize,
        /// Number of epochs in the run.
        epochs: usize,
    },
    /// No epoch is eligible.
    #[error(
        "in no epoch do the logits of the validation images fit quantization.plain_moduli (the narrowest have {bits:.2} bits): \
         give smaller budgets of weights or larger moduli"
    )]
    NoneFits {
        /// Size in bits of the narrowest logits in any epoch.
        bits: f64,
    },
    /// The trained network has a layer that no integer network has.
    #[error(
        "layer `{layer}` ({kind}) cannot be evaluated under encryption, which knows only sums and products: {}",
        instead(kind)
    )]
    NotExportable {
        /// The layer.
        layer: String,
        /// Its kind.
        kind: &'static str,
    },
    /// The integer network was refused.
    #[error("export")]
    Network(#[from] NetworkError),
    /// The integer network could not be written.
    #[error("export")]
    NetworkFile(#[from] NetworkFileError),
    /// The exported network does not compute what was trained.
    #[error(
        "export: the integer network and the trained one disagree in the class of {argmax_differs} of {images} images (largest difference of a logit, relative to the largest logit: {relative_error:e})"
    )]
    Disagreement {
        /// Number of images compared.
        images: usize,
        /// Number of images whose classes differ.
        argmax_differs: usize,
        /// Largest difference in a logit, relative to the largest logit.
        relative_error: f64,
    },
    /// A tensor could not be read back from the training framework.
    #[error("tensor `{0}` could not be read")]
    Tensor(String),
}

/// Suggests what to use in place of a layer.
fn instead(kind: &str) -> &'static str {
    match kind {
        "relu" => "use `square` as the activation",
        "maxpool" => "use `sum-pool`, or a stride in the convolution before",
        _ => "use convolution, linear, square and sum-pool",
    }
}

impl TrainError {
    pub(super) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }

    /// Builds the error for a text that is JSON of another form than `what` has.
    pub(super) fn json(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.into();
        move |source| Self::Json {
            path,
            what,
            field: String::new(),
            source,
        }
    }

    pub(super) fn config(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config {
            field: field.into(),
            problem: problem.into(),
        }
    }
}
