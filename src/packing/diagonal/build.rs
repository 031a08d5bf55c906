//! Builds the layout of a network: first the slots of its values, then the diagonals between them.

use super::DiagonalError;
use super::grid::GridStages;
use super::last::{classes, last_stage, last_stage_of_classes};
use super::place::{LinearRun, Place, Tensor, cut, places};
use super::stage::{ENTRIES_MAX, KEY_COST, Values, refuse, repeat, rotated_stage};
use super::taps::TapStage;
use super::windows::{Windows, windows};
use crate::circuit::{Circuit, CircuitLayer, Entry, Op, PlainProducts};
use crate::network::{Layer, Network, Shape, SparseMatrix};
use crate::packing::index::Index;
use crate::packing::slot_map::SlotMap;
use std::collections::{BTreeMap, BTreeSet};

/// Largest number of ciphertexts in a request; with more, the layout is not worth it.
const UPLOADS_MAX: usize = 1024;
/// Limits on the terms of the network, on those with the weights that are zero, and on the products of a ciphertext of the
/// request. No network for which this layout is worth it comes near them.
const TERMS_MAX: u64 = 1 << 23;
const ALL_TERMS_MAX: u64 = 1 << 24;
const PRODUCTS_MAX: usize = 4096;

/// Packs one image into ciphertexts of `slots` slots, or into as few as can be with `few_uploads`.
///
/// # Errors
/// [`DiagonalError`] with the reason if the network does not fit.
#[expect(clippy::too_many_lines, reason = "one stage after the other")]
pub(in crate::packing) fn pack(
    network: &Network,
    slots: usize,
    few_uploads: bool,
) -> Result<(Circuit, SlotMap), DiagonalError> {
    if !(network.layers().iter()).any(|named| named.layer == Layer::Square) {
        return refuse("it squares nothing, so there is nothing to rotate for");
    }
    // Few uploads, and their rotations, depend on the network's shape alone, not on which weights are zero.
    let (terms, most) = if few_uploads {
        (network.all_terms(), ALL_TERMS_MAX)
    } else {
        (network.terms(), TERMS_MAX)
    };
    if terms > most {
        return refuse(format!(
            "its sums have {terms} terms, more than the {most} for which this layout is tried"
        ));
    }
    let lowered = if few_uploads {
        network.lower_all()
    } else {
        network.lower()
    };
    let (runs, tensors) = cut(network, lowered);
    check_size(&runs)?;
    let input = network.input().shape;
    let mut sizes = vec![input.len()];
    sizes.extend(tensors.iter().map(|tensor| tensor.shape.len()));
    let matrices: Vec<SparseMatrix> = runs
        .iter()
        .zip(&sizes)
        .map(|(run, &inputs)| SparseMatrix::pattern(&run.layers, inputs))
        .collect();
    let (Some(last), false) = (matrices.last(), tensors.is_empty()) else {
        return refuse("it squares nothing, so there is nothing to rotate for");
    };
    let needed = needed(&matrices[1..], &sizes[1..]);
    // Arrange the second stage's inputs by window, if that is possible.
    let placed = places(&runs, &tensors, &needed, slots, true).ok();
    let windows = placed
        .as_ref()
        .and_then(|places| windows(&runs, places, &matrices, slots));
    let places = match placed.filter(|_| windows.is_some()) {
        Some(places) => places,
        None => places(&runs, &tensors, &needed, slots, false)?,
    };
    let placed = Placed {
        runs: &runs,
        tensors: &tensors,
        matrices: &matrices,
        places: &places,
        windows: windows.as_ref(),
        slots,
    };
    let (uploads, first_stage, mut second_stage) = if few_uploads {
        placed.with_few_uploads(input)?
    } else {
        placed.with_an_upload_for_each_tap()?
    };
    let final_place = places.last().filter(|_| few_uploads);
    let classes = final_place.and_then(|place| classes(last.len(), place, slots));
    let mut first_stage = Some(first_stage);
    let mut circuit = Vec::with_capacity(2 * runs.len());
    let count = runs.len();
    for (index, run) in runs.into_iter().enumerate() {
        let mut layers = run.layers;
        let mut inputs = sizes[index];
        let ops = if let Some(ops) = first_stage.take() {
            ops
        } else if index + 1 == count {
            let place = &places[index - 1];
            match classes {
                Some(classes) => last_stage_of_classes(last, &place.values, classes, slots)?,
                None => last_stage(last, &place.values, slots)?,
            }
        } else {
            let (before, after) = (&places[index - 1], &places[index]);
            if let Some(ops) = second_stage.take() {
                ops
            } else {
                if before.values.period > before.pooled.period {
                    let pool = layers.remove(0);
                    inputs = pool.len();
                }
                rotated_stage(
                    &SparseMatrix::pattern(&layers, inputs),
                    before,
                    &after.values,
                    (slots, if few_uploads { KEY_COST } else { 0 }),
                )?
            }
        };
        let name = match tensors.get(index) {
            _ if !run.names.is_empty() => run.names.join(" + "),
            Some(tensor) => format!("before {}", tensor.square),
            None => "results".to_owned(),
        };
        circuit.push(CircuitLayer::new(name, ops).with_matrix(layers, inputs));
        if let Some(tensor) = tensors.get(index) {
            let square = match (index + 2 == count, classes) {
                (true, Some(_)) => CircuitLayer::relinearized_square(tensor.square.clone()),
                (is_last, _) => CircuitLayer::square(tensor.square.clone(), is_last),
            };
            circuit.push(square);
        }
    }
    let period = places.last().map_or(1, |place| place.values.period);
    let circuit = Circuit::new(uploads.len(), circuit);
    let slot_map = match classes {
        Some(classes) => SlotMap::with_classes(slots, uploads, classes, last.len()),
        None => SlotMap::new(slots, uploads, slots, period, last.len()),
    };
    Ok((circuit, slot_map))
}

