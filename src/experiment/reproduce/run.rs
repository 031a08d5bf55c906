//! Makes the rows.

use std::path::{Path, PathBuf};

use super::{AccuracyRow, Job, Method, ReproduceError, finished, measure, recipe};
use crate::{
    data::{Dataset, DatasetName},
    file::{model_folder::ROW_FILE, write_json},
    network::{Network, network_file},
    train::{self, Existing, Observer, OutputFolder, PtqOptions, TrainError, TrainRecord},
};

/// Options for making rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Output directory. Each row has a directory `<dataset>/<name>` in it, with the run's files and the row's own.
    pub out: PathBuf,
    /// True to train nothing: rows that are finished neither here nor in `finished` are left out.
    pub only_finished: bool,
    /// Directory of an earlier document. Its rows count as finished if their records are of the same work.
    pub finished: Option<PathBuf>,
}

/// The images of a dataset.
#[derive(Debug, Clone)]
pub struct Images {
    /// The images to train on.
    pub train: Dataset,
    /// The images to evaluate once for each row.
    pub test: Dataset,
}

/// Makes the rows of `jobs`, in their order. `begin` receives each row's name and returns the observer of its run.
///
/// Finished work is not repeated: a row is read from its file if its network is the one that it was made from, and an
/// interrupted run continues.
///
/// # Errors
/// Any [`ReproduceError`]; finished rows stay finished.
pub fn run(
    dataset: DatasetName,
    jobs: &[Job],
    images: &Images,
    options: &Options,
    begin: &mut dyn FnMut(&str) -> Box<dyn Observer>,
) -> Result<Vec<AccuracyRow>, ReproduceError> {
    let earlier = match &options.finished {
        Some(dir) => finished::Document::read(dir)?,
        None => finished::Document::default(),
    };
    let mut rows = Vec::with_capacity(jobs.len());
    for job in jobs {
        let name = job.name();
        let dir = options.out.join(dataset.as_str()).join(&name);
        let failed = ReproduceError::of_row(&name);
        if !matches!(job, Job::Given(_))
            && !network_file(&dir).exists()
            && let Some(row) = earlier.row(dataset, job, images.test.len())?
        {
            rows.push(row);
            continue;
        }
        let row = match job {
            Job::Given(parent) => given(dataset, &name, Path::new(parent)).map_err(failed)?,
            Job::Ptq { parent, options } => {
                begin(&name);
                ptq(dataset, &name, Path::new(parent), options, images, &dir)?
            }
            Job::Train { method, config } => {
                if options.only_finished && !network_file(&dir).exists() {
                    continue;
                }
                let mut observer = begin(&name);
                let (train, test) = (&images.train, &images.test);
                let record = OutputFolder::claim(&dir, Existing::ResumeOrStart, &[])
                    .and_then(|out| train::run(config, train, test, &out, observer.as_mut()))
                    .map_err(failed)?;
                trained(*method, &name, &record, images, &dir)?
            }
        };
        rows.push(row);
    }
    Ok(rows)
}

/// Makes the row of a float network that comes with the project, entirely from its record.
fn given(dataset: DatasetName, name: &str, dir: &Path) -> Result<AccuracyRow, TrainError> {
    let record = TrainRecord::load(dir)?;
    Ok(recipe::row_of(dataset, Method::Float, name, &record))
}

fn trained(
    method: Method,
    name: &str,
    record: &TrainRecord,
    images: &Images,
    dir: &Path,
) -> Result<AccuracyRow, ReproduceError> {
    let mut row = recipe::row_of(record.config.dataset, method, name, record);
    finish(&mut row, images, dir)?;
    Ok(row)
}

fn ptq(
    dataset: DatasetName,
    name: &str,
    parent: &Path,
    options: &PtqOptions,
    images: &Images,
    dir: &Path,
) -> Result<AccuracyRow, ReproduceError> {
    let failed = ReproduceError::of_row(name);
    let float = TrainRecord::load(parent).map_err(&failed)?;
    let known = read(dir).filter(|row| {
        row.weights_sha256 == float.weights_sha256
            && row.test_images == images.test.len()
            && network_file(dir).exists()
    });
    if let Some(row) = known {
        return Ok(AccuracyRow {
            recipe: recipe::rounded(options.rule),
            rounding: Some(options.rule),
            ..row
        });
    }
    let out = OutputFolder::claim(dir, Existing::Replace, &[parent]).map_err(&failed)?;
    let (network, record) = train::ptq(parent, options, &images.test).map_err(&failed)?;
    record.save(&network, &out).map_err(failed)?;
    let mut row = recipe::rounded_row(dataset, name, &float, &record);
    finish(&mut row, images, dir)?;
    Ok(row)
}

/// Measures the row's network, or reuses the measurement of a row that was made from the same one.
fn finish(row: &mut AccuracyRow, images: &Images, dir: &Path) -> Result<(), ReproduceError> {
    if let Some(known) = read(dir)
        && known.weights_sha256 == row.weights_sha256
        && known.test_correct == row.test_correct
        && known.test_images == row.test_images
    {
        row.widths = known.widths;
    }
    if row.widths.is_none() {
        let network = Network::load(dir).map_err(ReproduceError::of_row(&row.name))?;
        let widths = measure(&network, &images.train, &images.test);
        row.widths = Some(widths.map_err(ReproduceError::of_row(&row.name))?);
    }
    let path = dir.join(ROW_FILE);
    write_json(&path, row).map_err(|source| ReproduceError::Io {
        what: "cannot write",
        path,
        source,
    })
}

/// Reads the row in a directory, if there is a readable one.
fn read(dir: &Path) -> Option<AccuracyRow> {
    serde_json::from_slice(&std::fs::read(dir.join(ROW_FILE)).ok()?).ok()
}
