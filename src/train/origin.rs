//! Everything that a run is made from, and the differences to what an earlier run was made from.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{TrainConfig, TrainError, TrainRecord, Versions, start};
use crate::data::{Dataset, FileDigest, hex};

/// Everything that decides the weights of a run. A run continues from a checkpoint only if all of it is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunOrigin {
    pub config: TrainConfig,
    /// Hash of the weights of the float network that quantised training starts from.
    pub parent_sha256: Option<String>,
    /// Hash of the teacher's weights.
    pub teacher_sha256: Option<String>,
    pub train: OriginImages,
    pub test: OriginImages,
    pub versions: Versions,
}

/// A set of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OriginImages {
    /// Hash of pixels and labels, whatever files they came in.
    sha256: String,
    files: Vec<FileDigest>,
}

/// One thing that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OriginChange {
    /// The thing: a field of the configuration, or a description.
    pub what: String,
    pub before: String,
    pub now: String,
}

impl OriginChange {
    /// Builds the error for the run in `path`, which cannot continue because of this difference.
    pub fn at(self, path: &Path) -> TrainError {
        TrainError::OtherRun {
            path: path.to_owned(),
            what: self.what,
            before: self.before,
            now: self.now,
        }
    }
}

impl OriginImages {
    pub fn new(data: &Dataset) -> Self {
        let mut hasher = Sha256::new();
        let (channels, height, width) = data.shape();
        for n in [channels, height, width, data.len()] {
            hasher.update((n as u64).to_le_bytes());
        }
        for image in data.images() {
            hasher.update(image);
        }
        hasher.update(data.labels());
        Self {
            sha256: hex(&hasher.finalize()),
            files: data.files().to_vec(),
        }
    }

    fn difference(&self, before: &Self, name: &str) -> Option<OriginChange> {
        if self.sha256 == before.sha256 {
            return None;
        }
        Some(
            changed_file(&before.files, &self.files).unwrap_or_else(|| {
                hashes(&format!("the {name} images"), &before.sha256, &self.sha256)
            }),
        )
    }
}

impl RunOrigin {
    /// Returns the first thing that was different when `before` was written.
    pub fn difference(&self, before: &Self) -> Option<OriginChange> {
        config_difference(&before.config, &self.config)
            .or_else(|| {
                weights_difference(
                    "parent",
                    before.parent_sha256.as_ref(),
                    self.parent_sha256.as_ref(),
                )
            })
            .or_else(|| {
                weights_difference(
                    "teacher",
                    before.teacher_sha256.as_ref(),
                    self.teacher_sha256.as_ref(),
                )
            })
            .or_else(|| self.train.difference(&before.train, "training"))
            .or_else(|| self.test.difference(&before.test, "test"))
            .or_else(|| self.versions.difference(&before.versions))
    }
}

/// Compares a finished run with the requested run and returns the first difference. The programs may differ: the record
/// names those that ran. A parent or teacher that no longer exists cannot differ.
pub(super) fn finished_difference(
    record: &TrainRecord,
    config: &TrainConfig,
    train: &Dataset,
    test: &Dataset,
) -> Result<Option<OriginChange>, TrainError> {
    if let Some(difference) = config_difference(&record.config, config) {
        return Ok(Some(difference));
    }
    let now = |dir: Option<&String>| -> Result<Option<String>, TrainError> {
        let dir = dir
            .map(Path::new)
            .filter(|dir| dir.join(super::WEIGHTS_FILE).exists());
        dir.map(|dir| Ok(start::load_float(dir)?.2)).transpose()
    };
    let sources = [
        (
            "parent",
            &record.parent_sha256,
            config.quantization.as_ref().map(|q| &q.parent),
        ),
        (
            "teacher",
            &record.teacher_sha256,
            config.distillation.as_ref().map(|d| &d.teacher),
        ),
    ];
    for (name, before, dir) in sources {
        if let Some(now) = now(dir)?
            && let Some(difference) = weights_difference(name, before.as_ref(), Some(&now))
        {
            return Ok(Some(difference));
        }
    }
    let files: Vec<FileDigest> = train.files().iter().chain(test.files()).cloned().collect();
    Ok(changed_file(&record.data, &files))
}

/// Finds the first file that is listed both times with different content.
fn changed_file(before: &[FileDigest], now: &[FileDigest]) -> Option<OriginChange> {
    before.iter().find_map(|old| {
        let new = now.iter().find(|new| new.name == old.name)?;
        (new.sha256 != old.sha256).then(|| {
            hashes(
                &format!("the data file {}", old.name),
                &old.sha256,
                &new.sha256,
            )
        })
    })
}

fn weights_difference(
    name: &str,
    before: Option<&String>,
    now: Option<&String>,
) -> Option<OriginChange> {
    let hash = |sha256: Option<&String>| sha256.map_or("none", String::as_str).to_owned();
    (before != now).then(|| hashes(&format!("the {name}'s weights"), &hash(before), &hash(now)))
}

fn hashes(what: &str, before: &str, now: &str) -> OriginChange {
    let short = |sha256: &str| {
        let digits: String = sha256.chars().take(16).collect();
        format!("SHA-256 {digits}...")
    };
    OriginChange {
        what: what.to_owned(),
        before: short(before),
        now: short(now),
    }
}

