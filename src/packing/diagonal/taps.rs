//! A block of the request for each tap of the first layer, where the first tensor lies in blocks of channels.
//!
//! The first tensor lies where the layout puts it: a block of slots for each channel, with all its positions (and phases
//! of strides still to come), and copies of that for the rows and columns of a pool, in rows of slots and in several
//! ciphertexts. In each row, a block of the request holds what one tap of the first layer's kernel reads at all these
//! positions. A channel's block then takes the taps from all blocks of its row: as many rotations as blocks, the same
//! for all rows and ciphertexts.

use super::DiagonalError;
use super::grid::{ROTATIONS_MAX, at};
use super::place::{LinearRun, Place};
use super::stage::{Diagonals, KEY_COST, READS_MAX, Values, check_reads, refuse, split};
use crate::circuit::{Entry, Op, SlotRotation};
use crate::network::{Shape, SparseMatrix};
use crate::packing::index::Index;
use std::collections::{BTreeMap, BTreeSet};

/// The parts from which the first stage is made.
pub(super) struct TapStage<'a> {
    pub run: &'a LinearRun,
    pub matrix: &'a SparseMatrix,
    /// The image, and the first tensor.
    pub shapes: [Shape; 2],
    pub place: &'a Place,
    /// Rows and columns of the pool that follows the first square.
    pub pool: [usize; 2],
    /// The value of the first tensor in each slot of its ciphertexts.
    pub spread: &'a Values,
    pub slots: usize,
}

/// For each rotation and slot: the entry of the first ciphertext that has one, and its weight.
type TapProducts = BTreeMap<(SlotRotation, usize), (u32, Option<i64>)>;

/// A channel of the image, and a distance from a pooled position's first pixel, in rows and columns.
type PixelTap = (usize, [isize; 2]);

impl TapStage<'_> {
    fn tap(&self, value: usize, pixel: u32) -> PixelTap {
        let (_, place) = at(value, self.shapes[1]);
        let (channel, pixel) = at(pixel as usize, self.shapes[0]);
        let side = [self.shapes[0].height, self.shapes[0].width];
        let distance = |axis: usize| {
            let pool = self.pool[axis].cast_signed();
            // A stride beyond the image is never used.
            let stride = self.run.stride[axis].min(side[axis]).cast_signed();
            pixel[axis] - place[axis] / pool * pool * stride
        };
        (channel, [distance(0), distance(1)])
    }

    /// Packs the stage: returns the request's slots, and the operations.
    ///
    /// # Errors
    /// [`DiagonalError`] if the layer is no convolution, or a row of slots has fewer blocks than the kernel has taps.
    pub(super) fn pack(&self) -> Result<(Values, Vec<Op>), DiagonalError> {
        let (half, block) = (self.slots / 2, self.place.plane);
        let [layer] = self.run.layers.as_slice() else {
            return refuse("few uploads serve networks that begin with a single convolution");
        };
        if !self.run.spatial || !block.is_power_of_two() || block > half {
            return refuse(
                "few uploads serve convolutions whose channels take a power of two of slots",
            );
        }
        let values = self.spread.iter().flatten().flatten();
        check_reads(self.matrix, values.map(|value| value.get()))?;
        let blocks = half / block;
        let terms: Vec<_> = layer.outputs().map(|(terms, _)| terms).collect();
        let weight = |value: usize, pixel: u32| {
            let of = terms[value];
            let at = of.binary_search_by_key(&pixel, |term| term.input);
            at.ok().map(|at| of[at].weight)
        };

        let mut request: Values = Vec::with_capacity(self.spread.len());
        let mut products = TapProducts::new();
        let mut all_biases = Vec::with_capacity(self.spread.len());
        for values in self.spread {
            let mut pixels = vec![None; self.slots];
            let mut biases = Vec::new();
            for row in 0..2 {
                let slots = row * half..(row + 1) * half;
                let of_row = || {
                    slots
                        .clone()
                        .filter_map(|slot| Some((slot, values[slot]?.get())))
                };
                let reads = |value: usize| {
                    let entries = self.matrix.row(value);
                    entries.map(move |entry| (entry, self.matrix.inputs()[entry]))
                };
                let taps: BTreeSet<PixelTap> = of_row()
                    .flat_map(|(_, value)| {
                        reads(value).map(move |(_, pixel)| self.tap(value, pixel))
                    })
                    .collect();
                if taps.len() > blocks {
                    return refuse(format!(
                        "the first layer has {} taps, a row of slots {blocks} blocks",
                        taps.len()
                    ));
                }
                let number: BTreeMap<PixelTap, usize> = taps.into_iter().zip(0..).collect();
                for (slot, value) in of_row() {
                    for (entry, pixel) in reads(value) {
                        let number = number[&self.tap(value, pixel)];
                        let away = (number + blocks - slot % half / block) % blocks;
                        let rotation = SlotRotation::by(away * block, self.slots);
                        let there = &mut pixels[rotation.source(slot, self.slots)];
                        let pixel_there = Some(Index::new(pixel as usize));
                        if there.is_some() && *there != pixel_there {
                            return refuse("the first layer's taps differ between its channels");
                        }
                        *there = pixel_there;
                        let weight = weight(value, pixel);
                        let product = products.entry((rotation, slot));
                        if product.or_insert((entry as u32, weight)).1 != weight {
                            return refuse(
                                "the first layer's weights differ between its positions",
                            );
                        }
                    }
                    biases.push(Entry {
                        slot: slot as u32,
                        entry: value as u32,
                    });
                }
            }
            request.push(pixels);
            all_biases.push(biases);
        }
        let diagonals = self.diagonals(products, &request)?;
        let (babies, giants) = split(diagonals, self.slots, KEY_COST);
        let ops = vec![
            Op::LinearTransform { babies, giants },
            Op::ModSwitch,
            Op::AddPlain(all_biases),
        ];
        Ok((request, ops))
    }

    /// Sorts the products by rotation. All ciphertexts are multiplied by the same plaintexts, so what one does not read must
    /// not be there.
    fn diagonals(
        &self,
        products: TapProducts,
        request: &Values,
    ) -> Result<Diagonals, DiagonalError> {
        if products.len().saturating_mul(request.len()) > 2 * READS_MAX {
            return refuse("the first layer's ciphertexts are too many for few uploads");
        }
        let mut diagonals = Diagonals::new();
        for ((rotation, slot), (entry, weight)) in products {
            let source = rotation.source(slot, self.slots);
            for (values, pixels) in self.spread.iter().zip(request) {
                let pixel = pixels[source].map(|pixel| pixel.get() as u32);
                let read = values[slot].zip(pixel);
                let same = read.map(|(value, pixel)| self::same(self.matrix, value.get(), pixel));
                if pixel.is_some() && (same != Some(true) || weight.is_none()) {
                    return refuse("the first tensor's ciphertexts do not read the same taps");
                }
            }
            diagonals.entry(rotation).or_default().push(Entry {
                slot: slot as u32,
                entry,
            });
        }
        if diagonals.len() > ROTATIONS_MAX {
            return refuse("the first layer's taps are too many for few uploads");
        }
        Ok(diagonals)
    }
}

/// Tells whether a value reads a pixel.
fn same(matrix: &SparseMatrix, value: usize, pixel: u32) -> bool {
    let read = &matrix.inputs()[matrix.row(value)];
    read.binary_search(&pixel).is_ok()
}
