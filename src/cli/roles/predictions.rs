//! The classes of images, shown and written to files.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use num_bigint::BigInt;
use num_traits::ToPrimitive as _;
use serde::{Deserialize, Serialize};

use super::super::{
    class_table::{Seen, class_table},
    output::{Output, check_output},
    table,
};
use crate::{deploy::ClientFile, file, images::Pictures, network::argmax};

/// Largest number of bytes of a file of names.
const MAX_NAMES_BYTES: u64 = 256 << 20;

/// The names of images, and their labels if they have any. They stay with the client.
pub(super) struct Names {
    names: Vec<String>,
    labels: Option<Vec<String>>,
}

/// A line of the file of names.
#[derive(Deserialize)]
struct NameLine {
    image: String,
    label: String,
}

impl Names {
    /// Takes the names of pictures.
    pub(super) fn of(pictures: &Pictures) -> Self {
        Self {
            names: pictures.names().to_vec(),
            labels: pictures.labels().map(<[String]>::to_vec),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    fn label(&self, image: usize) -> Option<&str> {
        self.labels.as_ref()?.get(image).map(String::as_str)
    }

    /// Writes the names as CSV. A label that is not known is empty.
    pub(super) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let header = ["image", "label"].map(str::to_owned).into();
        let lines = self.names.iter().enumerate();
        let lines = lines.map(|(image, name)| {
            let label = self.label(image).unwrap_or_default();
            vec![name.clone(), label.to_owned()]
        });
        write_csv(path, std::iter::once(header).chain(lines))
    }

    /// Reads the file that [`Names::save`] wrote.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let named = || format!("--names: {}", path.display());
        let read = File::open(path).and_then(|file| file::read_at_most(file, MAX_NAMES_BYTES));
        let Some(bytes) = read.with_context(named)? else {
            bail!("{}: is larger than any file of names", named());
        };
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let lines: Result<Vec<NameLine>, csv::Error> = reader.deserialize().collect();
        let lines = lines.with_context(named)?;
        let labelled = !lines.is_empty() && lines.iter().all(|line| !line.label.is_empty());
        let (names, labels) = lines
            .into_iter()
            .map(|line| (line.image, line.label))
            .unzip();
        Ok(Self {
            names,
            labels: labelled.then_some(labels),
        })
    }
}

/// Writes lines of fields, the first of which is the header.
fn write_csv(path: &Path, lines: impl IntoIterator<Item = Vec<String>>) -> anyhow::Result<()> {
    let written = file::replace(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        for line in lines {
            writer.write_record(&line)?;
        }
        writer.flush()?;
        Ok::<_, csv::Error>(())
    });
    written
        .map_err(anyhow::Error::from)
        .and_then(|written| Ok(written?))
        .with_context(|| format!("writing {}", path.display()))
}

/// Refuses a file that exists: it is not replaced.
pub(super) fn check_new(option: &str, path: &Path) -> anyhow::Result<()> {
    check_output(option, path)?;
    let found = path.symlink_metadata();
    if found.is_ok_and(|found| !found.is_file() || found.len() > 0) && !file::is_stream(path) {
        bail!(
            "{option}: {} exists: name another file, or remove it",
            path.display()
        );
    }
    Ok(())
}

/// The file of predictions.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PredictionArguments {
    /// Write the predictions to this new file: .csv, .json or .npz
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl PredictionArguments {
    /// Refuses a file that exists, or one in no known form.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Some(path) = &self.out else {
            return Ok(());
        };
        form(path)?;
        check_new("--out", path)
    }

    /// Writes the predictions if that is asked for, and shows them.
    pub(super) fn deliver(
        &self,
        predictions: &Predictions,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        if let Some(path) = &self.out {
            predictions.save(path)?;
        }
        predictions.show(output)?;
        match &self.out {
            Some(path) => output.line(format_args!("predictions: {}", path.display())),
            None => Ok(()),
        }
    }
}

/// The form of a file of predictions, by the end of its name.
#[derive(Clone, Copy)]
enum PredictionForm {
    Csv,
    Json,
    Npz,
}

/// Tells the form of a file of predictions.
fn form(path: &Path) -> anyhow::Result<PredictionForm> {
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    match extension.as_ref().and_then(|end| end.to_str()) {
        Some("csv") => Ok(PredictionForm::Csv),
        Some("json") => Ok(PredictionForm::Json),
        Some("npz") => Ok(PredictionForm::Npz),
        _ => bail!(
            "--out: {}: end its name in .csv, .json or .npz, for the form to write",
            path.display()
        ),
    }
}

/// The classes of images.
pub(super) struct Predictions {
    classes: Vec<String>,
    lines: Vec<PredictionLine>,
}

/// The class of an image, as it is written.
#[derive(Serialize)]
struct PredictionLine {
    image: String,
    /// Name of the class.
    class: String,
    /// Its number, counted from 0.
    index: usize,
    /// The largest logit as a real number, as the network before rounding would give it.
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// The exact integers, as text: they may be wider than a number of JSON.
    logits: Vec<String>,
    #[serde(skip)]
    scores: Vec<f64>,
    #[serde(skip)]
    integers: Vec<BigInt>,
}

