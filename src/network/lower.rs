//! A network lowered to the operations of an evaluator: sparse weighted sums and squares.

use super::{
    layer::Layer,
    model::Network,
    steps::{LayerStep, Zeros},
    sums::WeightedSums,
};

/// One layer as an evaluator sees it, over flat data. Layers that only reshape (flatten) are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct LoweredLayer {
    /// Name of the layer.
    pub name: String,
    /// Operation that it computes.
    pub operation: LoweredOperation,
}

/// The operation of a lowered layer.
#[derive(Clone, Debug, PartialEq)]
pub enum LoweredOperation {
    /// Each output is a weighted sum of inputs plus a bias.
    Sums(WeightedSums),
    /// Each value is squared.
    Square,
}

impl Network {
    /// Lowers the network to sparse weighted sums and squares, in order.
    pub fn lower(&self) -> Vec<LoweredLayer> {
        self.lower_with(Zeros::Dropped)
    }

    /// Lowers the network like [`Network::lower`], with a term also for each weight that is zero: which terms there are
    /// then depends on the layers' shapes, not on the weights. There may be many more: see [`Network::all_terms`].
    pub(crate) fn lower_all(&self) -> Vec<LoweredLayer> {
        self.lower_with(Zeros::Kept)
    }

    /// Returns a bound on the number of terms of [`Network::lower_all`].
    pub(crate) fn all_terms(&self) -> u64 {
        let shapes = self.shapes().windows(2);
        let terms = self.layers().iter().zip(shapes).map(|(named, shapes)| {
            let of_output = match &named.layer {
                Layer::Conv2d {
                    in_channels,
                    kernel: [rows, columns],
                    ..
                } => in_channels.saturating_mul(*rows).saturating_mul(*columns),
                Layer::Linear { in_features, .. } => *in_features,
                Layer::SumPool { kernel, .. } => kernel[0].saturating_mul(kernel[1]),
                Layer::Square | Layer::Flatten => 0,
            };
            (of_output as u64).saturating_mul(shapes[1].len() as u64)
        });
        terms.fold(0, u64::saturating_add)
    }

    fn lower_with(&self, zeros: Zeros) -> Vec<LoweredLayer> {
        let steps = LayerStep::with(self, zeros);
        self.layers()
            .iter()
            .zip(steps)
            .filter_map(|(named, step)| {
                let operation = match step {
                    LayerStep::Affine(affine) => LoweredOperation::Sums(affine.weighted_sums()),
                    LayerStep::Square => LoweredOperation::Square,
                    LayerStep::Flatten => return None,
                };
                Some(LoweredLayer {
                    name: named.name.clone(),
                    operation,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{NetworkLimits, Twin, random_images, random_network};
    use num_bigint::BigInt;
    use proptest::prelude::*;

    fn evaluate(layers: &[LoweredLayer], image: &[i64]) -> Vec<BigInt> {
        let mut values: Vec<BigInt> = image.iter().map(|&x| BigInt::from(x)).collect();
        for layer in layers {
            values = match &layer.operation {
                LoweredOperation::Square => values.iter().map(|x| x * x).collect(),
                LoweredOperation::Sums(sums) => {
                    let mut terms = sums.outputs().flat_map(|(terms, _)| terms);
                    assert!(terms.all(|term| term.weight != 0));
                    sums.evaluate(|input| &values[input])
                }
            };
        }
        values
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_lowered_network_equals_the_twin(seed: u64) {
            let network = random_network(seed, &NetworkLimits::default()).unwrap();
            let lowered = network.lower();
            let twin = Twin::new(&network);
            for image in random_images(seed, &network, 3) {
                prop_assert_eq!(evaluate(&lowered, &image), twin.logits(&image).unwrap());
            }
        }
    }
}
