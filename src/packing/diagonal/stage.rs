//! The parts of a stage: diagonals as baby and giant steps, rotate-and-sums, biases.

use super::DiagonalError;
use super::place::{Place, Slots};
use crate::circuit::{Entry, Giant, Op, SlotRotation};
use crate::network::SparseMatrix;
use crate::packing::index::Index;
use std::collections::{BTreeMap, BTreeSet};

/// Largest number of entries of a stage's plaintexts or of a product of layers. No network for which this layout is worth
/// it comes near it.
pub(super) const ENTRIES_MAX: usize = 1 << 24;
/// Largest number of pixels that the values of the first layer read, in all slots, with few uploads.
pub(super) const READS_MAX: usize = 1 << 21;
/// Relative costs of a baby step (hoisted: all of them share one decomposition) and of a giant step (it needs a
/// decomposition of its own).
const BABY_COST: usize = 40;
const GIANT_COST: usize = 140;
/// Relative cost of a key that travels, where that counts. Giant steps of one length need one.
pub(super) const KEY_COST: usize = 60;

/// The value in each slot of some ciphertexts.
pub(super) type Values = Vec<Vec<Option<Index>>>;

/// The entries of the plaintext that multiplies each rotation.
pub(super) type Diagonals = BTreeMap<SlotRotation, Vec<Entry>>;

/// Returns the error of a network that does not fit.
pub(super) fn refuse<T>(reason: impl Into<String>) -> Result<T, DiagonalError> {
    Err(DiagonalError {
        reason: reason.into(),
    })
}

/// Repeats values over the slots of as many ciphertexts as their period takes.
pub(super) fn repeat(values: &Slots, slots: usize) -> Values {
    let mut all = vec![None; values.period.max(slots)];
    for (value, first) in values.of.iter().enumerate() {
        if let Some(first) = first {
            for slot in (first.get()..all.len()).step_by(values.period) {
                all[slot] = Some(Index::new(value));
            }
        }
    }
    all.chunks(slots).map(<[_]>::to_vec).collect()
}

fn biases(values: &Slots, slots: usize) -> Vec<Entry> {
    let repeated = repeat(values, slots);
    let entry = |(slot, value): (usize, &Option<Index>)| {
        Some(Entry {
            slot: slot as u32,
            entry: (*value)?.get() as u32,
        })
    };
    let values = repeated.iter().flatten().enumerate();
    values.filter_map(entry).collect()
}

/// Returns the rotate-and-sum groups that make each slot the sum of all slots at a distance of a multiple of `from`,
/// modulo `to`.
///
/// A group sums four slots if they stay in a row, because three hoisted rotations cost less than two rotations with a
/// decomposition each. Otherwise it sums two.
pub(super) fn rotate_and_sums(mut from: usize, to: usize, slots: usize) -> Vec<Vec<SlotRotation>> {
    let mut groups = Vec::new();
    while from < to {
        let times = if 4 * from <= to.min(slots / 2) { 4 } else { 2 };
        groups.push(
            (1..times)
                .map(|k| SlotRotation::by(k * from, slots))
                .collect(),
        );
        from *= times;
    }
    groups
}

/// Refuses a first layer whose values read more pixels in all slots than few uploads are tried for.
pub(super) fn check_reads(
    first: &SparseMatrix,
    values: impl IntoIterator<Item = usize>,
) -> Result<(), DiagonalError> {
    let reads = values.into_iter().map(|value| first.row(value).len());
    let reads = reads.fold(0_usize, usize::saturating_add);
    if reads > READS_MAX {
        return refuse(format!(
            "the values of the first layer read {reads} pixels in all slots, more than the {READS_MAX} for which few \
             uploads are tried"
        ));
    }
    Ok(())
}

