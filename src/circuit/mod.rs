//! Computations on ciphertexts, each described once. The engine executes a circuit; the choice of parameters follows its
//! noise, predicts its time and its memory; reports count its operations.
//!
//! A circuit has no keys, no residues and no parameters: which primes are dropped where comes from outside ([`levels`]).

mod counts;
mod pads;
mod rotation;

pub use counts::OpCounts;
pub(crate) use counts::moving;
pub use pads::PadPoint;
pub use rotation::SlotRotation;

use crate::network::{
    CropNetwork, LoweredLayer, LoweredOperation, Network, SparseMatrix, WeightedSums,
};
use std::collections::BTreeMap;

/// A position in a plaintext: the slot that takes a residue of a layer's matrix or of its bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Slot of the residue.
    pub slot: u32,
    /// Index of the entry in the matrix, or of the row in the bias.
    pub entry: u32,
}

/// A sum of products: the index of each ciphertext, with the plaintext that multiplies it.
pub type PlainProducts = Vec<(u32, Vec<Entry>)>;

/// A giant step: diagonals whose products are added to the sum so far, which is then rotated.
#[derive(Debug, Clone, PartialEq)]
pub struct Giant {
    /// Rotation of the sum so far.
    pub rotation: SlotRotation,
    /// Index of each baby step, with the plaintext that multiplies it.
    pub diagonals: PlainProducts,
}

/// An operation on the ciphertexts that the one before it made. The first operation reads the request.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Weighted sums of ciphertexts with integers, plus biases: one ciphertext for each sum.
    LinearCombination(WeightedSums),
    /// Squares every ciphertext: each square of values of n polynomials has 2n - 1.
    Squares,
    /// Sums the products of all ciphertexts, each with a plaintext of its own, and adds a plaintext: the last layer of
    /// crops.
    SumOfProducts {
        /// For each ciphertext, the plaintext's entries in the slots of one image. Every image has the same.
        products: Vec<Vec<Entry>>,
        /// The entries of the plaintext that is added, in the same slots.
        biases: Vec<Entry>,
    },
    /// Sums of products of ciphertexts and plaintexts: one ciphertext for each sum.
    PlainProducts(Vec<PlainProducts>),
    /// A matrix on the slots of one ciphertext: sums over baby steps of plaintext times rotated ciphertext, one for each
    /// giant step. The baby steps are hoisted: all of them share one decomposition. The giant steps follow Horner's rule:
    /// each adds its sum and rotates the total, so that steps of one length need one key.
    LinearTransform {
        /// Baby steps: rotations of the ciphertext.
        babies: Vec<SlotRotation>,
        /// Giant steps, in order.
        giants: Vec<Giant>,
    },
    /// Adds rotations of a ciphertext to it. They are hoisted.
    RotateAndSum(Vec<SlotRotation>),
    /// Drops primes of q, as many as the parameters say.
    ModSwitch,
    /// Makes ciphertexts under one plain prime of those of a request that serves several: multiplies each by an integer
    /// and drops primes of q. See [`Circuit::of_shared_upload`].
    FromShared,
    /// Adds a plaintext to each ciphertext.
    AddPlain(Vec<Vec<Entry>>),
    /// Squares every ciphertext and sums the squares: one ciphertext of three polynomials.
    SumOfSquares,
    /// Brings every ciphertext of three polynomials back to two.
    Relinearize,
}

/// The operations of consecutive layers of a network between squares, or of a square.
#[derive(Debug, Clone, PartialEq)]
pub struct CircuitLayer {
    name: String,
    ops: Vec<Op>,
    layers: Vec<WeightedSums>,
    inputs: usize,
}

impl CircuitLayer {
    /// Makes a layer.
    pub const fn new(name: String, ops: Vec<Op>) -> Self {
        Self {
            name,
            ops,
            layers: Vec::new(),
            inputs: 0,
        }
    }

    /// Adds the layers to whose matrix the entries of the plaintexts refer. Together they read `inputs` values.
    #[must_use]
    pub fn with_matrix(mut self, layers: Vec<WeightedSums>, inputs: usize) -> Self {
        self.layers = layers;
        self.inputs = inputs;
        self
    }

    /// Makes a square: the last one of a circuit is not relinearised.
    pub fn square(name: String, is_last: bool) -> Self {
        let mut ops = vec![Op::SumOfSquares];
        if !is_last {
            ops.extend([Op::Relinearize, Op::ModSwitch]);
        }
        Self::new(name, ops)
    }

    /// Makes a square that is brought back to two polynomials and keeps its primes.
    pub fn relinearized_square(name: String) -> Self {
        Self::new(name, vec![Op::SumOfSquares, Op::Relinearize])
    }

