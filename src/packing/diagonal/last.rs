//! The last stage: from the values that were squared last to slots that sum to the logits.

use super::DiagonalError;
use super::place::{Place, Slots};
use super::stage::{Diagonals, refuse};
use crate::circuit::{Entry, Giant, Op, SlotRotation};
use crate::network::SparseMatrix;
use crate::packing::index::Index;
use crate::packing::slot_map::SlotClasses;

/// Largest number of rotations that bring the values to the classes of a logit.
const CLASSES_MAX: usize = 64;
/// Largest number of ciphertexts in a response; with more, the layout is not worth it.
const RESPONSES_MAX: usize = 64;

/// Returns the classes of slots in which all logits are one ciphertext's, if there are: the rotations that they need
/// move whole blocks.
pub(super) fn classes(logits: usize, place: &Place, slots: usize) -> Option<SlotClasses> {
    let block = place.block.max(1);
    // With a period of 1, the trace would also sum over both rows.
    let period = (block * logits.div_ceil(2).next_power_of_two()).max(2);
    let fits = period <= slots / 2 && place.values.period <= slots / 2;
    (fits && period / block <= CLASSES_MAX).then_some(SlotClasses { block, period })
}

/// Builds the last stage: each copy of the values is multiplied for another logit.
pub(super) fn last_stage(
    matrix: &SparseMatrix,
    values: &Slots,
    slots: usize,
) -> Result<Vec<Op>, DiagonalError> {
    let copies = slots / values.period;
    let count = matrix.len().div_ceil(copies.max(1));
    if count > RESPONSES_MAX {
        return refuse(format!(
            "its {} results take {count} ciphertexts of the response: {RESPONSES_MAX} at most",
            matrix.len()
        ));
    }
    let (sums, biases) = (0..count)
        .map(|response| {
            let logits = response * copies..((response + 1) * copies).min(matrix.len());
            let mut weights = Vec::new();
            let mut biases = Vec::new();
            for (copy, logit) in logits.enumerate() {
                let base = copy * values.period;
                let entries = matrix.row(logit).filter_map(|entry| {
                    let slot = values.of[matrix.inputs()[entry] as usize]?;
                    Some(Entry {
                        slot: (base + slot.get()) as u32,
                        entry: entry as u32,
                    })
                });
                weights.extend(entries);
                biases.push(Entry {
                    slot: base as u32,
                    entry: logit as u32,
                });
            }
            (vec![(0, weights)], biases)
        })
        .unzip();
    Ok(vec![Op::PlainProducts(sums), Op::AddPlain(biases)])
}

/// Builds the last stage for logits in classes of slots: rotations by blocks bring each value to a slot of each logit.
pub(super) fn last_stage_of_classes(
    matrix: &SparseMatrix,
    values: &Slots,
    SlotClasses { block, period }: SlotClasses,
    slots: usize,
) -> Result<Vec<Op>, DiagonalError> {
    let in_row = period / block;
    let mut diagonals = Diagonals::new();
    let mut biases = Vec::with_capacity(matrix.len());
    for logit in 0..matrix.len() {
        let (row, at) = (logit / in_row * (slots / 2), logit % in_row);
        for entry in matrix.row(logit) {
            let Some(from) = values.of[matrix.inputs()[entry] as usize].map(Index::get) else {
                return refuse("a value that is read has no slot");
            };
            // The values repeat in both rows.
            let blocks = (values.period / block).min(in_row).max(1);
            let away = (from / block + in_row - at) % blocks;
            let slot = if values.period >= period {
                (from + values.period - away * block) % values.period
            } else {
                at * block + from % block
            };
            let rotation = SlotRotation::by(away * block, slots);
            diagonals.entry(rotation).or_default().push(Entry {
                slot: (row + slot) as u32,
                entry: entry as u32,
            });
        }
        biases.push(Entry {
            slot: (row + at * block) as u32,
            entry: logit as u32,
        });
    }
    let (babies, products): (Vec<_>, Vec<_>) = diagonals.into_iter().unzip();
    let giant = Giant {
        rotation: SlotRotation::NONE,
        diagonals: (0..).zip(products).collect(),
    };
    Ok(vec![
        Op::LinearTransform {
            babies,
            giants: vec![giant],
        },
        Op::AddPlain(vec![biases]),
    ])
}
