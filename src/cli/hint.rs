//! Adds helpful command-line options to the library's errors, in this one place.

use std::{error::Error, path::Path};

use super::model::MODELS;
use crate::{
    data::DataError,
    params::{BoundRule, ParamsError},
};

/// Suggests a remedy in addition to the error itself. `takes` tells whether the command has an option.
pub(super) fn hint(error: &anyhow::Error, takes: &dyn Fn(&str) -> bool) -> Option<String> {
    #[cfg(feature = "train")]
    if takes("overwrite")
        && let Some(words) = error
            .chain()
            .find_map(|cause| of_folder(cause, takes("resume")))
    {
        return Some(words.to_owned());
    }
    let options: Vec<String> = error
        .chain()
        .flat_map(options)
        // Without its value.
        .filter(|option| takes(option.split(' ').next().unwrap_or(option)))
        .map(|option| format!("--{option}"))
        .collect();
    if !options.is_empty() {
        return Some(format!("see {}", options.join(" and ")));
    }
    // Presets start from networks of the project, named by paths in its source.
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let mut words = causes.iter().flat_map(|text| text.split([' ', '`', ':']));
    let names_models = words.any(|word| Path::new(word).starts_with(MODELS) && word.contains('/'));
    let mut causes = causes.iter();
    let said = causes.any(|text| text.contains("sealquant's source"));
    (names_models && !said && !Path::new(MODELS).is_dir()).then(|| {
        format!(
            "{MODELS} is a folder of sealquant's source and not here: run this in a checkout, or name a model or a \
             configuration of your own"
        )
    })
}

/// Suggests a remedy if the folder of a new model is not as the command expects it. `resumes` tells whether the command can
/// go on with a run.
#[cfg(feature = "train")]
fn of_folder(cause: &(dyn Error + 'static), resumes: bool) -> Option<&'static str> {
    use crate::train::TrainError;

    match cause.downcast_ref::<TrainError>()? {
        TrainError::ModelExists { .. } => Some("--overwrite replaces it"),
        TrainError::CheckpointExists { .. } if !resumes => Some("--overwrite replaces it"),
        TrainError::CheckpointExists { .. } => Some("--resume goes on, --overwrite begins anew"),
        TrainError::NothingToResume { .. } => Some("begin without --resume"),
        TrainError::OtherRun { .. } => Some("--overwrite in place of --resume begins anew"),
        TrainError::Stopped { .. } => Some("--resume goes on"),
        _ => None,
    }
}

/// Lists the options that help with one cause.
fn options(cause: &(dyn Error + 'static)) -> Vec<&'static str> {
    if let Some(error) = cause.downcast_ref::<ParamsError>() {
        return match error {
            ParamsError::NothingFits { rule, scheme, .. } => {
                let mut options = Vec::new();
                if scheme.is_none_or(|scheme| !scheme.is_stock()) {
                    options.push("kernels seal");
                }
                if *rule == BoundRule::Proven.name() {
                    options.push("accept-observed-bound");
                }
                options
            }
            ParamsError::Layout { .. } => vec!["layout auto"],
            ParamsError::Memory { .. } => vec!["layout"],
            _ => Vec::new(),
        };
    }
    match cause.downcast_ref::<DataError>() {
        Some(
            DataError::NoDirectory { .. }
            | DataError::NotInDirectory { .. }
            | DataError::NoClient { .. }
            | DataError::ClientFailed { .. }
            | DataError::NoCache,
        ) => vec!["data-dir DIR"],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_named_where_the_command_has_them() {
        let error = || {
            let error = ParamsError::NothingFits {
                security: "128 bits".to_owned(),
                magnitude: 1.into(),
                rule: BoundRule::Proven.name(),
                bits: 2,
                scheme: None,
                reason: "a reason".to_owned(),
                advice: "advice",
            };
            anyhow::Error::new(error).context("choosing")
        };
        let all = hint(&error(), &|_| true).unwrap();
        assert_eq!(all, "see --kernels seal and --accept-observed-bound");
        let some = hint(&error(), &|option| option == "kernels").unwrap();
        assert_eq!(some, "see --kernels seal");
        assert_eq!(hint(&error(), &|_| false), None);
        assert_eq!(hint(&anyhow::anyhow!("other"), &|_| true), None);
        let data = anyhow::Error::new(DataError::NoCache);
        assert_eq!(hint(&data, &|_| true).unwrap(), "see --data-dir DIR");
        // `ptq` and `import` have nothing to go on with.
        #[cfg(feature = "train")]
        {
            let held = crate::train::TrainError::CheckpointExists {
                path: "runs/mine".into(),
            };
            let held = anyhow::Error::new(held);
            let words = |takes: &[&str]| hint(&held, &|option| takes.contains(&option));
            assert_eq!(words(&["overwrite"]).unwrap(), "--overwrite replaces it");
            let both = words(&["overwrite", "resume"]).unwrap();
            assert_eq!(both, "--resume goes on, --overwrite begins anew");
            assert_eq!(words(&[]), None);
        }
    }

    /// The library's errors say what is wrong; only this module says which option helps.
    #[test]
    fn the_library_names_no_options() {
        let names_an_option = |line: &str| {
            "--data-dir --kernels --layout --accept --out --resume --model --config"
                .split(' ')
                .any(|option| line.contains(option))
        };
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![src.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                // Generated documents say how they were made, and git has options, too.
                let other =
                    ["cli", "experiment/reproduce", "train/tests"].map(|part| src.join(part));
                if other.iter().any(|part| path.starts_with(part))
                    || path.ends_with("experiment/host.rs")
                {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let code = text.lines();
                let code = code.filter(|line| !line.trim_start().starts_with("//"));
                for line in code.filter(|line| names_an_option(line)) {
                    found.push(format!("{}: {line}", path.display()));
                }
            }
        }
        assert!(found.is_empty(), "{found:?}");
    }
}