impl Versions {
    fn difference(&self, before: &Self) -> Option<OriginChange> {
        let pairs = [
            (
                "the version of sealquant",
                &before.sealquant,
                &self.sealquant,
            ),
            ("the version of burn", &before.burn, &self.burn),
            ("the platform", &before.target, &self.target),
            (
                "the processor's instruction sets, which decide how sums are rounded",
                &before.cpu_features,
                &self.cpu_features,
            ),
        ];
        pairs
            .into_iter()
            .find(|(_, before, now)| before != now)
            .map(|(what, before, now)| OriginChange {
                what: what.to_owned(),
                before: before.clone(),
                now: now.clone(),
            })
    }
}

/// Finds the first field, in the order of the configuration, with a different value.
fn config_difference(before: &TrainConfig, now: &TrainConfig) -> Option<OriginChange> {
    if before == now {
        return None;
    }
    let value = |config| serde_json::to_value(config).unwrap_or_default();
    let (before, now) = (value(before), value(now));
    Some(
        value_difference("", Some(&before), Some(&now)).unwrap_or_else(|| OriginChange {
            what: "the configuration".to_owned(),
            before: short_json(Some(&before)),
            now: short_json(Some(&now)),
        }),
    )
}

fn value_difference(
    field: &str,
    before: Option<&Value>,
    now: Option<&Value>,
) -> Option<OriginChange> {
    match (before, now) {
        (before, now) if before == now => None,
        (Some(Value::Object(before)), Some(Value::Object(now))) => {
            let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().find_map(|name| {
                let inner = if field.is_empty() {
                    name.clone()
                } else {
                    format!("{field}.{name}")
                };
                value_difference(&inner, before.get(name), now.get(name))
            })
        }
        (Some(Value::Array(before)), Some(Value::Array(now))) if before.len() == now.len() => {
            (before.iter().zip(now).enumerate()).find_map(|(index, (before, now))| {
                value_difference(&format!("{field}[{index}]"), Some(before), Some(now))
            })
        }
        (before, now) => Some(OriginChange {
            what: format!("`{field}`"),
            before: short_json(before),
            now: short_json(now),
        }),
    }
}

/// Writes a value in at most about 80 characters.
fn short_json(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "not set".to_owned();
    };
    let text = value.to_string();
    if text.chars().count() <= 80 {
        return text;
    }
    let mut start: String = text.chars().take(77).collect();
    start.push_str("...");
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_that_differs_is_named_with_both_values() {
        let base = TrainConfig::preset("hcnn-mnist-t17").unwrap();
        assert_eq!(config_difference(&base, &base.clone()), None);
        let said = |change: &dyn Fn(&mut TrainConfig)| {
            let mut config = base.clone();
            change(&mut config);
            let d = config_difference(&base, &config).unwrap();
            (d.what, d.before, d.now)
        };
        let expect = |what: &str, before: &str, now: &str| {
            (what.to_owned(), before.to_owned(), now.to_owned())
        };
        assert_eq!(
            said(&|c| c.epochs = 3),
            expect("`epochs`", &base.epochs.to_string(), "3")
        );
        assert_eq!(
            said(&|c| c.optimizer.clip_norm = None).0,
            "`optimizer.clip_norm`"
        );
        let q = |c: &mut TrainConfig| c.quantization.take().unwrap();
        assert_eq!(
            said(&|c| c.quantization = Some(super::super::QatConfig {
                plain_moduli: vec![147_457],
                ..q(c)
            })),
            expect("`quantization.plain_moduli[0]`", "114689", "147457")
        );
        let (what, before, now) = said(&|c| c.quantization = None);
        assert_eq!((what.as_str(), now.as_str()), ("`quantization`", "not set"));
        assert!(before.chars().count() <= 80 && before.ends_with("..."));
    }

    #[test]
    fn whatever_decides_the_weights_is_compared() {
        let images = |pixel: u8| {
            let data = Dataset::new((1, 1, 1), vec![pixel, 7], vec![0, 1], vec!["a", "b"]);
            OriginImages::new(&data.unwrap())
        };
        let base = RunOrigin {
            config: TrainConfig::preset("hcnn-mnist-w2").unwrap(),
            parent_sha256: Some("12".to_owned()),
            teacher_sha256: None,
            train: images(1),
            test: images(2),
            versions: Versions::current(),
        };
        assert_eq!(base.difference(&base.clone()), None);
        let said = |change: &dyn Fn(&mut RunOrigin)| {
            let mut now = base.clone();
            change(&mut now);
            let d = now.difference(&base).unwrap();
            assert_ne!(d.before, d.now);
            d.what
        };
        assert_eq!(said(&|o| o.config.seed += 1), "`seed`");
        assert_eq!(
            said(&|o| o.parent_sha256 = Some("13".to_owned())),
            "the parent's weights"
        );
        assert_eq!(
            said(&|o| o.teacher_sha256 = Some("13".to_owned())),
            "the teacher's weights"
        );
        assert_eq!(said(&|o| o.train = images(3)), "the training images");
        assert_eq!(said(&|o| o.test = images(3)), "the test images");
        assert!(said(&|o| o.versions.sealquant.push('1')).contains("sealquant"));
        assert!(said(&|o| o.versions.burn.push('1')).contains("burn"));
        assert!(said(&|o| o.versions.target.push('1')).contains("platform"));
        assert!(said(&|o| o.versions.cpu_features.push('1')).contains("instruction sets"));
        // Labels and the split into images count, too, not only pixels.
        let labels = Dataset::new((1, 1, 1), vec![1, 7], vec![1, 1], vec!["a", "b"]);
        assert_ne!(OriginImages::new(&labels.unwrap()), images(1));
    }
}
