//! Compares stock SEAL calls with own kernels, layer by layer and in total: `cargo bench --bench inference`.
//!
//! By default it runs two networks with the shape of HCNN-MNIST: `models/mnist-w2` with its proven bound, and a random
//! ternary network whose logits on the batch fit a plaintext modulus of 17 bits. Models classify the first test images
//! of their dataset, random networks classify random images. Every run's logits are compared with the twin's. Options,
//! after `--`:
//!
//! | option | |
//! | --- | --- |
//! | `--network mnist,models/mnist-w2` | `mnist` is a random ternary network with the shape of HCNN-MNIST; `cifar` and `cifar2` have the shape of the CIFAR-10 network with one or two linear layers; other names are model directories, relative to the checkout's root |
//! | `--bound proven,observed` | the bound that the plaintext modulus must hold: the one proven for every image, or the largest logit observed (for a model on all training and test images of its dataset, for a random network on the batch). Default: observed for random networks, proven for models |
//! | `--plain-bits B` | a product of plaintext moduli of at least that many bits, modulo which the logits are compared, whatever the network's bound |
//! | `--images N` | number of images; default 8192 |
//! | `--repeat N` | number of runs that count, after one that does not; default 3 |
//! | `--threads A,B` | numbers of threads; default 1,2 |
//! | `--scheme seal,batched,crops,diagonal` | SEAL's kernels in the batched layout, or own kernels in each layout, measured one after the other in the same run; default seal,batched. Crops run with 16 images, the diagonal layout with one |
//! | `--percent P` | percentage of random weights that are not zero; default 20 |
//! | `--backend ifma,avx2,portable` | instructions of own kernels, measured one after the other in the same run; default the fastest |
//! | `--seeded` | use requests as they come over the wire: the server expands seeds, which is timed separately |
//! | `--out FILE` | path of the record; default `target/bench/inference.json` |
//!
//! Wall times are medians over the runs, with quartiles; the times of layers are those of the median run. Beside the
//! time of a layer of own kernels stands the prediction of `Plan::forecast`, for one thread.

#[path = "../common/networks.rs"]
mod networks;
mod options;
#[path = "../common/record.rs"]
mod record;

use networks::Bound;
use num_bigint::BigInt;
use options::Options;
use record::Record;
use sealquant::engine::{Client, Contexts, EngineError, Evaluation, LayerStats, Plan, Server};
use sealquant::experiment::Spread;
use sealquant::kernels::{Backend, Rates};
use sealquant::network::{Network, Twin};
use sealquant::params::{BoundRule, Parameters, Scheme, SelectOptions, select};
use serde::Serialize;
use std::error::Error;
use std::time::Instant;

/// Number of images as crops.
const CROP_IMAGES: usize = 16;

/// Returns the milliseconds that this process's threads have spent on processors, on Linux.
fn cpu_ms() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds / 1e6)
}

/// A layer of the median run.
#[derive(Debug, Serialize)]
struct LayerTime {
    name: String,
    milliseconds: f64,
    /// Prediction of `Plan::forecast` for one thread; `None` for SEAL's kernels.
    predicted: Option<f64>,
}

/// A network with one scheme, one kind of instructions and one number of threads.
#[derive(Debug, Serialize)]
struct Row {
    network: String,
    kernels: &'static str,
    /// Instructions of own kernels.
    instructions: Option<&'static str>,
    layout: &'static str,
    /// The bound on the logits that t holds: `proven` or `observed`.
    bound: &'static str,
    /// The images on which an observed bound was observed.
    observed_on: Option<String>,
    seeded: bool,
    images: usize,
    poly_modulus_degree: usize,
    coeff_modulus_bits: Vec<u32>,
    plain_moduli: Vec<u64>,
    threads: usize,
    runs: usize,
    milliseconds: Spread,
    /// Processor time of all threads in the median run; `None` if the system does not tell it.
    processor_milliseconds: Option<f64>,
    /// Time in which the server expands all ciphertexts of a seeded request, before the evaluation.
    expansion_milliseconds: Option<Spread>,
    images_per_second: f64,
    layers: Vec<LayerTime>,
}

