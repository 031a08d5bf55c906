//! Reads the rows that an earlier document has.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{
    AccuracyRow, Job, ReproduceError,
    recipe::{rounded_row, row_of},
};
use crate::{
    data::DatasetName,
    train::{PtqRecord, TrainRecord},
};

/// The rows of an accuracy document (`rows.json`), with the record of each beside them.
#[derive(Debug, Clone, Default)]
pub struct Document {
    dir: PathBuf,
    rows: Vec<AccuracyRow>,
}

impl Document {
    /// Name of the file with the rows.
    pub const ROWS: &'static str = "rows.json";

    /// Reads the rows of the document in `dir`; there are none if the file does not exist.
    ///
    /// # Errors
    /// [`ReproduceError::Io`] or [`ReproduceError::Json`] if the file exists but cannot be read.
    pub fn read(dir: &Path) -> Result<Self, ReproduceError> {
        let path = dir.join(Self::ROWS);
        Ok(Self {
            dir: dir.to_owned(),
            rows: if path.exists() {
                json(&path)?
            } else {
                Vec::new()
            },
        })
    }

    /// Returns all rows.
    pub fn rows(&self) -> &[AccuracyRow] {
        &self.rows
    }

    /// Returns the path of a row's record relative to the directory of a document.
    pub fn record(dataset: DatasetName, name: &str) -> PathBuf {
        Path::new("records")
            .join(dataset.as_str())
            .join(format!("{name}.json"))
    }

    /// Returns the row of `job`, evaluated on `test_images` images, if the document has it. Everything but its measured
    /// integers comes from its record.
    ///
    /// # Errors
    /// [`ReproduceError::Stale`] if its record is of different work than `job`; [`ReproduceError::Io`],
    /// [`ReproduceError::Json`] or [`ReproduceError::Row`] if a record cannot be read.
    pub(super) fn row(
        &self,
        dataset: DatasetName,
        job: &Job,
        test_images: usize,
    ) -> Result<Option<AccuracyRow>, ReproduceError> {
        let name = job.name();
        let found = |row: &&AccuracyRow| row.dataset == dataset && row.name == name;
        let Some(known) = self.rows.iter().find(found) else {
            return Ok(None);
        };
        let path = self.dir.join(Self::record(dataset, &name));
        // Report the first part that differs.
        let compare = |parts: &[(bool, &'static str)]| match parts.iter().find(|part| !part.0) {
            None => Ok(()),
            Some(&(_, differs)) => Err(ReproduceError::Stale {
                name: name.clone(),
                path: path.clone(),
                differs,
            }),
        };
        let row = match job {
            Job::Given(_) => return Ok(None),
            Job::Ptq { parent, options } => {
                let float = TrainRecord::load(Path::new(parent));
                let float = float.map_err(ReproduceError::of_row(&name))?;
                let record: PtqRecord = json(&path)?;
                compare(&[
                    (record.parent_sha256 == float.weights_sha256, "parents"),
                    (record.options == *options, "options"),
                ])?;
                rounded_row(dataset, &name, &float, &record)
            }
            Job::Train { method, config } => {
                let record: TrainRecord = json(&path)?;
                compare(&[(record.config == **config, "configurations")])?;
                row_of(dataset, *method, &name, &record)
            }
        };
        compare(&[
            (row.weights_sha256 == known.weights_sha256, "weights"),
            (row.test_correct == known.test_correct, "results"),
            (row.test_images == test_images, "test images"),
        ])?;
        Ok(Some(AccuracyRow {
            widths: known.widths.clone(),
            ..row
        }))
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, ReproduceError> {
    let bytes = std::fs::read(path).map_err(|source| ReproduceError::Io {
        what: "cannot read",
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&bytes).map_err(|source| ReproduceError::Json {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::*;

    fn committed() -> Document {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/results/accuracy");
        Document::read(&dir).unwrap()
    }

    /// The committed rows were made with today's presets.
    #[test]
    fn every_committed_row_is_of_the_plan() {
        let document = committed();
        let mut found = 0;
        for dataset in [DatasetName::Mnist, DatasetName::Cifar10] {
            for job in plan(dataset, false).unwrap() {
                let row = document.row(dataset, &job, 10_000).unwrap();
                if let Some(row) = row {
                    assert!(row.widths.is_some() && !row.channels.is_empty(), "{row:?}");
                    found += 1;
                }
            }
        }
        let given = document.rows().iter().filter(|row| row.widths.is_none());
        assert_eq!(found + given.count(), document.rows().len());
    }

    #[test]
    fn a_row_of_other_work_is_refused() {
        let document = committed();
        let jobs = plan(DatasetName::Mnist, false).unwrap();
        let find = |name: &str| jobs.iter().find(|job| job.name() == name).unwrap().clone();
        let refused = |job: &Job, images| {
            let error = document.row(DatasetName::Mnist, job, images).unwrap_err();
            error.to_string()
        };
        let mut trained = find("w3-s1");
        assert!(refused(&trained, 500).contains("(test images differ)"));
        if let Job::Train { config, .. } = &mut trained {
            config.epochs += 1;
        }
        let words = refused(&trained, 10_000);
        assert!(words.starts_with("w3-s1: ") && words.contains("(configurations differ)"));
        let mut rounded = find("ptq4");
        if let Job::Ptq { options, .. } = &mut rounded {
            options.input_thresholds = Some(vec![100]);
        }
        assert!(refused(&rounded, 10_000).contains("(options differ)"));
        let found = Document::default().row(DatasetName::Mnist, &trained, 1);
        assert!(found.unwrap().is_none());
    }

    #[test]
    fn a_file_that_is_no_document_is_named() {
        let top = tempfile::tempdir().unwrap();
        assert!(Document::read(top.path()).unwrap().rows().is_empty());
        let path = top.path().join(Document::ROWS);
        std::fs::write(&path, "[{}]").unwrap();
        let error = Document::read(top.path()).unwrap_err().to_string();
        assert!(error.contains("rows.json is no file of an accuracy document"));
    }
}
