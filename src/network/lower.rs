//! A network lowered to the operations of an evaluator: sparse weighted sums and squares.

use super::{model::Network, steps::LayerStep, sums::WeightedSums};

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
        let steps = LayerStep::of(self);
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