impl Row {
    fn print(&self) {
        println!(
            "{}, {} kernels{}, {} layout, {} image{}, {} bound: N = {}, q = {:?} bits, t = {:?}",
            self.network,
            self.kernels,
            self.instructions
                .map_or_else(String::new, |name| format!(" ({name})")),
            self.layout,
            self.images,
            if self.images == 1 { "" } else { "s" },
            self.bound,
            self.poly_modulus_degree,
            self.coeff_modulus_bits,
            self.plain_moduli,
        );
        let layers: Vec<String> = self
            .layers
            .iter()
            .map(|layer| {
                let predicted = layer.predicted;
                let predicted =
                    predicted.map_or_else(String::new, |ms| format!(" (predicted {ms:.2})"));
                format!("{} {:.2}{predicted}", layer.name, layer.milliseconds)
            })
            .collect();
        println!(
            "  {} thread{}, {} runs: {:.2} ms ({:.2}..{:.2}; {:.2} of processor time{}), {:.0} images/s ({} ms)",
            self.threads,
            if self.threads == 1 { "" } else { "s" },
            self.runs,
            self.milliseconds.median,
            self.milliseconds.lower,
            self.milliseconds.upper,
            self.processor_milliseconds.unwrap_or(f64::NAN),
            self.expansion_milliseconds
                .as_ref()
                .map_or_else(String::new, |ms| format!(
                    "; seeds expanded in {:.1} ({:.1}..{:.1}) before",
                    ms.median, ms.lower, ms.upper
                )),
            self.images_per_second,
            layers.join(", ")
        );
    }
}

/// Measures a network with one scheme and one kind of instructions, for each number of threads.
fn measure(
    name: &str,
    network: &Network,
    bound: &BoundRule,
    scheme: Scheme,
    backend: Backend,
    options: &Options,
) -> Result<Vec<Row>, Box<dyn Error>> {
    let count = match scheme {
        Scheme::Stock | Scheme::Batched => options.images,
        Scheme::Crops => options.images.min(CROP_IMAGES),
        Scheme::Diagonal | Scheme::FewUploads => 1,
    };
    let selection = select(
        network,
        &SelectOptions {
            bound: bound.clone(),
            scheme: Some(scheme),
            images: Some(count),
            shared_upload: !options.seeded,
            ..SelectOptions::default()
        },
    )?;
    let plan = Plan::new(network, &selection)?;
    let contexts = Contexts::new(plan.client_spec())?;
    let client = Client::new(plan.client_spec(), &contexts)?;
    let server = Server::new(&plan, &contexts, client.evaluation_keys()?)?.with_backend(backend);
    let images = networks::images(name, network, count.min(plan.batch_size()))?;
    let seeded = options
        .seeded
        .then(|| client.encrypt_seeded(&images, &()))
        .transpose()?;
    let request = match &seeded {
        Some(seeded) => seeded.expand(&contexts)?,
        None => client.encrypt(&images, &())?,
    };
    let forecast = plan.forecast(&contexts, &Rates::measure(backend));
    let predicted = |name: &str| {
        let layer = forecast.iter().find(|layer| layer.name == name)?;
        Some(layer.seconds * 1e3)
    };
    let expected = expected_logits(network, &selection, &images)?;
    let mut rows = Vec::new();
    for &threads in &options.threads {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let (mut runs, expansions) = {
            let evaluate = || pool.install(|| server.evaluate(&request, &()));
            let check = |evaluation: &Evaluation| -> Result<(), Box<dyn Error>> {
                if client.decrypt(&evaluation.response, images.len())? == expected {
                    return Ok(());
                }
                Err("the logits differ from the twin's".into())
            };
            let expand = seeded
                .as_ref()
                .map(|seeded| || pool.install(|| seeded.expand(&contexts)).map(drop));
            timed_runs(options.repeat, evaluate, check, expand.as_ref())?
        };
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let times: Vec<f64> = runs.iter().map(|(time, ..)| *time).collect();
        let milliseconds = Spread::of(times);
        let (_, processor_milliseconds, layers) = runs.swap_remove(runs.len() / 2);
        let layers = layers.into_iter().map(|layer| LayerTime {
            predicted: predicted(&layer.name),
            milliseconds: layer.seconds * 1e3,
            name: layer.name,
        });
        let row = Row {
            network: network.name().to_owned(),
            kernels: scheme.kernels(),
            instructions: (!scheme.is_stock()).then(|| backend.name()),
            layout: scheme.layout(),
            bound: bound.name(),
            observed_on: match bound {
                BoundRule::Proven => None,
                BoundRule::Observed { source, .. } => Some(source.clone()),
            },
            seeded: options.seeded,
            images: images.len(),
            poly_modulus_degree: selection.poly_modulus_degree(),
            coeff_modulus_bits: selection.coeff_modulus_bits(),
            plain_moduli: selection.plain_moduli().to_vec(),
            threads,
            runs: options.repeat,
            images_per_second: images.len() as f64 * 1e3 / milliseconds.median,
            milliseconds,
            processor_milliseconds,
            expansion_milliseconds: (!expansions.is_empty()).then(|| Spread::of(expansions)),
            layers: layers.collect(),
        };
        row.print();
        rows.push(row);
    }
    Ok(rows)
}