/// Builds a stage between squares, on values that repeat with their period.
///
/// If the output's period is below the input's, each copy of an output sums over different inputs, and a rotate-and-sum
/// then adds the copies. There are therefore no more diagonals than the smaller period has slots.
pub(super) fn rotated_stage(
    matrix: &SparseMatrix,
    before: &Place,
    after: &Slots,
    (slots, key_cost): (usize, usize),
) -> Result<Vec<Op>, DiagonalError> {
    let inputs = &before.pooled;
    let (period_in, period_out) = (inputs.period, after.period);
    let copies = slots / period_in.max(period_out).max(1);
    if matrix.inputs().len().saturating_mul(copies) > ENTRIES_MAX {
        return refuse(format!(
            "a matrix of {} entries, {copies} times in a ciphertext, is too large: {ENTRIES_MAX} entries at most",
            matrix.inputs().len()
        ));
    }
    let mut diagonals = Diagonals::new();
    for output in 0..matrix.len() {
        let Some(to) = after.of[output].map(Index::get) else {
            continue;
        };
        for entry in matrix.row(output) {
            let Some(from) = inputs.of[matrix.inputs()[entry] as usize].map(Index::get) else {
                return refuse("a value that is read has no slot");
            };
            let distance = (from + period_in * period_out - to) % period_in;
            let first = to + distance / period_out * period_out;
            for slot in
                (first % period_in.max(period_out)..slots).step_by(period_in.max(period_out))
            {
                let rotation = if period_in == slots {
                    SlotRotation::between(from, slot, slots)
                } else {
                    SlotRotation {
                        swap: false,
                        steps: distance % period_out,
                    }
                };
                diagonals.entry(rotation).or_default().push(Entry {
                    slot: slot as u32,
                    entry: entry as u32,
                });
            }
        }
    }
    Ok(rotated(
        rotate_and_sums(inputs.period, before.values.period.min(slots), slots),
        split(diagonals, slots, key_cost),
        rotate_and_sums(period_out, period_in, slots),
        after,
        slots,
    ))
}

/// Lists the operations of a stage between squares: a pool, a matrix, and a rotate-and-sum of what it gives.
pub(super) fn rotated(
    pool: Vec<Vec<SlotRotation>>,
    (babies, giants): (Vec<SlotRotation>, Vec<Giant>),
    sums: Vec<Vec<SlotRotation>>,
    after: &Slots,
    slots: usize,
) -> Vec<Op> {
    let mut ops: Vec<Op> = pool.into_iter().map(Op::RotateAndSum).collect();
    ops.push(Op::LinearTransform { babies, giants });
    ops.extend(sums.into_iter().map(Op::RotateAndSum));
    ops.extend([Op::ModSwitch, Op::AddPlain(vec![biases(after, slots)])]);
    ops
}

/// Splits the rotations into baby steps and giant steps, at the power of two that is cheapest if a key costs `key_cost`.
pub(super) fn split(
    diagonals: Diagonals,
    slots: usize,
    key_cost: usize,
) -> (Vec<SlotRotation>, Vec<Giant>) {
    if diagonals.is_empty() {
        // A matrix of zeros.
        let none = Giant {
            rotation: SlotRotation::NONE,
            diagonals: Vec::new(),
        };
        return (Vec::new(), vec![none]);
    }
    let parts = |rotation: SlotRotation, base: usize| {
        let baby = rotation.steps % base;
        let giant = SlotRotation {
            swap: rotation.swap,
            steps: rotation.steps - baby,
        };
        let baby = SlotRotation {
            swap: false,
            steps: baby,
        };
        (baby, giant)
    };
    // The longest first: each step but the last goes on to the next one.
    let steps = |giants: &BTreeSet<SlotRotation>| {
        let totals: Vec<SlotRotation> = giants.iter().rev().copied().collect();
        let next = totals
            .clone()
            .into_iter()
            .skip(1)
            .chain([SlotRotation::NONE]);
        let pairs = totals.into_iter().zip(next);
        pairs.map(|(of, next)| of.without(next, slots))
    };
    let cost = |base: usize| {
        let (babies, giants): (BTreeSet<SlotRotation>, BTreeSet<SlotRotation>) = diagonals
            .keys()
            .map(|&rotation| parts(rotation, base))
            .unzip();
        let moved = |rotations: &BTreeSet<SlotRotation>| {
            rotations
                .iter()
                .filter(|rotation| **rotation != SlotRotation::NONE)
                .count()
        };
        let keys = moved(&babies) + moved(&steps(&giants).collect());
        BABY_COST * moved(&babies) + GIANT_COST * moved(&giants) + key_cost * keys
    };
    let base = (0..slots.ilog2())
        .map(|log| 1 << log)
        .min_by_key(|&base| cost(base))
        .unwrap_or(1);
    let mut babies: Vec<SlotRotation> = Vec::new();
    let mut giants: BTreeMap<SlotRotation, Vec<(u32, Vec<Entry>)>> = BTreeMap::new();
    for (rotation, mut entries) in diagonals {
        let (baby, giant) = parts(rotation, base);
        for entry in &mut entries {
            entry.slot = giant.source(entry.slot as usize, slots) as u32;
        }
        let index = babies.iter().position(|known| *known == baby);
        let index = index.unwrap_or_else(|| {
            babies.push(baby);
            babies.len() - 1
        });
        giants
            .entry(giant)
            .or_default()
            .push((index as u32, entries));
    }
    let steps: Vec<SlotRotation> = steps(&giants.keys().copied().collect()).collect();
    let giants = giants.into_values().rev().zip(steps);
    let giants = giants
        .map(|(diagonals, rotation)| Giant {
            rotation,
            diagonals,
        })
        .collect();
    (babies, giants)
}
