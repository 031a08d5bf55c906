//! Stock SEAL calls against fast mode, layer by layer and in total: `cargo bench --bench inference`.
//!
//! Two networks of HCNN-MNIST's shape: `mnist-w2`, the committed one, and a random ternary one whose logits on the
//! batch fit a plaintext modulus of 17 bits. Every run's logits are compared with the twin's. Options, after `--`:
//!
//! | option | |
//! | --- | --- |
//! | `--network mnist,mnist-w2` | these two; `cifar` and `cifar2` are random ternary networks of the CIFAR-10 network's shape with one or two linear layers; or directories of models |
//! | `--plain-bits B` | a product of plaintext moduli of at least so many bits, modulo which the logits are compared, whatever the network's bound |
//! | `--images N` | 8192 |
//! | `--repeat N` | 3 runs that count, after one that does not |
//! | `--threads A,B` | 1,2 |
//! | `--mode stock,fast` | both |
//! | `--layout batched,packed,diagonal` | the batched one, or several one after the other in the same run; the packed one with 16 images, the diagonal one with one; both in fast mode alone |
//! | `--percent P` | random weights that are not zero, 20 |
//! | `--backend ifma,avx2,portable` | kernels, one after the other in the same run: the fastest |
//! | `--seeded` | requests as they come over the wire: the server expands seeds, which is shown apart, and in fast mode transforms the ciphertexts |
//! | `--out FILE` | the record, `target/bench/inference.json` |
//!
//! Wall times are medians over the runs, with quartiles; those of layers are of the run in the middle. Beside the time of a
//! layer in fast mode is that of `Plan::forecast`, on one thread.

mod options;
#[path = "../common/record.rs"]
mod record;
#[path = "../common/spread.rs"]
mod spread;

use num_bigint::BigInt;
use options::Options;
use record::Record;
use sealquant::engine::{Client, Plan, PlanContexts, Server};
use sealquant::kernels::{Backend, Rates};
use sealquant::network::{Network, Twin, random_hcnn, random_hcnn_cifar, random_images};
use sealquant::params::{BoundRule, LayoutKind, Mode, SelectOptions, select};
use serde::Serialize;
use spread::Spread;
use std::error::Error;
use std::time::Instant;

/// Of random weights.
const SEED: u64 = 2026;
/// In the packed layout.
const PACKED_IMAGES: usize = 16;

/// Milliseconds that this process's threads have spent on processors, on Linux.
fn cpu_ms() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds / 1e6)
}

/// A layer of the run in the middle.
#[derive(Debug, Serialize)]
struct LayerTime {
    name: String,
    milliseconds: f64,
    /// By `Plan::forecast`, on one thread; none in stock mode.
    predicted: Option<f64>,
}

/// A network in one mode, with one kind of kernels and number of threads.
#[derive(Debug, Serialize)]
struct Row {
    network: String,
    mode: &'static str,
    kernels: Option<&'static str>,
    layout: &'static str,
    seeded: bool,
    images: usize,
    poly_modulus_degree: usize,
    coeff_modulus_bits: Vec<u32>,
    plain_moduli: Vec<u64>,
    threads: usize,
    runs: usize,
    milliseconds: Spread,
    /// Of all threads, in the run in the middle; none where the system does not tell.
    processor_milliseconds: Option<f64>,
    /// Of processor time, for all ciphertexts of a seeded request.
    expansion_milliseconds: Option<f64>,
    images_per_second: f64,
    layers: Vec<LayerTime>,
}

impl Row {
    fn print(&self) {
        println!(
            "{}, {} mode{}, {} layout, {} image{}: N = {}, q = {:?} bits, t = {:?}",
            self.network,
            self.mode,
            self.kernels
                .map_or_else(String::new, |name| format!(" ({name})")),
            self.layout,
            self.images,
            if self.images == 1 { "" } else { "s" },
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
                .map_or_else(String::new, |ms| format!(
                    "; seeds expanded in {ms:.1} before"
                )),
            self.images_per_second,
            layers.join(", ")
        );
    }
}

