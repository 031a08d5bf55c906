//! Random networks of two well-known shapes, for measurements.

use super::{
    builder::NetworkBuilder, error::NetworkError, generate::SplitMix64, model::Network,
    shape::Shape,
};

/// A source of random weights.
struct HcnnWeights {
    random: SplitMix64,
    /// Largest magnitude of a weight.
    most: usize,
    nonzero_percent: usize,
}

impl HcnnWeights {
    fn new(seed: u64, weight_bits: u32, nonzero_percent: usize) -> Self {
        Self {
            random: SplitMix64::new(seed),
            most: (1_usize << weight_bits.clamp(2, 62).saturating_sub(1)) - 1,
            nonzero_percent,
        }
    }

    fn draw(&mut self, count: usize) -> Vec<i64> {
        let random = &mut self.random;
        (0..count)
            .map(|_| {
                let magnitude = random.between(1, self.most).cast_signed() as i64;
                match (
                    random.between(1, 100) <= self.nonzero_percent,
                    random.between(0, 1),
                ) {
                    (false, _) => 0,
                    (true, 0) => magnitude,
                    (true, _) => -magnitude,
                }
            })
            .collect()
    }
}

/// Makes HCNN-MNIST (Al Badawi et al.) on one-bit pixels, with random weights: input 1x28x28, two 5x5 convolutions of
/// stride 2 (5 and 50 channels), each followed by a square, then 10 logits.
///
/// About `nonzero_percent` of 100 weights are not zero; their magnitudes are uniform over all that `weight_bits` bits
/// (2 to 62, with the sign) hold. The same seed gives the same network. The network is not trained and classifies
/// nothing.
///
/// # Errors
/// [`NetworkError`] if the weights are wider than a network may have.
pub fn random_hcnn(
    seed: u64,
    weight_bits: u32,
    nonzero_percent: usize,
) -> Result<Network, NetworkError> {
    let mut weights = HcnnWeights::new(seed, weight_bits, nonzero_percent);
    let name = format!("random-hcnn-w{weight_bits}");
    NetworkBuilder::new(name, Shape::new(1, 28, 28))
        .uniform_bits(1)
        .conv2d(5, [5, 5], [2, 2], [0, 0], weights.draw(5 * 25))
        .bias([1; 5])
        .square()
        .conv2d(50, [5, 5], [2, 2], [0, 0], weights.draw(50 * 5 * 25))
        .bias([1; 50])
        .square()
        .flatten()
        .named("flatten")
        .linear(10, weights.draw(10 * 800))
        .bias([-1; 10])
        .named("linear")
        .build()
}

/// Makes a network like [`random_hcnn`] for CIFAR-10: input 3x32x32 with pixels of `pixel_bits` bits, three 3x3
/// convolutions (32, 64 and 128 channels), each squared and sum-pooled 2x2, then 10 logits. With `hidden`, the paper's
/// linear layer of 256 outputs comes before the logits.
///
/// # Errors
/// [`NetworkError`] if the weights are wider than a network may have, or pixels have more than 8 bits.
pub fn random_hcnn_cifar(
    seed: u64,
    pixel_bits: u32,
    weight_bits: u32,
    nonzero_percent: usize,
    hidden: bool,
) -> Result<Network, NetworkError> {
    let mut weights = HcnnWeights::new(seed, weight_bits, nonzero_percent);
    let name = format!("random-hcnn-cifar-w{weight_bits}");
    let mut network = NetworkBuilder::new(name, Shape::new(3, 32, 32)).uniform_bits(pixel_bits);
    for channels in [32, 64, 128] {
        let count = channels * network.shape().channels * 9;
        network = network
            .conv2d(channels, [3, 3], [1, 1], [0, 0], weights.draw(count))
            .bias(vec![1; channels])
            .square()
            .sum_pool([2, 2], [2, 2]);
    }
    network = network.flatten().named("flatten");
    let sizes: &[usize] = if hidden { &[256, 10] } else { &[10] };
    for &size in sizes {
        let count = size * network.shape().len();
        network = network
            .linear(size, weights.draw(count))
            .bias(vec![-1; size]);
    }
    network.build()
}

#[cfg(test)]
mod tests {
    use super::{random_hcnn, random_hcnn_cifar};
    use crate::network::op_counts;

    #[test]
    fn weights_are_of_the_width_and_share_asked_for() {
        for (bits, percent) in [(2, 20), (4, 75)] {
            let network = random_hcnn(1, bits, percent).unwrap();
            assert_eq!(
                network.weight_bits().into_iter().flatten().max(),
                Some(bits)
            );
            let weights = || {
                let layers = network.layers().iter();
                layers.flat_map(|named| named.layer.weight().unwrap_or_default())
            };
            let nonzero = weights().filter(|&&weight| weight != 0).count();
            let share = 100.0 * nonzero as f64 / weights().count() as f64;
            assert!((share - percent as f64).abs() < 3.0, "{share}");
            assert_eq!(random_hcnn(1, bits, percent).unwrap(), network);
            assert_ne!(random_hcnn(2, bits, percent).unwrap(), network);
        }
    }

    #[test]
    fn the_cifar_network_has_the_papers_multiplications() {
        for (hidden, last) in [(false, 512 * 10), (true, 512 * 256 + 256 * 10)] {
            let network = random_hcnn_cifar(1, 4, 2, 100, hidden).unwrap();
            let macs: u64 = op_counts(&network).iter().map(|ops| ops.macs).sum();
            let convolutions = 900 * 32 * 27 + 169 * 64 * 288 + 16 * 128 * 576;
            assert_eq!(macs, convolutions + last, "{hidden}");
        }
    }
}
