//! Counts of the operations in each layer.

use num_bigint::BigInt;
use serde::Serialize;

use super::{arithmetic::Arithmetic, layer::Layer, model::Network, steps::LayerStep};

/// The operations of one layer for one image, counted with the actual weights.
///
/// In the batched layout, each of them is one operation on ciphertexts: `multiplications` by a plaintext, `additions`
/// of ciphertexts, `bias_additions` of a plaintext, and `squares` (each with a relinearisation).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LayerOps {
    /// Name of the layer.
    pub name: String,
    /// Multiply-accumulates of the dense layer, with zero weights and padding, as the literature counts them.
    pub macs: u64,
    /// Multiply-accumulates with a non-zero weight that read the image, not its padding.
    pub nonzero_macs: u64,
    /// Number of `nonzero_macs` whose weight is neither 1 nor -1.
    pub multiplications: u64,
    /// Additions or subtractions of two values: one less than the number of terms in each sum. Negations do not count.
    pub additions: u64,
    /// Number of values squared.
    pub squares: u64,
    /// Number of outputs with a non-zero bias.
    pub bias_additions: u64,
    /// Number of weights that are 0.
    pub zero_weights: u64,
    /// Number of all weights.
    pub weights: u64,
}

/// Counts the operations of each layer, in order.
pub fn op_counts(network: &Network) -> Vec<LayerOps> {
    let steps = LayerStep::of(network);
    let shapes = network.shapes().windows(2);
    let layers = network.layers().iter().zip(steps).zip(shapes);
    let count = |((named, step), shapes): ((&super::NamedLayer, LayerStep), &[super::Shape])| {
        let (input, output) = (shapes[0], shapes[1]);
        let windows = (output.height * output.width) as u64;
        let terms = if matches!(step, LayerStep::Affine(_)) {
            step.evaluate(&Counting, vec![Terms::default(); input.len()], 1)
        } else {
            Vec::new()
        };
        let all = terms.iter().map(|sum| sum.all).sum();
        let has_weights = named.layer.weight().is_some();
        let weights = named.layer.weight().unwrap_or_default();
        let biases = named.layer.bias().unwrap_or_default();
        LayerOps {
            name: named.name.clone(),
            macs: weights.len() as u64 * windows,
            nonzero_macs: if has_weights { all } else { 0 },
            multiplications: terms.iter().map(|sum| sum.products).sum(),
            additions: terms.iter().map(|sum| sum.all.saturating_sub(1)).sum(),
            squares: if matches!(named.layer, Layer::Square) {
                input.len() as u64
            } else {
                0
            },
            bias_additions: biases.iter().filter(|&b| *b != BigInt::ZERO).count() as u64 * windows,
            zero_weights: weights.iter().filter(|&&w| w == 0).count() as u64,
            weights: weights.len() as u64,
        }
    };
    layers.map(count).collect()
}

/// The number of terms in one sum.
#[derive(Clone, Copy, Default)]
struct Terms {
    all: u64,
    /// Terms whose weight is neither 1 nor -1.
    products: u64,
}

/// Arithmetic that counts the terms of sums instead of adding them.
struct Counting;

impl Arithmetic for Counting {
    type Value = Terms;
    type Sum = Terms;

    fn bias(&self, _: &BigInt) -> Terms {
        Terms::default()
    }

    fn mul_add(&self, sums: &mut [Terms], weight: i64, _: &[Terms]) {
        for sum in sums {
            sum.all += 1;
            sum.products += u64::from(weight.unsigned_abs() != 1);
        }
    }

    fn value(&self, sum: Terms) -> Terms {
        sum
    }

    fn square(&self, value: &Terms) -> Terms {
        *value
    }
}