    /// Returns the name: those of the network's layers.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the operations, in order.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Returns the layers to whose matrix the entries refer, the one that is applied first in front.
    pub fn linear_layers(&self) -> &[WeightedSums] {
        &self.layers
    }

    /// Computes the matrix modulo t to which the entries refer.
    pub fn matrix(&self, modulus: u64) -> SparseMatrix {
        let layers: Vec<&WeightedSums> = self.layers.iter().collect();
        SparseMatrix::new(&layers, self.inputs, modulus)
    }

    /// Returns the largest number of products with plaintexts that a result sums.
    pub fn products(&self) -> usize {
        let products = self.ops.iter().map(|op| match op {
            Op::PlainProducts(sums) => sums.iter().map(Vec::len).max().unwrap_or(0),
            Op::LinearTransform { giants, .. } => {
                giants.iter().map(|giant| giant.diagonals.len()).sum()
            }
            _ => 0,
        });
        products.max().unwrap_or(0)
    }
}

/// An operation and the ciphertexts that it reads.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The operation.
    pub op: &'a Op,
    /// Number of ciphertexts.
    pub ciphertexts: usize,
    /// Number of polynomials in each.
    pub polynomials: usize,
    /// Number of data primes.
    pub level: usize,
    /// Number of data primes after this operation and the [`Op::ModSwitch`] that follows it immediately, if one does.
    pub keep: usize,
}

impl Step<'_> {
    /// Returns the number of ciphertexts that the operation makes, and of polynomials in each.
    pub fn makes(&self) -> (usize, usize) {
        let (ciphertexts, polynomials) = (self.ciphertexts, self.polynomials);
        match self.op {
            Op::LinearCombination(sums) => (sums.len(), polynomials),
            Op::PlainProducts(sums) => (sums.len(), polynomials),
            Op::Squares => (ciphertexts, 2 * polynomials - 1),
            Op::SumOfProducts { .. } => (1, polynomials),
            Op::SumOfSquares => (1, 3),
            Op::Relinearize => (ciphertexts, 2),
            Op::LinearTransform { .. }
            | Op::RotateAndSum(_)
            | Op::AddPlain(_)
            | Op::ModSwitch
            | Op::FromShared => (ciphertexts, polynomials),
        }
    }
}

/// The computation of a network on ciphertexts.
#[derive(Debug, Clone, PartialEq)]
pub struct Circuit {
    elements: Vec<u32>,
    layers: Vec<CircuitLayer>,
}

/// Returns the numbers of data primes of the request, then after each operation that drops primes.
pub fn levels(data_primes: usize, drops: &[usize]) -> Vec<usize> {
    let mut levels = vec![data_primes];
    for &drop in drops {
        let level = levels.last().map_or(1, |level| level.saturating_sub(drop));
        levels.push(level.max(1));
    }
    levels
}

impl Circuit {
    /// Makes a circuit that reads `inputs` ciphertexts.
    pub fn new(inputs: usize, layers: Vec<CircuitLayer>) -> Self {
        Self {
            elements: (0..inputs as u32).collect(),
            layers,
        }
    }

    /// Returns the index of the value that each ciphertext of a request holds, among those of an image or of a crop.
    /// Values that nothing reads have no ciphertext.
    pub fn elements(&self) -> &[u32] {
        &self.elements
    }

    /// Makes the circuit of a network whose values have a ciphertext each. With `relinearize`, all squares but the last
    /// are brought back to two polynomials: sums and decryption take three, and nothing squares the last ones again.
    pub fn of_values(network: &Network, relinearize: bool) -> Self {
        let lowered = network.lower();
        let is_square = |layer: &LoweredLayer| matches!(layer.operation, LoweredOperation::Square);
        let last_square = lowered.iter().rposition(is_square);
        let layers = lowered.into_iter().enumerate();
        let layers = layers.map(|(index, layer)| {
            let mut ops = Vec::with_capacity(2);
            match layer.operation {
                LoweredOperation::Sums(sums) => ops.push(Op::LinearCombination(sums)),
                LoweredOperation::Square => {
                    ops.push(Op::Squares);
                    if relinearize && Some(index) != last_square {
                        ops.push(Op::Relinearize);
                    }
                }
            }
            CircuitLayer::new(layer.name, ops)
        });
        Self::new(network.input().shape.len(), layers.collect())
    }

