//! Memory for rows of residues, aligned for vectors.

use super::simd::{LANES, Lane};

/// N residues, as vectors.
pub type Row<'a> = &'a [[u64; LANES]];
/// As [`Row`], to be written.
pub type RowMut<'a> = &'a mut [[u64; LANES]];

/// A polynomial as rows: N residues for each of several primes.
#[derive(Debug, Clone, Default)]
pub struct Residues {
    lanes: Vec<Lane>,
    /// Vectors in a row.
    length: usize,
}

impl Residues {
    /// `rows` rows of zeros for polynomials with `degree` coefficients, a multiple of eight.
    pub fn zero(rows: usize, degree: usize) -> Self {
        let length = degree / LANES;
        Self {
            lanes: vec![Lane::default(); rows * length],
            length,
        }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.lanes.len().checked_div(self.length).unwrap_or(0)
    }

    /// One row.
    pub fn row(&self, index: usize) -> Row<'_> {
        vectors(&self.lanes[index * self.length..(index + 1) * self.length])
    }

    /// One row, to be written.
    pub fn row_mut(&mut self, index: usize) -> RowMut<'_> {
        vectors_mut(&mut self.lanes[index * self.length..(index + 1) * self.length])
    }

    /// All rows, to be written.
    pub fn rows_mut(&mut self) -> Vec<RowMut<'_>> {
        self.lanes
            .chunks_exact_mut(self.length.max(1))
            .map(vectors_mut)
            .collect()
    }

    /// The first row, to be written, and the second.
    pub fn split(&mut self) -> (RowMut<'_>, Row<'_>) {
        let (first, others) = self.lanes.split_at_mut(self.length);
        (vectors_mut(first), vectors(&others[..self.length]))
    }

    /// Keeps the first rows only.
    pub fn truncate(&mut self, rows: usize) {
        self.lanes.truncate(rows * self.length);
    }
}

/// A row of words, whose number is a multiple of eight.
pub const fn row_of(words: &[u64]) -> Row<'_> {
    words.as_chunks::<LANES>().0
}

const fn vectors(lanes: &[Lane]) -> Row<'_> {
    // SAFETY: a `Lane` is `repr(C)` with one field, eight words, and its size is theirs: 64 bytes, which is also its
    // alignment. So a slice of lanes is a slice of arrays of eight words, of the same length.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len()) }
}

const fn vectors_mut(lanes: &mut [Lane]) -> RowMut<'_> {
    // SAFETY: as `vectors`; the borrow is exclusive, and any words make a lane.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len()) }
}
