//! Random networks of one well-known shape, to measure with.

use num_bigint::BigInt;

use super::{
    error::NetworkError,
    generate::SplitMix64,
    layer::{Layer, NamedLayer},
    model::{InputSpec, Network, NetworkLiteral},
    quantizer::InputQuantizer,
    shape::Shape,
};

/// HCNN-MNIST (Al Badawi et al.) on one-bit pixels: 1x28x28, two convolutions of 5x5 and stride 2 (5 and 50 channels) each
/// followed by squares, then 10 logits. About `nonzero_percent` of 100 weights are not zero; these are uniform over the
/// magnitudes that `weight_bits` bits (2 to 62) hold, the sign included. The same seed gives the same network. It
/// classifies nothing.
///
/// # Errors
/// [`NetworkError`] if the weights are wider than a network may have.
pub fn random_hcnn(
    seed: u64,
    weight_bits: u32,
    nonzero_percent: usize,
) -> Result<Network, NetworkError> {
    let mut random = SplitMix64::new(seed);
    let most = (1_usize << weight_bits.clamp(2, 62).saturating_sub(1)) - 1;
    let mut weights = |count: usize| -> Vec<i64> {
        (0..count)
            .map(|_| {
                let magnitude = random.between(1, most).cast_signed() as i64;
                match (
                    random.between(1, 100) <= nonzero_percent,
                    random.between(0, 1),
                ) {
                    (false, _) => 0,
                    (true, 0) => magnitude,
                    (true, _) => -magnitude,
                }
            })
            .collect()
    };
    let mut convolution = |in_channels: usize, out_channels: usize| Layer::Conv2d {
        in_channels,
        out_channels,
        kernel: [5, 5],
        stride: [2, 2],
        padding: [0, 0],
        weight: weights(out_channels * in_channels * 25),
        bias: vec![BigInt::from(1); out_channels],
        weight_scale: 1.0,
    };
    let (conv1, conv2) = (convolution(1, 5), convolution(5, 50));
    let linear = Layer::Linear {
        in_features: 800,
        out_features: 10,
        weight: weights(8000),
        bias: vec![BigInt::from(-1); 10],
        weight_scale: 1.0,
    };
    Network::new(NetworkLiteral {
        name: format!("random-hcnn-w{weight_bits}"),
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
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::random_hcnn;

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
}