/// Refuses networks whose matrices are too large for this layout to be tried.
fn check_size(runs: &[LinearRun]) -> Result<(), DiagonalError> {
    for run in runs {
        let layers: Vec<_> = run.layers.iter().collect();
        if SparseMatrix::exceeds(&layers, ENTRIES_MAX) {
            return refuse(format!(
                "the matrix of {} may have more than {ENTRIES_MAX} entries",
                run.names.join(" + ")
            ));
        }
    }
    Ok(())
}

/// Returns which values each matrix reads, of so many.
fn needed(matrices: &[SparseMatrix], sizes: &[usize]) -> Vec<Vec<bool>> {
    let reads = |(matrix, &size): (&SparseMatrix, &usize)| {
        let mut needed = vec![false; size];
        for &input in matrix.inputs() {
            needed[input as usize] = true;
        }
        needed
    };
    matrices.iter().zip(sizes).map(reads).collect()
}

/// A network whose tensors have their places.
struct Placed<'a> {
    runs: &'a [LinearRun],
    tensors: &'a [Tensor],
    matrices: &'a [SparseMatrix],
    places: &'a [Place],
    windows: Option<&'a Windows>,
    slots: usize,
}

/// The slots of the request, and the operations of the first stage and, if they depend on how that one is made, of the
/// second.
type Begun = (Values, Vec<Op>, Option<Vec<Op>>);

impl Placed<'_> {
    fn with_few_uploads(&self, image: Shape) -> Result<Begun, DiagonalError> {
        let shapes = [image, self.tensors[0].shape];
        if let (Some(windows), [first, second, ..]) = (self.windows, self.matrices) {
            let packed = GridStages {
                run: &self.runs[0],
                matrices: [first, second],
                shapes,
                places: self.places,
                windows: &windows.inputs,
                slots: self.slots,
            }
            .pack()?;
            return Ok((packed.request, packed.first, Some(packed.second)));
        }
        let (request, ops) = TapStage {
            run: &self.runs[0],
            matrix: &self.matrices[0],
            shapes,
            place: &self.places[0],
            pool: self.runs.get(1).and_then(|run| run.pool).unwrap_or([1, 1]),
            spread: &repeat(&self.places[0].values, self.slots),
            slots: self.slots,
        }
        .pack()?;
        Ok((request, ops, None))
    }

    fn with_an_upload_for_each_tap(&self) -> Result<Begun, DiagonalError> {
        let slots = self.slots;
        // The first tensor's values in the slots of one or several ciphertexts.
        let spread = match self.windows {
            Some(windows) => vec![windows.values.clone()],
            None => repeat(&self.places[0].values, slots),
        };
        let (uploads, ops) = first_stage(&self.matrices[0], &self.tensors[0], &spread, slots)?;
        let second =
            |windows: &Windows| windows.stage(&self.matrices[1], &self.places[1].values, slots);
        Ok((uploads, ops, self.windows.map(second)))
    }
}

