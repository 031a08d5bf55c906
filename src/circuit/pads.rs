//! The point at which a circuit can take over a layer that was computed beforehand on a pad.

use super::{Circuit, Entry, Op};

/// The place where the two halves of a pad meet: the first linear layer computes on the encrypted pad up to here, and its
/// last operation, which adds the biases as plaintexts, adds the rest of the result as well.
///
/// The layer is affine: W x + b = W r + (W (x - r) + b). Each slot that takes a bias holds one value of the result, so the
/// plaintexts of W (x - r) + b have the entries of the biases, and nothing after them can tell the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PadPoint<'a> {
    /// Number of operations of the first layer that come before, all of them linear and without biases.
    pub before: usize,
    /// For each ciphertext, the slot of each value of the layer's result.
    pub entries: &'a [Vec<Entry>],
}

impl Circuit {
    /// Returns where the halves of a pad meet; `None` if the first layer does not end with a plaintext addition, its only
    /// one. It does in the diagonal and few-uploads layouts.
    pub fn pad_point(&self) -> Option<PadPoint<'_>> {
        let (last, before) = self.layers.first()?.ops.split_last()?;
        let Op::AddPlain(entries) = last else {
            return None;
        };
        let is_linear = |op: &Op| match op {
            Op::PlainProducts(_)
            | Op::LinearTransform { .. }
            | Op::RotateAndSum(_)
            | Op::ModSwitch
            | Op::FromShared => true,
            // These add plaintexts, or are not linear.
            Op::LinearCombination(_)
            | Op::SumOfProducts { .. }
            | Op::AddPlain(_)
            | Op::Squares
            | Op::SumOfSquares
            | Op::Relinearize => false,
        };
        before.iter().all(is_linear).then_some(PadPoint {
            before: before.len(),
            entries,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use crate::circuit::{Circuit, CircuitLayer, Entry, Op};
    use crate::network::random_hcnn;
    use crate::packing::Packing;

    #[test]
    fn only_layouts_with_rotations_have_a_point() {
        let network = random_hcnn(3, 2, 60).unwrap();
        for packing in [
            Packing::diagonal(&network, 8192),
            Packing::few_uploads(&network, 8192),
        ] {
            let circuit = packing.unwrap().circuit;
            let point = circuit.pad_point().unwrap();
            let first = &circuit.layers()[0];
            assert_eq!(point.before + 1, first.ops().len());
            // Every value that the next layer squares has a slot.
            let rows = first.matrix(17).len();
            let entries = || point.entries.iter().flatten();
            assert!(entries().all(|entry| (entry.entry as usize) < rows));
            assert!(entries().count() > 0);
        }
        for circuit in [
            Packing::batched(&network, 8192, false).circuit,
            Packing::batched(&network, 8192, true).circuit,
            Packing::crops(&network, 8192).unwrap().circuit,
        ] {
            assert_eq!(circuit.pad_point(), None);
        }
    }

    #[test]
    fn a_layer_that_adds_or_multiplies_before_its_end_has_no_point() {
        let add = || Op::AddPlain(vec![vec![Entry { slot: 0, entry: 0 }]]);
        let circuit = |ops| Circuit::new(1, vec![CircuitLayer::new("first".to_owned(), ops)]);
        assert!(circuit(vec![Op::ModSwitch, add()]).pad_point().is_some());
        for ops in [
            vec![],
            vec![Op::ModSwitch],
            vec![add(), Op::ModSwitch],
            vec![add(), add()],
            vec![Op::SumOfSquares, add()],
        ] {
            assert!(circuit(ops).pad_point().is_none());
        }
    }
}
