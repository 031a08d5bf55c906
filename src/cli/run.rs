//! The common part of `infer` and `demo`: a run under encryption, its record and its table.

use std::{num::NonZeroUsize, ops::Range, path::PathBuf, time::Instant};

use super::{
    interrupt,
    model::{self, DataDirectory, ModelArgument},
    output::{Output, announce, check_file, note},
    progress::{Stages, doing},
    scheme::{LayoutArgument, ParameterArguments},
    table,
};
use crate::{
    data::{Dataset, DatasetName, Split},
    engine::{Contexts, EngineError, Plan},
    experiment::{
        BatchSeconds, BoundRecord, Classified, Encryption, ForecastRecord, Host, NoiseRecord,
        RunRecord, Seconds, classify, write_record,
    },
    file::ResultKind,
    file_kind::Own,
    params::{BoundRule, MemoryForecast, Parameters, SelectOptions, select},
};
use anyhow::{Context as _, bail};

/// The kind of this record: no other file is replaced.
pub(super) const RECORD: ResultKind = ResultKind::Only(Own::RunRecord);

/// The arguments of both commands.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) model: ModelArgument,
    /// Worker threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = model::whole::<NonZeroUsize>(1..=usize::MAX))]
    pub(super) threads: Option<NonZeroUsize>,
    /// Write a record of the run to this file, as one JSON object
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
    #[command(flatten)]
    pub(super) data: DataDirectory,
    /// Measure the noise after every layer, too: evaluates the first batch once more up to each layer
    #[arg(long)]
    pub(super) layer_noise: bool,
    /// The code that encrypts for the client; own encryption serves own kernels only
    #[arg(long, value_enum, default_value = "own")]
    pub(super) client: Encryption,
    /// Choose the plaintext modulus for the largest logit on all images of the dataset instead of the proven bound:
    /// smaller and faster, but another image may wrap around without notice
    #[arg(long)]
    pub(super) accept_observed_bound: bool,
    #[command(flatten)]
    pub(super) parameters: ParameterArguments,
}

/// Collects the predicted noise budgets, and the measured ones where there are any.
fn noise_records(selection: &Parameters, classified: &Classified) -> Vec<NoiseRecord> {
    let measured = |name: &str| {
        if name == "response" && !classified.compact_responses {
            return Some(classified.noise_budget_bits);
        }
        let mut layers = classified.layer_noise.iter();
        layers.find(|(layer, _)| layer == name).map(|found| found.1)
    };
    let compact = classified.compact_responses.then(|| NoiseRecord {
        name: "compact response".to_owned(),
        predicted_bits: selection.decrypted_budget_bits(true),
        measured_bits: Some(classified.noise_budget_bits),
    });
    let predicted = selection.predicted_noise().iter();
    predicted
        .map(|layer| NoiseRecord {
            measured_bits: measured(&layer.name),
            name: layer.name.clone(),
            predicted_bits: layer.budget_bits,
        })
        .chain(compact)
        .collect()
}

/// A completed run.
pub(super) struct Finished {
    pub(super) record: RunRecord,
    pub(super) classified: Classified,
    /// The images of the run, with their labels.
    pub(super) images: Dataset,
}

/// Classifies images under encryption: the given range, or the whole split.
pub(super) fn run(
    arguments: &RunArguments,
    layout: LayoutArgument,
    dataset: DatasetName,
    split: Split,
    range: Option<Range<usize>>,
) -> anyhow::Result<Finished> {
    if let Some(record) = &arguments.record {
        check_file("--record", record, RECORD, None)?;
    }
    interrupt::say(|| {
        "temporary files are removed; a record is written at the end only".to_owned()
    });
    let network = model::load_network(arguments.model.path())?;
    let source = arguments.data.source();
    let data = model::load_images(&network, dataset, split, &source)?;
    let range = range.unwrap_or(0..data.len());
    if range.end > data.len() {
        let (start, end, all) = (range.start, range.end, data.len());
        bail!("--images {start}..{end}: {dataset} {split} has {all} images");
    }
    let bound = if arguments.accept_observed_bound {
        let (bounds, words) = model::observe(&network, dataset, &source)?;
        model::observed_rule(&bounds, words)?
    } else {
        BoundRule::Proven
    };
    let options = SelectOptions {
        // SEAL's encryption serves one plain prime.
        shared_upload: arguments.client == Encryption::Own,
        ..(arguments.parameters).options(layout, bound, Some(range.len()))?
    };
    let selection = doing("choosing parameters", || select(&network, &options))?;
    let first_image = range.start;
    let images = data.slice(range);
    let planning = Instant::now();
    let (plan, contexts) = doing("planning", || {
        let plan = Plan::new(&network, &selection)?;
        let contexts = Contexts::new(plan.client_spec())?;
        Ok::<_, EngineError>((plan, contexts))
    })?;
    let planning = planning.elapsed().as_secs_f64();
    let memory = plan.memory(Some(images.len()));
    warn_of_memory(&memory, &selection);
    let forecast = forecast(&plan, &contexts, images.len());
    let pixels: Vec<&[u8]> = images.images().collect();
    let (prepared, stages) = ((&plan, &contexts, arguments.client), Stages::new());
    let classified = classify(&network, prepared, &pixels, arguments.layer_noise, &stages)
        .with_context(|| {
            let model = arguments.model.path().display();
            format!("running {model} under encryption")
        })?;
    let labels = images.labels().iter().map(|&label| usize::from(label));
    let pairs = classified.predictions.iter().zip(labels);
    let correct = pairs.filter(|(p, l)| *p == l).count();

    let record = RunRecord {
        command: command_line(),
        kernels: selection.scheme().kernels().to_owned(),
        client: classified.client.to_owned(),
        layout: selection.scheme().layout().to_owned(),
        model: arguments.model.path().display().to_string(),
        network: network.name().to_owned(),
        dataset: dataset.to_string(),
        split: split.to_string(),
        data_files: images.files().to_vec(),
        first_image,
        images: images.len(),
        batches: classified.batches,
        correct,
        images_with_mismatches: classified.mismatched_images.len(),
        logits: classified.logits,
        twin_mismatches: classified.twin_mismatches,
        poly_modulus_degree: selection.poly_modulus_degree(),
        coeff_modulus_bits: selection.coeff_modulus_bits(),
        plain_moduli: selection.plain_moduli().to_vec(),
        security: selection.standard().to_string(),
        bound: bound_record(&selection),
        threads: rayon::current_num_threads(),
        line_bits_per_second: arguments.parameters.line().bits_per_second.get(),
        noise_budget_bits: classified.noise_budget_bits,
        predicted_noise_budget_bits: selection.decrypted_budget_bits(classified.compact_responses),
        plan: selection.explain(),
        noise: noise_records(&selection, &classified),
        seconds: Seconds {
            setup: classified.seconds.setup + planning,
            ..classified.seconds
        },
        evaluate_batch: BatchSeconds::of(&classified.batch_seconds),
        layers: classified.layers.clone(),
        forecast,
        bytes: classified.bytes,
        peak_memory_bytes: Host::peak_memory_bytes(),
        predicted_memory_bytes: Some(memory.peak()),
        sealquant_version: env!("CARGO_PKG_VERSION").to_owned(),
        host: Host::now(),
    };
    Ok(Finished {
        record,
        classified,
        images,
    })
}