/// Builds the first stage: the pixels that the client puts into each slot, and the plaintexts that multiply them.
fn first_stage(
    matrix: &SparseMatrix,
    tensor: &Tensor,
    spread: &[Vec<Option<Index>>],
    slots: usize,
) -> Result<(Values, Vec<Op>), DiagonalError> {
    let plane = (tensor.shape.height * tensor.shape.width).max(1);
    // The pixels that any channel reads at a position.
    let mut reads: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); plane];
    for output in 0..matrix.len() {
        reads[output % plane].extend(&matrix.inputs()[matrix.row(output)]);
    }
    let reads: Vec<Vec<u32>> = reads
        .into_iter()
        .map(|reads| reads.into_iter().collect())
        .collect();
    let most = reads.iter().map(Vec::len).max().unwrap_or(0);
    if most > UPLOADS_MAX {
        return refuse(format!(
            "a value of the first layer reads {most} pixels, each of which takes a ciphertext of the request: \
             {UPLOADS_MAX} at most"
        ));
    }
    let products = most.saturating_mul(spread.len());
    if products > PRODUCTS_MAX {
        return refuse(format!(
            "its first layer takes {products} products of a ciphertext of the request: {PRODUCTS_MAX} at most"
        ));
    }
    let mut uploads: Values = Vec::new();
    let mut sums: Vec<PlainProducts> = Vec::with_capacity(spread.len());
    let mut all_biases = Vec::with_capacity(spread.len());
    for values in spread {
        let mut biases = Vec::new();
        let mut of_pixel: Vec<usize> = Vec::with_capacity(most);
        for k in 0..most {
            let pixel = |value: Index| reads[value.get() % plane].get(k);
            let wanted = values.iter().map(|value| {
                let pixel = value.and_then(pixel);
                pixel.map(|&pixel| Index::new(pixel as usize))
            });
            let wanted: Vec<Option<Index>> = wanted.collect();
            of_pixel.push(upload(&mut uploads, wanted));
            if uploads.len() > UPLOADS_MAX {
                return refuse(format!(
                    "a request takes more than {UPLOADS_MAX} ciphertexts"
                ));
            }
        }
        let mut entries: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
        for (slot, value) in values.iter().enumerate().take(slots) {
            let Some(value) = value.map(Index::get) else {
                continue;
            };
            let read = &reads[value % plane];
            for entry in matrix.row(value) {
                let k = read.partition_point(|&pixel| pixel < matrix.inputs()[entry]);
                entries.entry(of_pixel[k]).or_default().push(Entry {
                    slot: slot as u32,
                    entry: entry as u32,
                });
            }
            biases.push(Entry {
                slot: slot as u32,
                entry: value as u32,
            });
        }
        let products = entries.into_iter();
        sums.push(
            products
                .map(|(upload, entries)| (upload as u32, entries))
                .collect(),
        );
        all_biases.push(biases);
    }
    if uploads.is_empty() {
        uploads.push(vec![None; slots]);
    }
    let ops = vec![
        Op::PlainProducts(sums),
        Op::ModSwitch,
        Op::AddPlain(all_biases),
    ];
    Ok((uploads, ops))
}

/// Returns the index of a request ciphertext with these pixels; reuses an existing one if it agrees.
fn upload(uploads: &mut Values, wanted: Vec<Option<Index>>) -> usize {
    let agrees = |there: &Vec<Option<Index>>| {
        there
            .iter()
            .zip(&wanted)
            .all(|(a, b)| a == b || a.is_none() || b.is_none())
    };
    if let Some(index) = uploads.iter().position(agrees) {
        for (there, wanted) in uploads[index].iter_mut().zip(wanted) {
            *there = there.or(wanted);
        }
        return index;
    }
    uploads.push(wanted);
    uploads.len() - 1
}