/// Returns the twin's logits as the client decrypts them: residues around 0 modulo the product of the plaintext moduli.
fn expected_logits(
    network: &Network,
    selection: &Parameters,
    images: &[Vec<i64>],
) -> Result<Vec<Vec<BigInt>>, Box<dyn Error>> {
    let mut expected = Twin::new(network).logits_batch(images)?;
    let modulus: BigInt = selection.plain_moduli().iter().product();
    for logit in expected.iter_mut().flatten() {
        let residue = ((&*logit % &modulus) + &modulus) % &modulus;
        *logit = if &residue * 2 > modulus {
            residue - &modulus
        } else {
            residue
        };
    }
    Ok(expected)
}

/// Wall milliseconds, processor milliseconds and layers of an evaluation.
type Run = (f64, Option<f64>, Vec<LayerStats>);

/// Performs the runs that count, after one warm-up. Also returns the milliseconds of as many expansions, if there is
/// something to expand.
fn timed_runs(
    repeat: usize,
    evaluate: impl Fn() -> Result<Evaluation, EngineError>,
    check: impl Fn(&Evaluation) -> Result<(), Box<dyn Error>>,
    expand: Option<&impl Fn() -> Result<(), EngineError>>,
) -> Result<(Vec<Run>, Vec<f64>), Box<dyn Error>> {
    let (mut runs, mut expansions) = (Vec::new(), Vec::new());
    for run in 0..=repeat {
        let start = Instant::now();
        if let Some(expand) = expand {
            expand()?;
            expansions.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let (start, cpu) = (Instant::now(), cpu_ms());
        let evaluation = evaluate()?;
        let seconds = start.elapsed().as_secs_f64();
        let cpu = cpu_ms().zip(cpu).map(|(end, start)| end - start);
        check(&evaluation)?;
        runs.push((seconds * 1e3, cpu, evaluation.layers));
        if run == 0 {
            runs.clear();
            expansions.clear();
        }
    }
    Ok((runs, expansions))
}

/// Returns the network of this name, and the bounds on its logits for which to choose parameters.
fn bounds(name: &str, options: &Options) -> Result<(Network, Vec<BoundRule>), Box<dyn Error>> {
    let (network, is_random) = networks::network(name, options.percent)?;
    if let Some(bits) = options.plain_bits {
        // 2m + 1 = 2^bits - 1.
        let bound = BoundRule::Observed {
            magnitude: (BigInt::from(1) << (bits - 1)) - 1,
            source: "nothing".to_owned(),
        };
        return Ok((network, vec![bound]));
    }
    let default = if is_random {
        Bound::Observed
    } else {
        Bound::Proven
    };
    let kinds = options.bounds.clone().unwrap_or_else(|| vec![default]);
    let rules = kinds.into_iter();
    let rules = rules.map(|kind| networks::bound(name, &network, kind, options.images));
    let rules = rules.collect::<Result<_, _>>()?;
    Ok((network, rules))
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let options = Options::parse(&given)?;
    sealquant::experiment::check_record_path(&options.out)?;
    let mut rows = Vec::new();
    for name in &options.networks {
        let (network, bounds) = bounds(name, &options)?;
        for bound in &bounds {
            for &scheme in &options.schemes {
                // SEAL chooses its own instructions.
                let backends = match scheme {
                    Scheme::Stock => &options.backends[..1],
                    _ => &options.backends[..],
                };
                for &backend in backends {
                    rows.extend(measure(name, &network, bound, scheme, backend, &options)?);
                }
            }
        }
    }
    Record::new(given, rows).write(&options.out)
}