    /// Drops the inputs and the values that nothing reads, such as the pixels at a border that strides leave out, or
    /// squares that a pool leaves out. This is for circuits of values; the noise of what stays does not change.
    #[must_use]
    pub fn without_unread(mut self) -> Self {
        let mut counts = vec![self.inputs()];
        counts.extend(self.outputs());
        // Which of the values after an operation are read, and the sums that read them, with those of its outputs that
        // stay.
        let mut read = vec![true; counts.last().copied().unwrap_or(0)];
        let mut reader: Option<(&mut WeightedSums, Vec<bool>)> = None;
        for (layer, &before) in self.layers.iter_mut().zip(&counts).rev() {
            for op in layer.ops.iter_mut().rev() {
                match op {
                    Op::LinearCombination(sums) => {
                        let stay = sums.staying(&read);
                        if let Some((reader, outputs)) = reader.take() {
                            *reader = reader.without(&outputs, &stay);
                        }
                        read = sums.reads(&stay, before);
                        reader = Some((sums, stay));
                    }
                    Op::SumOfProducts { .. } => read = vec![true; before],
                    _ => {}
                }
            }
        }
        if let Some((reader, outputs)) = reader.take() {
            *reader = reader.without(&outputs, &read);
        }
        let elements = self.elements.into_iter().zip(&read);
        let elements = elements
            .filter(|(_, read)| **read)
            .map(|(element, _)| element);
        self.elements = elements.collect();
        self
    }

    /// Makes the circuit of crops.
    pub fn of_crops(crops: &CropNetwork) -> Self {
        let mut circuit = Self::of_values(&crops.network, false);
        let positions = crops.position_count();
        let (planes, values) = (crops.network.classes(), crops.network.classes() * positions);
        let matrix = SparseMatrix::pattern(std::slice::from_ref(&crops.last), values);
        let mut products = vec![Vec::new(); planes];
        let mut biases = Vec::with_capacity(matrix.len());
        for logit in 0..matrix.len() {
            let first = logit * positions;
            for entry in matrix.row(logit) {
                let value = matrix.inputs()[entry] as usize;
                products[value / positions].push(Entry {
                    slot: (first + value % positions) as u32,
                    entry: entry as u32,
                });
            }
            // The client sums the positions, so one of them carries the bias.
            biases.push(Entry {
                slot: first as u32,
                entry: logit as u32,
            });
        }
        let ops = vec![Op::SumOfProducts { products, biases }];
        let layers = vec![crops.last.clone()];
        let last = CircuitLayer::new(crops.name.clone(), ops).with_matrix(layers, values);
        circuit.layers.push(last);
        circuit
    }

    /// Makes the circuit for a request that serves several plain primes: it begins with [`Op::FromShared`]. This is for
    /// layouts that rotate; own kernels of the others read such a request as they need it.
    #[must_use]
    pub fn of_shared_upload(mut self) -> Self {
        if let Some(first) = self.layers.first_mut() {
            first.ops.insert(0, Op::FromShared);
        }
        self
    }

    /// Returns the number of ciphertexts in a request.
    pub const fn inputs(&self) -> usize {
        self.elements.len()
    }

    /// Returns the layers, in order.
    pub fn layers(&self) -> &[CircuitLayer] {
        &self.layers
    }

    /// Returns the number of squares.
    pub fn squares(&self) -> usize {
        let ops = self.layers.iter().flat_map(|layer| &layer.ops);
        ops.filter(|op| matches!(op, Op::Squares | Op::SumOfSquares))
            .count()
    }