impl Predictions {
    /// Takes the logits of images; without names, an image is named by its number.
    pub(super) fn new(file: &ClientFile, logits: Vec<Vec<BigInt>>, names: Option<&Names>) -> Self {
        let scale = file.output_scale();
        let line = |(image, logits): (usize, Vec<BigInt>)| {
            let index = argmax(&logits);
            let scores: Vec<f64> = logits
                .iter()
                .map(|logit| logit.to_f64().unwrap_or(f64::NAN) * scale)
                .collect();
            let name = names.and_then(|names| names.names.get(image));
            let label = names.and_then(|names| names.label(image));
            PredictionLine {
                image: name.cloned().unwrap_or_else(|| image.to_string()),
                class: file.classes().get(index).cloned().unwrap_or_default(),
                index,
                score: scores.get(index).copied().unwrap_or(f64::NAN),
                label: label.map(str::to_owned),
                logits: logits.iter().map(ToString::to_string).collect(),
                scores,
                integers: logits,
            }
        };
        Self {
            classes: file.classes().to_vec(),
            lines: logits.into_iter().enumerate().map(line).collect(),
        }
    }

    /// Shows the classes, and how many are right if labels are known.
    fn show(&self, output: &mut Output) -> anyhow::Result<()> {
        let class_of = |label: &String| self.classes.iter().position(|class| class == label);
        let number = |label: &String| label.parse().ok().filter(|&at| at < self.classes.len());
        let seen = |line: &PredictionLine| Seen {
            image: line.image.clone(),
            class: line.index,
            score: Some(line.score),
            label: line
                .label
                .as_ref()
                .and_then(|label| class_of(label).or_else(|| number(label))),
        };
        let seen: Vec<Seen> = self.lines.iter().map(seen).collect();
        output.line(class_table(&self.classes, &seen))?;
        let labelled = seen
            .iter()
            .filter_map(|seen| Some(seen.label? == seen.class));
        let (right, known) = labelled.fold((0, 0), |(right, known), is_right| {
            (right + usize::from(is_right), known + 1)
        });
        if known > 0 {
            let share = table::percent(right as f64 / f64::from(known as u32));
            output.line(format_args!("{right} of {known} as labelled: {share}"))?;
        }
        Ok(())
    }

    /// Writes the predictions in the form that the end of the name tells.
    fn save(&self, path: &Path) -> anyhow::Result<()> {
        match form(path)? {
            PredictionForm::Csv => self.save_csv(path),
            PredictionForm::Json => {
                let written = file::write_json(path, &self.lines);
                written.with_context(|| format!("writing {}", path.display()))
            }
            PredictionForm::Npz => self.save_npz(path),
        }
    }

    /// Writes a line for each image: its name, class, number of the class, score, label if there are any, and logits.
    fn save_csv(&self, path: &Path) -> anyhow::Result<()> {
        let labelled = self.lines.iter().any(|line| line.label.is_some());
        let mut header: Vec<String> = ["image", "class", "index", "score"]
            .map(str::to_owned)
            .into();
        header.extend(labelled.then(|| "label".to_owned()));
        header.extend((0..self.classes.len()).map(|logit| format!("logit_{logit}")));
        let line = |line: &PredictionLine| {
            let mut fields = vec![
                line.image.clone(),
                line.class.clone(),
                line.index.to_string(),
                format!("{:?}", line.score),
            ];
            fields.extend(labelled.then(|| line.label.clone().unwrap_or_default()));
            fields.extend(line.logits.iter().cloned());
            fields
        };
        let lines = self.lines.iter().map(line);
        write_csv(path, std::iter::once(header).chain(lines))
    }
}

impl Predictions {
    /// Writes NumPy arrays: `class`, `score`, `scores`, and `logits` where all of them fit 64 bits.
    fn save_npz(&self, path: &Path) -> anyhow::Result<()> {
        let (images, logits) = (self.lines.len(), self.classes.len());
        let classes = self
            .lines
            .iter()
            .map(|line| line.index.cast_signed() as i64);
        let integers: Option<Vec<i64>> = self
            .lines
            .iter()
            .flat_map(|line| &line.integers)
            .map(BigInt::to_i64)
            .collect();
        let scores = self
            .lines
            .iter()
            .flat_map(|line| line.scores.iter().copied());
        let best = self.lines.iter().map(|line| line.score);
        let mut arrays = vec![
            (
                "class",
                npy("<i8", &[images], classes.map(i64::to_le_bytes)),
            ),
            ("score", npy("<f8", &[images], best.map(f64::to_le_bytes))),
            (
                "scores",
                npy("<f8", &[images, logits], scores.map(f64::to_le_bytes)),
            ),
        ];
        if let Some(integers) = integers {
            let bytes = integers.into_iter().map(i64::to_le_bytes);
            arrays.push(("logits", npy("<i8", &[images, logits], bytes)));
        }
        let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let written = (|| {
            for (name, bytes) in arrays {
                let options = zip::write::SimpleFileOptions::default()
                    .compression_method(zip::CompressionMethod::Deflated);
                archive.start_file(format!("{name}.npy"), options)?;
                io::Write::write_all(&mut archive, &bytes)?;
            }
            let bytes = archive.finish()?.into_inner();
            file::write_atomically(path, &bytes)?;
            Ok::<_, anyhow::Error>(())
        })();
        written.with_context(|| format!("writing {}", path.display()))
    }
}

/// Writes an array in NumPy's format, version 1.
fn npy(kind: &str, shape: &[usize], values: impl Iterator<Item = [u8; 8]>) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(|size| format!("{size}, ")).collect();
    let sizes = sizes.concat();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // The array begins at a multiple of 64 bytes, after 10 bytes and the header, whose last byte is a newline.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.push_str(&" ".repeat(length - 1 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.flatten());
    bytes
}
