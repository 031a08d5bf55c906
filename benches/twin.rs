//! Measures the twin on networks with the shape of the paper's CIFAR-10 network: `cargo bench --bench twin`.
//!
//! The weights are random, of 4, 8, 16 and 32 bits; the input has four bits. The wider the weights, the wider the
//! integers that the layers need. It runs 32 images on one thread and reports the fastest of three rounds.

use sealquant::network::{Twin, op_counts, proven_bounds, random_hcnn_cifar, random_images};
use std::error::Error;
use std::time::Instant;

const IMAGES: usize = 32;
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for weight_bits in [4, 8, 16, 32] {
        let network = random_hcnn_cifar(1, 4, weight_bits, 100, true)?;
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