    /// Walks over the circuit: the operations of each layer, with what each reads. `levels` are the numbers of data
    /// primes of the request, then after each operation that drops primes; the last one holds for all that follow.
    pub fn walk<'a>(
        &'a self,
        levels: &'a [usize],
    ) -> impl Iterator<Item = (&'a CircuitLayer, Vec<Step<'a>>)> {
        let at = |index: usize| levels.get(index).or(levels.last()).copied().unwrap_or(1);
        let (mut ciphertexts, mut polynomials, mut switches) = (self.inputs(), 2, 0);
        self.layers.iter().map(move |layer| {
            let step = |(index, op): (usize, &'a Op)| {
                let level = at(switches);
                let drops_now = matches!(op, Op::ModSwitch | Op::FromShared);
                let switches_now =
                    drops_now || matches!(layer.ops.get(index + 1), Some(Op::ModSwitch));
                let step = Step {
                    op,
                    ciphertexts,
                    polynomials,
                    level,
                    keep: at(switches + usize::from(switches_now)),
                };
                (ciphertexts, polynomials) = step.makes();
                switches += usize::from(drops_now);
                step
            };
            (layer, layer.ops.iter().enumerate().map(step).collect())
        })
    }

    /// Returns the number of ciphertexts after each layer.
    pub fn outputs(&self) -> Vec<usize> {
        let walk = self.walk(&[]);
        walk.map(|(_, steps)| {
            let made = steps.last().map(Step::makes);
            made.map_or(0, |(ciphertexts, _)| ciphertexts)
        })
        .collect()
    }

    /// Returns the number of polynomials in each ciphertext of the result.
    pub fn polynomials(&self) -> usize {
        let steps = self.walk(&[]).flat_map(|(_, steps)| steps);
        let made = steps.last().map(|step| step.makes());
        made.map_or(2, |(_, polynomials)| polynomials)
    }

    /// Returns the circuit of the first `layers` layers, in which the last weighted sums are at most `outputs`.
    #[must_use]
    pub fn prefix(&self, layers: usize, outputs: usize) -> Self {
        let mut prefix = self.clone();
        prefix.layers.truncate(layers);
        let ops = prefix.layers.iter_mut().flat_map(|layer| &mut layer.ops);
        for op in ops.rev() {
            match op {
                Op::LinearCombination(sums) => {
                    sums.truncate(outputs);
                    break;
                }
                Op::Squares | Op::Relinearize => {}
                _ => break,
            }
        }
        prefix
    }

    /// Returns the largest magnitude of an integer weight in weighted sums.
    pub fn largest_weight(&self) -> u64 {
        let ops = self.layers.iter().flat_map(|layer| &layer.ops);
        let terms = ops.filter_map(|op| match op {
            Op::LinearCombination(sums) => Some(sums.outputs().flat_map(|(terms, _)| terms)),
            _ => None,
        });
        let weights = terms.flatten().map(|term| term.weight.unsigned_abs());
        weights.max().unwrap_or(0)
    }

    /// Returns the rotations for which the server needs keys, each with the largest number of data primes under which it
    /// is used.
    pub fn rotations(&self, levels: &[usize]) -> BTreeMap<SlotRotation, usize> {
        let mut levels_of: BTreeMap<SlotRotation, usize> = BTreeMap::new();
        for step in self.walk(levels).flat_map(|(_, steps)| steps) {
            let rotations: Vec<SlotRotation> = match step.op {
                Op::RotateAndSum(rotations) => rotations.clone(),
                Op::LinearTransform { babies, giants } => {
                    let giants = giants.iter().map(|giant| giant.rotation);
                    babies.iter().copied().chain(giants).collect()
                }
                _ => continue,
            };
            for rotation in rotations {
                let most = levels_of.entry(rotation).or_default();
                *most = step.level.max(*most);
            }
        }
        levels_of.remove(&SlotRotation::NONE);
        levels_of
    }

    /// Returns the largest number of data primes under which a ciphertext is relinearised; `None` if none is.
    pub fn relinearizes(&self, levels: &[usize]) -> Option<usize> {
        let steps = self.walk(levels).flat_map(|(_, steps)| steps);
        let relinearizes = steps.filter(|step| *step.op == Op::Relinearize);
        relinearizes.map(|step| step.level).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{
        NetworkLimits, random_hcnn, random_hcnn_cifar, random_images, random_network,
    };
    use num_bigint::BigInt;

    /// Evaluates a circuit of values in the clear.
    fn evaluate(circuit: &Circuit, image: &[i64]) -> Vec<BigInt> {
        let pixels = circuit.elements().iter().map(|&at| image[at as usize]);
        let mut values: Vec<BigInt> = pixels.map(BigInt::from).collect();
        for op in circuit.layers().iter().flat_map(CircuitLayer::ops) {
            values = match op {
                Op::LinearCombination(sums) => sums.evaluate(|input| &values[input]),
                Op::Squares => values.iter().map(|x| x * x).collect(),
                _ => values,
            };
        }
        values
    }

    #[test]
    fn what_nothing_reads_is_dropped_and_results_stay() {
        let mut dropped = 0;
        for seed in 0..200 {
            let network = random_network(seed, &NetworkLimits::default()).unwrap();
            let circuit = Circuit::of_values(&network, true).without_unread();
            dropped += network.input().shape.len() - circuit.inputs();
            let twin = crate::network::Twin::new(&network);
            for image in random_images(seed, &network, 2) {
                assert_eq!(
                    evaluate(&circuit, &image),
                    twin.logits(&image).unwrap(),
                    "{seed}"
                );
            }
            // Nothing is left to drop.
            assert_eq!(circuit.clone().without_unread(), circuit, "{seed}");
        }
        assert!(dropped > 0);
    }

    /// The strides of HCNN-MNIST leave out the last column and row of its 12 x 12 first squares, and so 784 - 625 pixels.
    /// HCNN-CIFAR reads 30 x 30 pixels of each colour, and 28 x 28 of its first squares.
    #[test]
    fn the_papers_networks_leave_out_their_borders() {
        let mnist = Circuit::of_values(&random_hcnn(1, 4, 100).unwrap(), false).without_unread();
        assert_eq!(mnist.inputs(), 25 * 25);
        assert!(mnist.outputs()[0].is_multiple_of(11 * 11));
        let cifar = Circuit::of_values(&random_hcnn_cifar(1, 1, 4, 100, false).unwrap(), false)
            .without_unread();
        assert_eq!(cifar.inputs(), 3 * 30 * 30);
        let first = cifar.outputs()[0];
        assert!(first.is_multiple_of(28 * 28), "{first}");
    }
}
