//! Stock SEAL calls against fast mode, layer by layer and in total: `cargo bench --bench inference`.
//!
//! Two networks of HCNN-MNIST's shape: `mnist-w2`, the committed one, and a random ternary one whose logits on the
//! batch fit a plaintext modulus of 17 bits. Every run's logits are compared with the twin's. Options, after `--`:
//! `--network mnist,mnist-w2` (these two; `cifar` and `cifar2` are random ternary networks of the CIFAR-10 network's shape
//! with one or two linear layers; or directories of models), `--plain-bits B` (a product of plaintext moduli of at least so
//! many bits, modulo which the logits are compared, whatever the network's bound), `--images N` (8192), `--repeat N` (3), `--threads A,B` (1,2), `--mode stock,fast`, `--packed` (few images in the
//! packed layout instead), `--diagonal` (one image in the diagonal layout), `--percent P` (weights that are not zero), `--backend ifma|avx2|portable` (the fastest), `--seeded` (requests as they come over the wire: the server expands seeds, which is shown
//! apart, and in fast mode transforms the ciphertexts). Beside the time of a layer in fast mode is that of
//! `Plan::forecast`, on one thread. Wall times are the least of the repetitions; the processor time of
//! all threads, where Linux tells it, is that of the same repetition.

use num_bigint::BigInt;
use sealquant::engine::{Client, LayerStats, Plan, PlanContexts, Server};
use sealquant::kernels::{Backend, Rates};
use sealquant::network::{Network, Twin, random_hcnn, random_hcnn_cifar, random_images};
use sealquant::params::{BoundRule, LayoutKind, Mode, SelectOptions, select};
use std::error::Error;
use std::time::Instant;

/// Of random weights.
const SEED: u64 = 2026;

struct Options {
    networks: Vec<String>,
    plain_bits: Option<u32>,
    percent: usize,
    images: usize,
    repeat: usize,
    threads: Vec<usize>,
    modes: Vec<Mode>,
    layout: LayoutKind,
    seeded: bool,
    backend: Backend,
}

/// Milliseconds that this process's threads have spent on processors, on Linux.
fn cpu_ms() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds / 1e6)
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        networks: ["mnist", "mnist-w2"].map(str::to_owned).to_vec(),
        plain_bits: None,
        percent: 20,
        images: 8192,
        repeat: 3,
        threads: vec![1, 2],
        modes: vec![Mode::Stock, Mode::Fast],
        layout: LayoutKind::Batched,
        seeded: false,
        backend: Backend::detect(),
    };
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--network" => options.networks = value()?.split(',').map(str::to_owned).collect(),
            "--plain-bits" => options.plain_bits = Some(value()?.parse()?),
            "--images" => options.images = value()?.parse()?,
            "--repeat" => options.repeat = value()?.parse()?,
            "--threads" => {
                options.threads = value()?
                    .split(',')
                    .map(str::parse)
                    .collect::<Result<_, _>>()?;
            }
            "--mode" => {
                options.modes = value()?
                    .split(',')
                    .map(|mode| match mode {
                        "stock" => Ok(Mode::Stock),
                        "fast" => Ok(Mode::Fast),
                        other => Err(format!("no mode {other}")),
                    })
                    .collect::<Result<_, _>>()?;
            }
            "--seeded" => options.seeded = true,
            "--backend" => {
                let name = value()?;
                options.backend = Backend::available()
                    .into_iter()
                    .find(|backend| backend.name() == name)
                    .ok_or(format!("this processor has no {name}"))?;
            }
            "--percent" => options.percent = value()?.parse()?,
            "--diagonal" => {
                options.layout = LayoutKind::Diagonal;
                options.modes = vec![Mode::Fast];
                options.images = 1;
            }
            "--packed" => {
                options.layout = LayoutKind::Packed;
                options.modes = vec![Mode::Fast];
            }
            other => return Err(format!("no option {other}").into()),
        }
    }
    Ok(options)
}

fn measure(
    network: &Network,
    bound: &BoundRule,
    mode: Mode,
    options: &Options,
) -> Result<(), Box<dyn Error>> {
    let selection = select(
        network,
        &SelectOptions {
            bound: bound.clone(),
            mode,
            layout: Some(options.layout),
            images: Some(options.images),
            ..SelectOptions::default()
        },
    )?;
    let plan = Plan::new(network, &selection)?;
    let client = Client::new(&plan)?;
    let server = Server::new(&plan, client.evaluation_keys()?)?.with_backend(options.backend);
    let images = random_images(1, network, options.images.min(plan.slots()));
    let mut expansion = String::new();
    let request = if options.seeded {
        let seeded = client.encrypt_seeded(&images, &())?;
        let start = cpu_ms();
        let request = seeded.expand(&PlanContexts::new(&plan)?)?;
        if let (Some(start), Some(end)) = (start, cpu_ms()) {
            expansion = format!(
                ", seeds expanded in {:.1} ms of processor time",
                end - start
            );
        }
        request
    } else {
        client.encrypt(&images, &())?
    };
    println!(
        "{}, {}, {} layout, {} images: N = {}, q = {:?} bits, t = {:?}{expansion}",
        network.name(),
        match mode {
            Mode::Stock => "stock mode".to_owned(),
            Mode::Fast => format!("fast mode ({})", options.backend.name()),
        },
        selection.layout().name(),
        images.len(),
        selection.poly_modulus_degree(),
        selection.coeff_modulus_bits(),
        selection.plain_moduli(),
    );
    let forecast = plan.forecast(&Rates::measure(options.backend));
    let predicted = |name: &str| {
        let mut layers = forecast.iter().filter(|layer| layer.name == name);
        layers.next().map_or(String::new(), |layer| {
            format!(" (predicted {:.2})", layer.seconds * 1e3)
        })
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
    for &threads in &options.threads {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let mut best: Option<(f64, Option<f64>, Vec<LayerStats>)> = None;
        for _ in 0..options.repeat {
            let (start, cpu) = (Instant::now(), cpu_ms());
            let evaluation = pool.install(|| server.evaluate(&request, &()))?;
            let seconds = start.elapsed().as_secs_f64();
            let cpu = cpu_ms().zip(cpu).map(|(end, start)| end - start);
            if client.decrypt(&evaluation.response)? != expected {
                return Err("the logits differ from the twin's".into());
            }
            if best.as_ref().is_none_or(|(least, ..)| seconds < *least) {
                best = Some((seconds, cpu, evaluation.layers));
            }
        }
        let Some((seconds, cpu, layers)) = best else {
            continue;
        };
        let layers: Vec<String> = layers
            .iter()
            .map(|layer| {
                let milliseconds = layer.seconds * 1e3;
                format!("{} {milliseconds:.2}{}", layer.name, predicted(&layer.name))
            })
            .collect();
        println!(
            "  {threads} thread{}: {:.2} ms ({:.2} ms of processor time), {:.0} images/s ({} ms)",
            if threads == 1 { "" } else { "s" },
            seconds * 1e3,
            cpu.unwrap_or(f64::NAN),
            images.len() as f64 / seconds,
            layers.join(", ")
        );
    }
    Ok(())
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
    let options = options()?;
    for name in &options.networks {
        let (network, bound) = network(name, &options)?;
        for &mode in &options.modes {
            measure(&network, &bound, mode, &options)?;
        }
    }
    Ok(())
}