/// Predicts the server's time, and also writes a note about it.
fn forecast(plan: &Plan, contexts: &Contexts, images: usize) -> Option<ForecastRecord> {
    let batches = images.div_ceil(plan.batch_size().max(1));
    let threads = rayon::current_num_threads();
    let forecast = ForecastRecord::measure(plan, contexts, batches, threads)?;
    note(format_args!(
        "{:>20}  about {} on the server",
        "predicted",
        table::seconds(forecast.seconds())
    ));
    Some(forecast)
}

/// Smallest memory requirement, in bytes, that is announced before a run.
const MUCH_MEMORY: u64 = 1_000_000_000;

/// Writes a warning if the predicted memory of client and server is much.
fn warn_of_memory(memory: &MemoryForecast, selection: &Parameters) {
    if memory.peak() >= MUCH_MEMORY {
        note(format_args!("warning: {}", memory_words(memory, selection)));
    }
}

/// Describes the predicted memory of a run and whether that much is available.
pub(super) fn memory_words(memory: &MemoryForecast, selection: &Parameters) -> String {
    let peak = memory.peak();
    let available = Host::available_memory_bytes();
    let left = match available {
        Some(left) if left < peak => format!(
            ", more than the {} that are available: the system may end the program",
            table::bytes(left)
        ),
        Some(left) => format!(", of {} that are available", table::bytes(left)),
        None => String::new(),
    };
    format!(
        "the {} layout with these parameters takes about {} of memory{left}: evaluation keys of {}, weights and keys \
         prepared for the server {}, a request {}, results {}{}",
        selection.scheme().layout(),
        table::bytes(peak),
        table::bytes(memory.keys),
        table::bytes(memory.constants),
        table::bytes(memory.request),
        table::bytes(memory.results),
        if peak >= MUCH_MEMORY {
            "; compare with other values of --layout in `sealquant inspect`"
        } else {
            ""
        }
    )
}

fn bound_record(selection: &Parameters) -> BoundRecord {
    let bound = selection.bound();
    BoundRecord {
        rule: bound.rule.name().to_owned(),
        source: match &bound.rule {
            BoundRule::Observed { source, .. } => Some(source.clone()),
            BoundRule::Proven => None,
        },
        bits: bound.bits,
        magnitude: bound.magnitude.to_string(),
    }
}

/// Returns the command line as it could be typed again, without the program's directory.
pub(super) fn command_line() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| {
        let argument = argument.to_string_lossy().into_owned();
        shlex::try_quote(&argument).map_or_else(|_| argument.clone(), std::borrow::Cow::into_owned)
    });
    std::iter::once("sealquant".to_owned())
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

impl Finished {
    /// Writes the record to the requested file, after the results have been shown: a failure of one does not lose the
    /// other.
    pub(super) fn save(&self, arguments: &RunArguments, output: &mut Output) -> anyhow::Result<()> {
        let Some(path) = &arguments.record else {
            return Ok(());
        };
        // Another program may have written there meanwhile.
        check_file("--record", path, RECORD, None)?;
        announce(path);
        write_record(path, &self.record)?;
        output.line(format_args!("record: {}", path.display()))
    }

    /// Tells whether all decrypted logits are the twin's.
    pub(super) fn is_right(&self) -> bool {
        self.record.twin_mismatches == 0
    }
}
