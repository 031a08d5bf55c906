//! Stock SEAL calls against fast mode, layer by layer and in total: `cargo bench --bench inference`.
//!
//! Two networks of HCNN-MNIST's shape: `mnist-w2`, the committed one, and a random ternary one whose logits on the
//! batch fit a plaintext modulus of 17 bits. Every run's logits are compared with the twin's. Options, after `--`:
//! `--images N` (8192), `--repeat N` (3), `--threads A,B` (1,2), `--mode stock,fast`, `--packed` (few images in the
//! packed layout instead), `--diagonal` (one image in the diagonal layout), `--percent P` (weights that are not zero),
//! `--cifar` (a random ternary network of HCNN-CIFAR's shape instead), `--backend ifma|avx2|portable` (the fastest), `--seeded` (requests as they come over the wire: the server expands seeds, which is shown
//! apart, and in fast mode transforms the ciphertexts). Wall times are the least of the repetitions; the processor time of
//! all threads, where Linux tells it, is that of the same repetition.

use num_bigint::BigInt;
use sealquant::engine::{Client, LayerStats, Plan, PlanContexts, Server};
use sealquant::kernels::Backend;
use sealquant::network::{
    InputQuantizer, InputSpec, Layer, NamedLayer, Network, NetworkLiteral, Shape, SplitMix64, Twin,
    random_images,
};
use sealquant::params::{BoundRule, LayoutKind, Mode, SelectOptions, select};
use std::error::Error;
use std::time::Instant;

/// Weights in -1, 0, 1, `percent` of them not zero.
fn ternary(random: &mut SplitMix64, count: usize, percent: u64) -> Vec<i64> {
    (0..count)
        .map(|_| {
            let word = random.next_u64();
            if word % 100 >= percent {
                0
            } else if word >> 63 == 0 {
                1
            } else {
                -1
            }
        })
        .collect()
}

/// HCNN-MNIST with random ternary weights, on one-bit pixels.
fn random_hcnn(percent: u64) -> Result<Network, Box<dyn Error>> {
    let mut random = SplitMix64::new(2026);
    let mut conv = |in_channels: usize, out_channels: usize| Layer::Conv2d {
        in_channels,
        out_channels,
        kernel: [5, 5],
        stride: [2, 2],
        padding: [0, 0],
        weight: ternary(&mut random, out_channels * in_channels * 25, percent),
        bias: vec![BigInt::from(1); out_channels],
        weight_scale: 1.0,
    };
    let (conv1, conv2) = (conv(1, 5), conv(5, 50));
    let linear = Layer::Linear {
        in_features: 800,
        out_features: 10,
        weight: ternary(&mut random, 8000, percent),
        bias: vec![BigInt::from(-1); 10],
        weight_scale: 1.0,
    };
    Ok(Network::new(NetworkLiteral {
        name: "random ternary".to_owned(),
        classes: 10,
        input: InputSpec {
            shape: Shape::new(1, 28, 28),
            quantizer: InputQuantizer::uniform(1)?,
        },
        layers: vec![
            NamedLayer::new("conv1", conv1),
            NamedLayer::new("square1", Layer::Square),
            NamedLayer::new("conv2", conv2),
            NamedLayer::new("square2", Layer::Square),
            NamedLayer::new("flatten", Layer::Flatten),
            NamedLayer::new("linear", linear),
        ],
    })?)
}

/// HCNN-CIFAR with random ternary weights, on one-bit pixels.
fn random_cifar(percent: u64) -> Result<Network, Box<dyn Error>> {
    let mut random = SplitMix64::new(2026);
    let mut layers = Vec::new();
    let (mut channels, mut side) = (3, 32);
    for (index, outputs) in [32, 64, 128].into_iter().enumerate() {
        let conv = Layer::Conv2d {
            in_channels: channels,
            out_channels: outputs,
            kernel: [3, 3],
            stride: [1, 1],
            padding: [0, 0],
            weight: ternary(&mut random, outputs * channels * 9, percent),
            bias: vec![BigInt::from(1); outputs],
            weight_scale: 1.0,
        };
        let pool = Layer::SumPool {
            kernel: [2, 2],
            stride: [2, 2],
        };
        let index = index + 1;
        layers.push(NamedLayer::new(format!("conv{index}"), conv));
        layers.push(NamedLayer::new(format!("square{index}"), Layer::Square));
        layers.push(NamedLayer::new(format!("pool{index}"), pool));
        (channels, side) = (outputs, (side - 2) / 2);
    }
    layers.push(NamedLayer::new("flatten", Layer::Flatten));
    for (name, inputs, outputs) in [
        ("linear1", channels * side * side, 256),
        ("linear2", 256, 10),
    ] {
        let linear = Layer::Linear {
            in_features: inputs,
            out_features: outputs,
            weight: ternary(&mut random, inputs * outputs, percent),
            bias: vec![BigInt::from(-1); outputs],
            weight_scale: 1.0,
        };
        layers.push(NamedLayer::new(name, linear));
    }
    Ok(Network::new(NetworkLiteral {
        name: "random ternary CIFAR".to_owned(),
        classes: 10,
        input: InputSpec {
            shape: Shape::new(3, 32, 32),
            quantizer: InputQuantizer::uniform(1)?,
        },
        layers,
    })?)
}

struct Options {
    cifar: bool,
    percent: u64,
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
        cifar: false,
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
            "--cifar" => options.cifar = true,
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
    let expected = Twin::new(network).logits_batch(&images)?;
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
            .map(|layer| format!("{} {:.2}", layer.name, layer.seconds * 1e3))
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

/// The random CIFAR network, with the plaintext primes that its logits on the batch need.
fn cifar(options: &Options) -> Result<(), Box<dyn Error>> {
    let network = random_cifar(options.percent)?;
    let images = random_images(1, &network, options.images);
    let magnitude = Twin::new(&network)
        .logits_batch(&images)?
        .into_iter()
        .flatten()
        .map(|logit| BigInt::from(logit.magnitude().clone()))
        .max()
        .unwrap_or_default();
    let observed = BoundRule::Observed {
        magnitude,
        source: "the batch".to_owned(),
    };
    measure(&network, &observed, Mode::Fast, options)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    if options.cifar {
        return cifar(&options);
    }
    let committed = Network::load(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/models/mnist-w2/network.json"
    ))?;
    let random = random_hcnn(options.percent)?;
    let images = random_images(1, &random, options.images);
    let magnitude = Twin::new(&random)
        .logits_batch(&images)?
        .into_iter()
        .flatten()
        .map(|logit| BigInt::from(logit.magnitude().clone()))
        .max()
        .unwrap_or_default();
    let observed = BoundRule::Observed {
        magnitude,
        source: "the batch".to_owned(),
    };
    for (network, bound) in [(&random, &observed), (&committed, &BoundRule::Proven)] {
        for &mode in &options.modes {
            measure(network, bound, mode, &options)?;
        }
    }
    Ok(())
}
