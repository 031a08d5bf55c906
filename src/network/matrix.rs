//! Consecutive linear layers merged into one sparse matrix modulo t.

use super::sums::WeightedSums;
use crate::modular::{multiply, residue, wide_residue};

/// A sparse matrix of residues, with a residue as the bias of each row. The positions of its entries depend only on the
/// layers, not on the modulus, so an entry may be zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparseMatrix {
    /// End of each row's entries.
    ends: Vec<usize>,
    inputs: Vec<u32>,
    weights: Vec<u64>,
    biases: Vec<u64>,
}

impl SparseMatrix {
    /// Computes the product of layers, with the first one applied first, on `inputs` values; the identity if there are
    /// none.
    pub fn new(layers: &[&WeightedSums], inputs: usize, modulus: u64) -> Self {
        let mut product: Option<Self> = None;
        for layer in layers {
            let next = Self::of(layer, modulus);
            product = Some(match product {
                None => next,
                Some(before) => next.after(&before, inputs, modulus),
            });
        }
        product.unwrap_or_else(|| Self {
            ends: (1..=inputs).collect(),
            inputs: (0..inputs as u32).collect(),
            weights: vec![1 % modulus; inputs],
            biases: vec![0; inputs],
        })
    }

    /// Computes the product of layers where only the positions of its entries matter: these are the same for any modulus.
    pub fn pattern(layers: &[WeightedSums], inputs: usize) -> Self {
        let layers: Vec<&WeightedSums> = layers.iter().collect();
        Self::new(&layers, inputs, 3)
    }

    /// Tells whether the product of layers may have more than `limit` entries, or take more than `limit`
    /// multiplications. The check itself takes no more time than that.
    pub fn exceeds(layers: &[&WeightedSums], limit: usize) -> bool {
        // Upper bound on the number of entries in each row.
        let mut entries: Option<Vec<usize>> = None;
        for layer in layers {
            let mut total = 0usize;
            let mut rows = Vec::with_capacity(layer.len());
            for (terms, _) in layer.outputs() {
                let row = match &entries {
                    None => terms.len(),
                    Some(before) => terms.iter().fold(0usize, |sum, term| {
                        sum.saturating_add(before[term.input as usize])
                    }),
                };
                total = total.saturating_add(row);
                rows.push(row);
            }
            if total > limit {
                return true;
            }
            entries = Some(rows);
        }
        false
    }

    fn of(sums: &WeightedSums, modulus: u64) -> Self {
        let mut made = Self {
            ends: Vec::with_capacity(sums.len()),
            inputs: Vec::with_capacity(sums.term_count()),
            weights: Vec::with_capacity(sums.term_count()),
            biases: Vec::with_capacity(sums.len()),
        };
        for (terms, bias) in sums.outputs() {
            for term in terms {
                made.inputs.push(term.input);
                made.weights.push(residue(i128::from(term.weight), modulus));
            }
            made.ends.push(made.inputs.len());
            made.biases.push(wide_residue(bias, modulus));
        }
        made
    }

    /// Computes the product that applies `before` first, then this matrix.
    fn after(&self, before: &Self, inputs: usize, modulus: u64) -> Self {
        let mut made = Self {
            ends: Vec::with_capacity(self.len()),
            inputs: Vec::new(),
            weights: Vec::new(),
            biases: Vec::with_capacity(self.len()),
        };
        let mut row: Vec<Option<u64>> = vec![None; inputs];
        let mut touched: Vec<u32> = Vec::new();
        for output in 0..self.len() {
            let mut bias = self.biases[output];
            for entry in self.row(output) {
                let (middle, weight) = (self.inputs[entry] as usize, self.weights[entry]);
                bias = (bias + multiply(weight, before.biases[middle], modulus)) % modulus;
                for inner in before.row(middle) {
                    let input = before.inputs[inner];
                    let product = multiply(weight, before.weights[inner], modulus);
                    let sum = &mut row[input as usize];
                    if sum.is_none() {
                        touched.push(input);
                    }
                    *sum = Some((sum.unwrap_or(0) + product) % modulus);
                }
            }
            touched.sort_unstable();
            for input in touched.drain(..) {
                made.inputs.push(input);
                made.weights
                    .push(row[input as usize].take().unwrap_or_default());
            }
            made.ends.push(made.inputs.len());
            made.biases.push(bias);
        }
        made
    }

    /// Multiplies by the residues of a vector and adds the biases: one residue for each row.
    pub fn multiply(&self, values: &[u64], modulus: u64) -> Vec<u64> {
        // So many products of 61-bit residues fit 128 bits, with a residue.
        const PIECE: usize = 32;
        let wide = u128::from(modulus);
        let product = |entry: usize| {
            u128::from(self.weights[entry]) * u128::from(values[self.inputs[entry] as usize])
        };
        let row = |output: usize| {
            let mut sum = u128::from(self.biases[output]);
            let entries = self.row(output);
            for start in entries.clone().step_by(PIECE) {
                let piece = start..entries.end.min(start + PIECE);
                sum = (sum + piece.map(product).sum::<u128>()) % wide;
            }
            (sum % wide) as u64
        };
        (0..self.len()).map(row).collect()
    }

    /// Returns the number of rows.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Tells whether there are no rows.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the range of a row's entries.
    pub fn row(&self, output: usize) -> std::ops::Range<usize> {
        let start = output.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[output]
    }

    /// Returns the column of each entry.
    pub fn inputs(&self) -> &[u32] {
        &self.inputs
    }

    /// Returns the residue of each entry.
    pub fn weights(&self) -> &[u64] {
        &self.weights
    }

    /// Returns the residue that is added to each row.
    pub fn biases(&self) -> &[u64] {
        &self.biases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{LoweredOperation, NetworkLimits, Twin, random_images, random_network};

    #[test]
    fn merged_layers_equal_the_twin() {
        let limits = NetworkLimits {
            max_squares: 0,
            max_bias_bits: 90,
            ..NetworkLimits::default()
        };
        for seed in 0..200 {
            let network = random_network(seed, &limits).unwrap();
            let lowered = network.lower();
            let layers: Vec<&WeightedSums> = lowered
                .iter()
                .filter_map(|layer| match &layer.operation {
                    LoweredOperation::Sums(sums) => Some(sums),
                    LoweredOperation::Square => None,
                })
                .collect();
            let t = [17, 65_537, (1 << 59) - 55][seed as usize % 3];
            let inputs = network.input().shape.len();
            let merged = SparseMatrix::new(&layers, inputs, t);
            for image in random_images(seed, &network, 3) {
                let logits = Twin::new(&network).logits(&image).unwrap();
                let image: Vec<u64> = image.iter().map(|&value| value as u64 % t).collect();
                let residues = merged.multiply(&image, t);
                let expected: Vec<u64> =
                    logits.iter().map(|logit| wide_residue(logit, t)).collect();
                assert_eq!(residues, expected, "seed {seed}");
            }
        }
    }
}
