//! The twin on networks of the shape of the paper's CIFAR-10 network: `cargo bench --bench twin`.
//!
//! Weights are random, of 4, 8, 16 and 32 bits; the input has four bits. The wider the weights, the wider the integers
//! that the layers need. One thread, 32 images; the fastest of three rounds.

use num_bigint::BigInt;
use sealquant::network::{
    InputQuantizer, InputSpec, Layer, NamedLayer, Network, NetworkLiteral, Shape, SplitMix64, Twin,
    op_counts, proven_bounds, random_images,
};
use std::error::Error;
use std::time::Instant;

const IMAGES: usize = 32;
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for weight_bits in [4, 8, 16, 32] {
        let network = network(weight_bits)?;
        let twin = Twin::new(&network);
        let images = random_images(1, &network, IMAGES);
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            pool.install(|| twin.logits_batch(&images))?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        let macs: u64 = op_counts(&network).iter().map(|ops| ops.nonzero_macs).sum();
        println!(
            "weights of {weight_bits:2} bits, logits of {:3} bits: {:6.2} ns a multiply-add, {:7.2} images a second; {:?}",
            proven_bounds(&network).output().bits(),
            best * 1e9 / (macs as f64 * IMAGES as f64),
            IMAGES as f64 / best,
            twin.widths(),
        );
    }
    Ok(())
}

/// Three 3x3 convolutions (32, 64, 128 channels), each squared and pooled, and two linear layers.
fn network(weight_bits: u32) -> Result<Network, Box<dyn Error>> {
    let mut random = SplitMix64::new(1);
    let most = (1_i64 << (weight_bits - 1)) - 1;
    let mut weights = |count: usize| -> Vec<i64> {
        let range = 2 * most.unsigned_abs() + 1;
        (0..count)
            .map(|_| (random.next_u64() % range).cast_signed() - most)
            .collect()
    };
    let mut layers = Vec::new();
    let mut channels = 3;
    for (number, out_channels) in [32, 64, 128].into_iter().enumerate() {
        let conv = Layer::Conv2d {
            in_channels: channels,
            out_channels,
            kernel: [3, 3],
            stride: [1, 1],
            padding: [0, 0],
            weight: weights(out_channels * channels * 9),
            bias: vec![BigInt::from(1); out_channels],
            weight_scale: 1.0,
        };
        let pool = Layer::SumPool {
            kernel: [2, 2],
            stride: [2, 2],
        };
        layers.push(NamedLayer::new(format!("conv{number}"), conv));
        layers.push(NamedLayer::new(format!("square{number}"), Layer::Square));
        layers.push(NamedLayer::new(format!("pool{number}"), pool));
        channels = out_channels;
    }
    layers.push(NamedLayer::new("flatten", Layer::Flatten));
    for (number, (in_features, out_features)) in [(512, 256), (256, 10)].into_iter().enumerate() {
        let linear = Layer::Linear {
            in_features,
            out_features,
            weight: weights(in_features * out_features),
            bias: vec![BigInt::from(-1); out_features],
            weight_scale: 1.0,
        };
        layers.push(NamedLayer::new(format!("linear{number}"), linear));
    }
    Ok(Network::new(NetworkLiteral {
        name: format!("random-cifar-w{weight_bits}"),
        classes: 10,
        input: InputSpec {
            shape: Shape::new(3, 32, 32),
            quantizer: InputQuantizer::uniform(4)?,
        },
        layers,
    })?)
}
