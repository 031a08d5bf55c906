//! Names of the files in a model's folder.

use std::{fs, path::Path};

/// The integer network, compressed.
pub const NETWORK_FILE: &str = "network.json.gz";
/// The integer network, not compressed. It is read only if there is no [`NETWORK_FILE`].
pub const PLAIN_NETWORK_FILE: &str = "network.json";
/// The configuration of the training, or of an imported float network.
pub const CONFIG_FILE: &str = "config.json";
/// The record of the training or rounding.
pub const RECORD_FILE: &str = "record.json";
/// The weights of a float network.
pub const WEIGHTS_FILE: &str = "weights.safetensors";
/// The record of an import.
pub const IMPORT_FILE: &str = "import.json";
/// The state of an unfinished run.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";
/// The measurements that `reproduce` made of the network.
pub const ROW_FILE: &str = "row.json";

/// Beginning of the names of folders through which the files of a new model come.
pub(crate) const STAGES: &str = ".model-";

/// All of these names.
pub(crate) const MODEL_FILES: [&str; 8] = [
    CONFIG_FILE,
    RECORD_FILE,
    NETWORK_FILE,
    PLAIN_NETWORK_FILE,
    WEIGHTS_FILE,
    IMPORT_FILE,
    CHECKPOINT_FILE,
    ROW_FILE,
];

/// Tells whether a folder holds a model or an unfinished run. The other names are common: a file of such a name may be
/// anybody's.
fn holds_a_model(folder: &Path) -> bool {
    [
        NETWORK_FILE,
        PLAIN_NETWORK_FILE,
        WEIGHTS_FILE,
        CHECKPOINT_FILE,
    ]
    .iter()
    .any(|name| folder.join(name).exists())
}

/// Tells whether `path` names a file of the model in its folder; `own` is the folder of a model that is about to be
/// made, if there is one.
pub(super) fn belongs_to_a_model(path: &Path, own: Option<&Path>) -> bool {
    let folder = super::target::directory_of(path);
    let named = |name: &str| path.file_name().is_some_and(|found| found == name);
    let same = |own: &Path| match (fs::canonicalize(own), fs::canonicalize(folder)) {
        (Ok(own), Ok(folder)) => own == folder,
        _ => own == folder,
    };
    // The folders through which a new model comes.
    let stages = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(STAGES.as_bytes()));
    stages
        || MODEL_FILES.iter().any(|name| named(name))
            && (holds_a_model(folder) || own.is_some_and(same))
}