/// Rows of a network in one mode with one kind of kernels, for each number of threads.
fn measure(
    network: &Network,
    bound: &BoundRule,
    mode: Mode,
    layout: LayoutKind,
    backend: Backend,
    options: &Options,
) -> Result<Vec<Row>, Box<dyn Error>> {
    let count = match layout {
        LayoutKind::Batched => options.images,
        LayoutKind::Packed => options.images.min(PACKED_IMAGES),
        LayoutKind::Diagonal => 1,
    };
    let selection = select(
        network,
        &SelectOptions {
            bound: bound.clone(),
            mode,
            layout: Some(layout),
            images: Some(count),
            ..SelectOptions::default()
        },
    )?;
    let plan = Plan::new(network, &selection)?;
    let client = Client::new(&plan)?;
    let server = Server::new(&plan, client.evaluation_keys()?)?.with_backend(backend);
    let images = random_images(1, network, count.min(plan.slots()));
    let (request, expansion) = if options.seeded {
        let seeded = client.encrypt_seeded(&images, &())?;
        let start = cpu_ms();
        let request = seeded.expand(&PlanContexts::new(&plan)?)?;
        let expansion = cpu_ms().zip(start).map(|(end, start)| end - start);
        (request, expansion)
    } else {
        (client.encrypt(&images, &())?, None)
    };
    let forecast = plan.forecast(&Rates::measure(backend));
    let predicted = |name: &str| {
        let layer = forecast.iter().find(|layer| layer.name == name)?;
        Some(layer.seconds * 1e3)
    };
    let mut expected = Twin::new(network).logits_batch(&images)?;
    // What is decrypted are the residues around 0.
    let modulus: BigInt = selection.plain_moduli().iter().product();
    for logit in expected.iter_mut().flatten() {
        let residue = ((&*logit % &modulus) + &modulus) % &modulus;
        *logit = if &residue * 2 > modulus {
            residue - &modulus
        } else {
            residue
        };
    }
    let mut rows = Vec::new();
    for &threads in &options.threads {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let mut runs = Vec::new();
        for run in 0..=options.repeat {
            let (start, cpu) = (Instant::now(), cpu_ms());
            let evaluation = pool.install(|| server.evaluate(&request, &()))?;
            let seconds = start.elapsed().as_secs_f64();
            let cpu = cpu_ms().zip(cpu).map(|(end, start)| end - start);
            if client.decrypt(&evaluation.response)? != expected {
                return Err("the logits differ from the twin's".into());
            }
            // The first warms up.
            if run > 0 {
                runs.push((seconds * 1e3, cpu, evaluation.layers));
            }
        }
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
            mode: mode.name(),
            kernels: (mode == Mode::Fast).then(|| backend.name()),
            layout: selection.layout().name(),
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
            expansion_milliseconds: expansion,
            layers: layers.collect(),
        };
        row.print();
        rows.push(row);
    }
    Ok(rows)
}

/// The network of a name, and the bound on its logits to choose parameters for.
fn network(name: &str, options: &Options) -> Result<(Network, BoundRule), Box<dyn Error>> {
    let network = match name {
        "mnist" => random_hcnn(SEED, 2, options.percent)?,
        "cifar" => random_hcnn_cifar(SEED, 2, 2, options.percent, false)?,
        "cifar2" => random_hcnn_cifar(SEED, 2, 2, options.percent, true)?,
        "mnist-w2" => Network::load(concat!(env!("CARGO_MANIFEST_DIR"), "/models/mnist-w2"))?,
        path => Network::load(path)?,
    };
    let (magnitude, source) = if let Some(bits) = options.plain_bits {
        // 2m + 1 = 2^bits - 1.
        ((BigInt::from(1) << (bits - 1)) - 1, "nothing")
    } else if name == "mnist-w2" {
        return Ok((network, BoundRule::Proven));
    } else {
        let images = random_images(1, &network, options.images);
        let logits = Twin::new(&network).logits_batch(&images)?;
        let magnitudes = logits
            .iter()
            .flatten()
            .map(|logit| logit.magnitude().clone());
        (
            BigInt::from(magnitudes.max().unwrap_or_default()),
            "the batch",
        )
    };
    let source = source.to_owned();
    Ok((network, BoundRule::Observed { magnitude, source }))
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let options = Options::parse(&given)?;
    sealquant::report::check_record_path(&options.out)?;
    let mut rows = Vec::new();
    for name in &options.networks {
        let (network, bound) = network(name, &options)?;
        for &mode in &options.modes {
            for &layout in &options.layouts {
                // Stock mode has SEAL's own kernels, and one layout.
                let kernels = match (mode, layout) {
                    (Mode::Fast, _) => &options.backends[..],
                    (Mode::Stock, LayoutKind::Batched) => &options.backends[..1],
                    (Mode::Stock, _) => &[],
                };
                for &backend in kernels {
                    rows.extend(measure(&network, &bound, mode, layout, backend, &options)?);
                }
            }
        }
    }
    Record::new(given, rows).write(&options.out)
}
