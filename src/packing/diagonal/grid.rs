//! One ciphertext for the whole image: the first layer rotates, too.
//!
//! As with windows (see `build`), the slots of a block are the positions of the second tensor. A block of the request
//! holds a *version* of the image: at each position, the pixel at a fixed offset from the position's corner. Versions
//! lie on a grid by their offsets. The pixels of one tap of the first layer's kernel are therefore the same number of
//! blocks away from all results: there is one rotation for each tap, and a few more if channels share a grid.
//!
//! A result with an offset of (y, x) in its window lies in the block of the version at (S y, S x), with S the first
//! layer's stride. The channels of results share the two rows of slots, the copies of the grid in a row, and the S^2
//! blocks of an offset.

use super::DiagonalError;
use super::build::{
    Diagonals, KEY_COST, Values, check_reads, refuse, rotate_and_sums, rotated, split,
};
use super::place::{LinearRun, Place};
use crate::circuit::{Entry, Op, SlotRotation};
use crate::network::{Shape, SparseMatrix};
use crate::packing::index::Index;
use std::collections::BTreeMap;

/// Largest number of rotations of the request; with more, the layout is not worth it.
pub(super) const ROTATIONS_MAX: usize = 256;

/// The parts from which the stages before the second square are made.
pub(super) struct GridStages<'a> {
    pub run: &'a LinearRun,
    pub matrices: [&'a SparseMatrix; 2],
    /// The image, and the first tensor.
    pub shapes: [Shape; 2],
    pub places: &'a [Place],
    /// The values of the first tensor that are read at each position of the second one.
    pub windows: &'a [Vec<u32>],
    pub slots: usize,
}

/// The request's slots, and the operations of both stages.
pub(super) struct Packed {
    pub request: Values,
    pub first: Vec<Op>,
    pub second: Vec<Op>,
}

/// Rows and columns of an offset.
pub(super) type Offset = [isize; 2];

fn zip(a: Offset, b: Offset, with: impl Fn(isize, isize) -> isize) -> Offset {
    [with(a[0], b[0]), with(a[1], b[1])]
}

fn signed([y, x]: [usize; 2]) -> Offset {
    [y.cast_signed(), x.cast_signed()]
}

/// Returns the channel of a value in a tensor, and its row and column.
pub(super) fn at(index: usize, shape: Shape) -> (usize, Offset) {
    let (y, x) = (index / shape.width % shape.height, index % shape.width);
    (index / (shape.width * shape.height), signed([y, x]))
}

/// The blocks of versions and results.
struct VersionGrid {
    /// Number of copies in a row of slots.
    copies: usize,
    /// Least offset of a result, and least tap.
    results: Offset,
    taps: Offset,
    height: usize,
    width: usize,
}

