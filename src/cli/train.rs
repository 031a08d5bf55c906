//! `sealquant train`.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use indicatif::ProgressBar;

use super::{
    interrupt,
    model::{DataDirectory, whole},
    output::{Output, announce, check_file, note, write_text},
    progress, table,
};
use crate::{
    data::{self, Split},
    experiment::reproduce::plot_curves,
    file::ResultKind,
    train::{
        self, Agreement, CHECKPOINT_FILE, EpochRecord, Existing, Fit, Observer, OutputFolder,
        PRESETS, TrainConfig, TrainEvent,
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct TrainArguments {
    /// A configuration file (JSON), or the name of a preset
    #[arg(long, value_name = "FILE|PRESET", long_help = config_help())]
    config: OsString,
    /// The directory of the model; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on where an interrupted run stopped; the result has the same bits on a processor with the same instruction sets.
    /// Configuration, data, parent and teacher must be those it began with
    #[arg(long)]
    resume: bool,
    /// Replace the model or the unfinished run in DIR, once the new model is complete
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Seed in place of the configuration's
    #[arg(long, value_name = "N", value_parser = whole::<u64>(0..=usize::MAX))]
    seed: Option<u64>,
    /// Epochs in place of the configuration's
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=u32::MAX as usize))]
    epochs: Option<u32>,
    /// Also write the run's curves (SVG) to this file, after each epoch; nothing is lost if the run is stopped
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirectory,
}

fn config_help() -> String {
    format!(
        "A configuration file (JSON), or the name of a preset: {}",
        PRESETS.join(", ")
    )
}

pub(super) fn run(arguments: &TrainArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let mut config = load_config(&arguments.config)?;
    config.seed = arguments.seed.unwrap_or(config.seed);
    if let Some(epochs) = arguments.epochs {
        config.epochs = usize::try_from(epochs)?;
    }
    // Before any work, so that a mistake is reported at once.
    config.validate()?;
    let existing = if arguments.resume {
        Existing::Resume
    } else {
        existing(arguments.overwrite)
    };
    let mut inputs = config.inputs();
    let file = Path::new(&arguments.config);
    // A finished model's own configuration may show that there is nothing to do.
    if existing != Existing::Resume && is_file(file) {
        inputs.push(file);
    }
    let folder = OutputFolder::claim(&arguments.out, existing, &inputs).context("--out")?;
    if let Some(plot) = &arguments.plot {
        check_file("--plot", plot, ResultKind::Plot, Some(&arguments.out))?;
    }
    let source = arguments.data.source();
    let load = |split| data::load(config.dataset, split, &source, &mut progress::data_events());
    let (train, test) = (load(Split::Train)?, load(Split::Test)?);
    let checkpoint = arguments.out.join(CHECKPOINT_FILE);
    interrupt::say(move || interrupted(&checkpoint));
    let mut observer = Display {
        plot: arguments
            .plot
            .clone()
            .map(|path| (config.name.clone(), path)),
        ..Display::default()
    };
    let record = train::run(&config, &train, &test, &folder, &mut observer)?;
    let mut rows = vec![
        ("model", arguments.out.display().to_string()),
        (
            "best epoch",
            format!("{} of {}", record.best_epoch, config.epochs),
        ),
        (
            "validation accuracy",
            table::percent(record.validation_accuracy),
        ),
        (
            "test accuracy",
            format!(
                "{} ({} of {})",
                table::percent(record.test_accuracy),
                table::thousands(record.test_correct),
                table::thousands(record.test_images)
            ),
        ),
        ("time", table::seconds(record.seconds)),
    ];
    if let Some(agreement) = &record.agreement {
        rows.extend(agreement_rows(agreement));
    }
    if let Some(fit) = &record.fit {
        rows.push(("fits its plaintext modulus", fit_words(fit)));
    }
    output.line(table::facts(rows))?;
    Ok(ExitCode::SUCCESS)
}

/// Tells what happens to a model that is already in the folder.
pub(super) const fn existing(overwrite: bool) -> Existing {
    if overwrite {
        Existing::Replace
    } else {
        Existing::Refuse
    }
}

/// Describes what an interrupted run leaves, and how to continue it.
fn interrupted(checkpoint: &Path) -> String {
    let path = checkpoint.display();
    if checkpoint.exists() {
        format!("{path} keeps the finished epochs; go on with --resume")
    } else {
        "no epoch was finished, nothing is kept".to_owned()
    }
}

/// Describes whether the logits fit.
fn fit_words(fit: &Fit) -> String {
    let available = format!("{:.2} bits", fit.available_bits);
    if fit.proven {
        format!(
            "for every input: {:.2} of {available} (proven)",
            fit.proven_bits
        )
    } else if fit.exceeding == 0 {
        format!(
            "on {}: {:.2} of {available}, a margin of {:.2} bits; not for every input, whose bound is {:.2} bits",
            fit.observed_on, fit.observed_bits, fit.margin_bits, fit.proven_bits
        )
    } else {
        format!(
            "not on {} of {}: {:.2} bits, of {available}",
            table::thousands(fit.exceeding),
            fit.observed_on,
            fit.observed_bits
        )
    }
}

