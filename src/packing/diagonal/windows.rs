//! The second stage by window, where the first layer needs no rotation.

use super::build::{Diagonals, rotate_and_sums, rotated, split};
use super::place::{LinearRun, Place, Slots};
use crate::circuit::{Entry, Op, SlotRotation};
use crate::network::SparseMatrix;
use crate::packing::index::Index;
use std::collections::BTreeSet;

/// The inputs of the second stage arranged by window, as the first stage puts them into slots.
///
/// A block of the first tensor holds one input of every window of the second tensor, and the block's slots are the
/// windows. Each copy of the second tensor's blocks sums over some of the inputs, which are repeated in the copy's
/// segment.
pub(super) struct Windows {
    /// Value in each slot.
    pub values: Vec<Option<Index>>,
    /// Inputs of each window.
    pub inputs: Vec<Vec<u32>>,
    /// Number of inputs in a segment.
    share: usize,
    /// Number of blocks in a segment, and number of slots in a block.
    blocks: usize,
    block: usize,
}

/// Arranges the first tensor's slots by the second tensor's windows, if these serve.
pub(super) fn windows(
    runs: &[LinearRun],
    places: &[Place],
    matrices: &[SparseMatrix],
    slots: usize,
) -> Option<Windows> {
    let after = places.get(1)?;
    // If the phases of the second tensor matter, it is not a row of windows.
    if places.len() > 2 && runs.get(1)?.spatial && runs.get(2)?.spatial {
        return None;
    }
    let (matrix, block) = (&matrices[1], after.block.max(1));
    let mut inputs: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); block];
    for (output, slot) in after.values.of.iter().enumerate() {
        if let Some(slot) = slot {
            inputs[slot.get() % block].extend(&matrix.inputs()[matrix.row(output)]);
        }
    }
    let inputs: Vec<Vec<u32>> = inputs
        .into_iter()
        .map(|inputs| inputs.into_iter().collect())
        .collect();
    let most = inputs.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let (segments, blocks) = (slots / after.values.period, after.values.period / block);
    let share = most.div_ceil(segments).next_power_of_two();
    if share > blocks {
        return None;
    }
    let values = (0..slots)
        .map(|slot| {
            let (at, position) = (slot / block, slot % block);
            let index = at / blocks * share + at % blocks % share;
            let input = inputs[position].get(index)?;
            Some(Index::new(*input as usize))
        })
        .collect();
    Some(Windows {
        values,
        inputs,
        share,
        blocks,
        block,
    })
}

impl Windows {
    pub(super) fn stage(&self, matrix: &SparseMatrix, after: &Slots, slots: usize) -> Vec<Op> {
        let mut diagonals = Diagonals::new();
        for (output, slot) in after.of.iter().enumerate() {
            let Some(slot) = slot.map(Index::get) else {
                continue;
            };
            let (block, position) = (slot / self.block, slot % self.block);
            let inputs = &self.inputs[position];
            for entry in matrix.row(output) {
                let index = inputs.partition_point(|&input| input < matrix.inputs()[entry]);
                let (segment, index) = (index / self.share, index % self.share);
                // The distance to the next block that holds the input.
                let distance = (index + self.share - block % self.share) % self.share;
                let past = block + distance >= self.blocks;
                let (to, rotation) = if after.period == slots {
                    // Past the end of the segment, take the last such block before that end; it may lie in the other
                    // row.
                    let from = block + distance - if past { self.share } else { 0 };
                    let rotation =
                        SlotRotation::between(from * self.block, block * self.block, slots);
                    (segment, rotation)
                } else {
                    // Past the end of the segment, the copy of the output in the previous segment sees the input.
                    let in_row = slots / 2 / after.period;
                    let first = segment - segment % in_row;
                    let back = if past { in_row - 1 } else { 0 };
                    let rotation = SlotRotation::by(distance * self.block, slots);
                    (first + (segment + back) % in_row, rotation)
                };
                let slot = (to * self.blocks + block) * self.block + position;
                diagonals.entry(rotation).or_default().push(Entry {
                    slot: slot as u32,
                    entry: entry as u32,
                });
            }
        }
        let sums = rotate_and_sums(after.period, slots, slots);
        rotated(Vec::new(), split(diagonals, slots, 0), sums, after, slots)
    }
}