impl GridStages<'_> {
    /// Returns the first layer's stride. One beyond the image is never used.
    fn stride(&self) -> Offset {
        let (image, [rows, columns]) = (self.shapes[0], self.run.stride);
        signed([rows.min(image.height), columns.min(image.width)])
    }

    /// Calls `f` for each value of the first tensor at each position at which it is read: with its channel and offset.
    fn for_each(&self, mut f: impl FnMut(usize, u32, usize, Offset)) {
        let after = &self.places[1];
        for (position, values) in self.windows.iter().enumerate() {
            let corner = self.corner(position, after);
            for &value in values {
                let (channel, place) = at(value as usize, self.shapes[1]);
                f(position, value, channel, zip(place, corner, |a, b| a - b));
            }
        }
    }

    /// Returns the row and column of the first tensor at which a position's window starts.
    fn corner(&self, position: usize, after: &Place) -> Offset {
        let place = signed([position / after.width, position % after.width]);
        zip(place, signed(self.places[0].phases), |a, b| a * b)
    }

    /// Returns the channel of a pixel, and its distance from a result's offset times the stride.
    fn tap(&self, pixel: u32, position: usize, offset: Offset) -> (usize, Offset) {
        let (channel, place) = at(pixel as usize, self.shapes[0]);
        let corner = zip(self.corner(position, &self.places[1]), offset, |a, b| a + b);
        let corner = zip(corner, self.stride(), |a, b| a * b);
        (channel, zip(place, corner, |a, b| a - b))
    }

    /// Returns a channel's row of slots, copy of the grid, and block of an offset.
    fn share(&self, channel: usize, copies: usize) -> (usize, usize, Offset) {
        let columns = self.stride()[1].unsigned_abs();
        let block = channel / (2 * copies);
        let block = signed([block / columns, block % columns]);
        (channel % 2, channel / 2 % copies, block)
    }

    /// Arranges the blocks for a number of copies.
    fn grid(&self, copies: usize) -> Option<VersionGrid> {
        let [rows, columns] = self.stride().map(isize::unsigned_abs);
        if self.shapes[1].channels > 2 * copies * rows * columns {
            return None;
        }
        let (mut results, mut taps) = (
            [[isize::MAX; 2], [isize::MIN; 2]],
            [[isize::MAX; 2], [isize::MIN; 2]],
        );
        let reach = |range: &mut [Offset; 2], offset: Offset| {
            range[0] = zip(range[0], offset, isize::min);
            range[1] = zip(range[1], offset, isize::max);
        };
        let first = self.matrices[0];
        self.for_each(|position, value, channel, offset| {
            let (_, _, block) = self.share(channel, copies);
            reach(&mut results, offset);
            for &pixel in &first.inputs()[first.row(value as usize)] {
                let (_, tap) = self.tap(pixel, position, offset);
                reach(&mut taps, zip(tap, block, |a, b| a - b));
            }
        });
        for range in [&mut results, &mut taps] {
            // Nothing is read: the weights of a layer are 0.
            if range[0][0] > range[1][0] {
                *range = [[0; 2]; 2];
            }
        }
        // The last result's block, and the farthest that a tap lies beyond it.
        let most = zip(results[1], results[0], |a, b| a - b);
        let most = zip(most, self.stride(), |a, b| (a + 1) * b - 1);
        let most = zip(most, zip(taps[1], taps[0], |a, b| a - b), |a, b| a + b);
        Some(VersionGrid {
            copies,
            results: results[0],
            taps: taps[0],
            height: most[0].unsigned_abs() + 1,
            width: (most[1].unsigned_abs() + 1).next_power_of_two(),
        })
    }

    /// Packs both stages.
    ///
    /// # Errors
    /// [`DiagonalError`] if the image does not fit a ciphertext in this way.
    pub(super) fn pack(&self) -> Result<Packed, DiagonalError> {
        let (half, after) = (self.slots / 2, &self.places[1]);
        let block = after.block.max(1);
        if !self.run.spatial || after.values.period > half {
            return refuse(
                "one upload serves convolutions whose results take half of a ciphertext's slots at most",
            );
        }
        let values = self.windows.iter().flatten();
        check_reads(self.matrices[0], values.map(|&value| value as usize))?;
        let planes = self.shapes[0].channels;
        let blocks = |grid: &VersionGrid| planes * grid.height * grid.width;
        let fits = |grid: &VersionGrid| grid.copies * blocks(grid) * block <= half;
        let most = half / (planes * block);
        let copies = most.checked_ilog2().map_or(0..0, |log| 0..log + 1);
        let copies = copies.rev().map(|log| 1 << log);
        let Some(grid) = copies.filter_map(|copies| self.grid(copies)).find(fits) else {
            return refuse(
                "the image does not fit one ciphertext with a version for each tap of the first layer",
            );
        };

        let first = self.matrices[0];
        let mut request = vec![None; self.slots];
        let (mut biases, mut diagonals) = (Vec::new(), Diagonals::new());
        let mut slot_of = BTreeMap::new();
        let mut agrees = true;
        self.for_each(|position, value, channel, offset| {
            let (row, copy, shift) = self.share(channel, grid.copies);
            let [y, x] = zip(offset, grid.results, |a, b| a - b);
            let [y, x] = zip(zip([y, x], self.stride(), |a, b| a * b), shift, |a, b| {
                a + b
            });
            let of_copy = copy * blocks(&grid) + y.unsigned_abs() * grid.width + x.unsigned_abs();
            let slot = row * half + of_copy * block + position;
            slot_of.insert((position, value), slot);
            biases.push(Entry {
                slot: slot as u32,
                entry: value,
            });
            for entry in first.row(value as usize) {
                let pixel = first.inputs()[entry];
                let (plane, tap) = self.tap(pixel, position, offset);
                let [y, x] = zip(zip(tap, shift, |a, b| a - b), grid.taps, |a, b| a - b);
                let away = (plane * grid.height + y.unsigned_abs()) * grid.width + x.unsigned_abs();
                let rotation = SlotRotation::by(away * block, self.slots);
                if !agrees || diagonals.len() > ROTATIONS_MAX {
                    return;
                }
                let pixel = Some(Index::new(pixel as usize));
                let there = &mut request[rotation.source(slot, self.slots)];
                agrees &= there.is_none() || *there == pixel;
                *there = pixel;
                diagonals.entry(rotation).or_default().push(Entry {
                    slot: slot as u32,
                    entry: entry as u32,
                });
            }
        });
        if !agrees || diagonals.len() > ROTATIONS_MAX {
            return refuse(
                "the first layer's taps are not at the same distances for all of its results",
            );
        }
        let (babies, giants) = split(diagonals, self.slots, KEY_COST);
        Ok(Packed {
            request: vec![request],
            first: vec![
                Op::LinearTransform { babies, giants },
                Op::ModSwitch,
                Op::AddPlain(vec![biases]),
            ],
            second: self.second(&slot_of)?,
        })
    }

    /// Builds the second stage. Each copy of a result, one for each period in both rows, sums over the inputs that the
    /// rotation by less than a period brings to it; a rotate-and-sum adds the copies.
    fn second(&self, slot_of: &BTreeMap<(usize, u32), usize>) -> Result<Vec<Op>, DiagonalError> {
        let (half, after) = (self.slots / 2, &self.places[1]);
        let (matrix, period) = (self.matrices[1], after.values.period);
        let mut diagonals = Diagonals::new();
        for (output, to) in after.values.of.iter().enumerate() {
            let Some(to) = to.map(Index::get) else {
                continue;
            };
            for entry in matrix.row(output) {
                let input = (to % after.block.max(1), matrix.inputs()[entry]);
                let Some(from) = slot_of.get(&input) else {
                    return refuse("a value that is read has no slot");
                };
                let distance = (from + period - to % period) % period;
                let slot = from - from % half + (from % half + half - distance) % half;
                let rotation = SlotRotation::by(distance, self.slots);
                diagonals.entry(rotation).or_default().push(Entry {
                    slot: slot as u32,
                    entry: entry as u32,
                });
            }
        }
        let sums = rotate_and_sums(period, self.slots, self.slots);
        Ok(rotated(
            Vec::new(),
            split(diagonals, self.slots, KEY_COST),
            sums,
            &after.values,
            self.slots,
        ))
    }
}
