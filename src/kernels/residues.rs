//! Memory for rows of residues, aligned for vectors.

use super::simd::{LANES, Lane};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// N residues of one prime, as vectors.
pub type Row<'a> = &'a [[u64; LANES]];
/// N residues of one prime, as vectors, for writing.
pub type RowMut<'a> = &'a mut [[u64; LANES]];

/// A pool of memory for reuse: fresh memory costs as much as some kernels, because the system clears it page by page.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// Free memory, by its number of vectors.
    free: Arc<Mutex<BTreeMap<usize, Vec<Vec<Lane>>>>>,
}

impl Pool {
    /// Takes rows for polynomials with `degree` coefficients, a multiple of eight. Their content is unspecified.
    pub fn take(&self, rows: usize, degree: usize) -> Residues {
        let length = degree / LANES;
        let size = rows * length;
        // Memory that a thread left when it panicked is usable all the same.
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = free.get_mut(&size).and_then(Vec::pop);
        drop(free);
        let mut lanes = lanes.unwrap_or_default();
        lanes.resize(size, Lane::default());
        Residues {
            lanes,
            length,
            home: Some((self.clone(), size)),
        }
    }
}

/// A polynomial as rows: N residues for each of several primes.
#[derive(Debug, Default)]
pub struct Residues {
    lanes: Vec<Lane>,
    /// Number of vectors in a row.
    length: usize,
    /// Pool to which the memory returns, and the number of vectors for which it was taken.
    home: Option<(Pool, usize)>,
}

impl Drop for Residues {
    fn drop(&mut self) {
        if let Some((pool, size)) = self.home.take() {
            let mut free = pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.entry(size)
                .or_default()
                .push(std::mem::take(&mut self.lanes));
        }
    }
}

impl Residues {
    /// Makes `rows` rows of zeros for polynomials with `degree` coefficients, a multiple of eight.
    pub fn zero(rows: usize, degree: usize) -> Self {
        let length = degree / LANES;
        Self {
            lanes: vec![Lane::default(); rows * length],
            length,
            home: None,
        }
    }

    /// Interleaves polynomials of the same size: each row holds, for each vector position, the vectors of all
    /// polynomials.
    pub fn interleave(polynomials: &[Self]) -> Self {
        let first = polynomials.first();
        let rows = first.map_or(0, Self::rows);
        let length = first.map_or(0, |first| first.length);
        let mut lanes = Vec::with_capacity(polynomials.len() * rows * length);
        for at in 0..rows * length {
            lanes.extend(polynomials.iter().filter_map(|part| part.lanes.get(at)));
        }
        Self {
            lanes,
            length: polynomials.len() * length,
            home: None,
        }
    }

    /// Sets all rows to zero.
    pub fn clear(&mut self) {
        self.lanes.fill(Lane::default());
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.lanes.len().checked_div(self.length).unwrap_or(0)
    }

    /// Returns one row.
    pub fn row(&self, index: usize) -> Row<'_> {
        vectors(&self.lanes[index * self.length..(index + 1) * self.length])
    }

    /// Returns one row for writing.
    pub fn row_mut(&mut self, index: usize) -> RowMut<'_> {
        vectors_mut(&mut self.lanes[index * self.length..(index + 1) * self.length])
    }

    /// Returns all rows for writing.
    pub fn rows_mut(&mut self) -> Vec<RowMut<'_>> {
        self.lanes
            .chunks_exact_mut(self.length.max(1))
            .map(vectors_mut)
            .collect()
    }

    /// Returns the first row for writing, and the second row.
    pub fn split(&mut self) -> (RowMut<'_>, Row<'_>) {
        let (first, others) = self.lanes.split_at_mut(self.length);
        (vectors_mut(first), vectors(&others[..self.length]))
    }

    /// Keeps only the first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        self.lanes.truncate(rows * self.length);
    }
}

/// Views words, whose number is a multiple of eight, as a row.
pub const fn row_of(words: &[u64]) -> Row<'_> {
    words.as_chunks::<LANES>().0
}

const fn vectors(lanes: &[Lane]) -> Row<'_> {
    // SAFETY: a `Lane` is `repr(C)` with one field of eight words, and has their size: 64 bytes, which is also its
    // alignment. A slice of lanes is therefore a slice of arrays of eight words, of the same length.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len()) }
}

const fn vectors_mut(lanes: &mut [Lane]) -> RowMut<'_> {
    // SAFETY: as `vectors`; the borrow is exclusive, and any words make a lane.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len()) }
}