/// Compares the exported integer network with the same rounded weights, as they were trained or chosen, in floating
/// point. Their agreement says nothing about the cost of rounding.
pub(super) fn agreement_rows(agreement: &Agreement) -> [(&'static str, String); 4] {
    let images = table::thousands(agreement.images);
    let ties = match agreement.ties {
        0 => String::new(),
        ties => format!(
            " but {}, which are ties in floating point",
            table::thousands(ties)
        ),
    };
    [
        (
            "check of the export",
            match agreement.argmax_differs {
                0 => format!(
                    "exact integers and floating point, of the same rounded weights, give the same class on all {images} images{ties}"
                ),
                differs => format!(
                    "exact integers and floating point, of the same rounded weights, give other classes on {differs} of {images} images"
                ),
            },
        ),
        (
            "largest difference of a logit",
            format!("{:.1e} of the largest logit", agreement.relative_error),
        ),
        (
            "bits of the logits on the test images",
            format!("{:.2}", agreement.observed_bits),
        ),
        ("zero weights", table::percent(agreement.zero_fraction)),
    ]
}

/// Tells whether the text names a file rather than a preset: there is one, or it looks like one.
fn is_file(path: &Path) -> bool {
    path.components().count() > 1 || path.extension().is_some() || path.is_file()
}

/// Reads a file if the text names one; else returns a preset.
fn load_config(text: &OsStr) -> anyhow::Result<TrainConfig> {
    let path = Path::new(text);
    Ok(if is_file(path) {
        TrainConfig::load(path)?
    } else {
        TrainConfig::preset(&text.to_string_lossy())?
    })
}

/// Shows a training run: a bar on a terminal, and a line for each epoch in any case.
#[derive(Default)]
pub(super) struct Display {
    bar: Option<ProgressBar>,
    epochs: usize,
    /// Title and file of the plot.
    plot: Option<(String, PathBuf)>,
    done: Vec<EpochRecord>,
}

impl Display {
    /// Draws the curves again. A file that cannot be written does not end the run.
    fn draw(&mut self, record: EpochRecord) {
        self.done.push(record);
        let Some((title, path)) = &self.plot else {
            return;
        };
        let write = || {
            let text = plot_curves(title, &self.done)?;
            // Another program may have written there meanwhile.
            check_file("--plot", path, ResultKind::Plot, None)?;
            announce(path);
            write_text(path, &text)
        };
        if let Err(problem) = write() {
            self.line(&format!("no curves: {problem:#}"));
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            // Above the bar.
            Some(bar) => bar.println(text),
            None => note(text),
        }
    }
}

impl Observer for Display {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Started {
                epochs,
                done,
                steps,
                train_images,
                validation_images,
            } => {
                self.epochs = *epochs;
                self.done.clone_from(done);
                note(format_args!(
                    "{} images to train on, {} to choose the best of {epochs} epochs{}",
                    table::thousands(*train_images),
                    table::thousands(*validation_images),
                    if done.is_empty() {
                        String::new()
                    } else {
                        format!(", {} of them done", done.len())
                    }
                ));
                self.bar = progress::on_terminal().then(|| {
                    progress::bar(*steps as u64, "{prefix} {bar:30} {percent:>3} % {msg}")
                });
            }
            TrainEvent::Step {
                epoch,
                step,
                loss,
                accuracy,
                eta_seconds,
                ..
            } => {
                if let Some(bar) = &self.bar {
                    bar.set_prefix(format!("epoch {epoch} of {}", self.epochs));
                    bar.set_position(*step as u64);
                    let bits = self.done.last().and_then(|record| record.logit_bits);
                    bar.set_message(format!(
                        "loss {loss:.4}, accuracy {}{}, {} left",
                        table::percent(*accuracy),
                        bits.map_or(String::new(), |bits| format!(", {bits:.1} bits")),
                        progress::duration(*eta_seconds)
                    ));
                }
            }
            TrainEvent::Epoch {
                record,
                best_epoch,
                eta_seconds,
            } => {
                self.draw(*record);
                self.line(&format!(
                    "epoch {:>3} of {}: loss {:.4}, training {}, validation {}{}, {}, {}, {} left",
                    record.epoch,
                    self.epochs,
                    record.loss,
                    table::percent(record.train_accuracy),
                    table::percent(record.validation_accuracy),
                    record
                        .logit_bits
                        .map_or(String::new(), |bits| format!(", logits of {bits:.2} bits")),
                    table::seconds(record.seconds),
                    if *best_epoch > 0 {
                        format!("best so far epoch {best_epoch}")
                    } else {
                        "none to choose yet".into()
                    },
                    progress::duration(*eta_seconds),
                ));
            }
            _ => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                if matches!(event, TrainEvent::Exporting) {
                    note("comparing the integer network with the trained one on the test images");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_a_preset_or_a_file() {
        for preset in PRESETS {
            load_config(preset.as_ref()).unwrap();
        }
        let unknown = load_config("no-such-preset".as_ref())
            .unwrap_err()
            .to_string();
        assert!(
            unknown.contains("no-such-preset") && unknown.contains(PRESETS[0]),
            "{unknown}"
        );
        let missing = load_config("configs/none.json".as_ref())
            .unwrap_err()
            .to_string();
        assert!(missing.contains("configs/none.json"), "{missing}");
        let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        let config = TrainConfig::preset(PRESETS[0]).unwrap();
        config.save(file.path()).unwrap();
        assert_eq!(load_config(file.path().as_os_str()).unwrap(), config);
    }
}
