//! Packing with AVX-512, eight residues at a time. They take as many bytes as a residue has bits, so that each step starts
//! at a byte and has the same shifts.

use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_or_si512, _mm512_permutexvar_epi64, _mm512_set1_epi64,
    _mm512_sllv_epi64, _mm512_srlv_epi64,
};

/// Number of residues in a step.
const STEP: usize = 8;
/// Number of bytes that a step reads or writes. Those behind its residues belong to the next step.
const BYTES: usize = 64;
/// A shift by which nothing is left.
const AWAY: u64 = 64;

/// The widths that can be packed here: a word of 64 bits holds parts of at most three residues.
const PACKED: std::ops::RangeInclusive<u32> = 32..=61;
/// The widths that can be unpacked here: a step's residues end before its last word.
const UNPACKED: std::ops::RangeInclusive<u32> = 2..=61;

/// Packs the first residues if the processor has AVX-512 F, and returns how many: a multiple of eight.
pub(super) fn pack(residues: &[u64], width: u32, bytes: &mut [u8]) -> usize {
    if !PACKED.contains(&width) || !is_x86_feature_detected!("avx512f") {
        return 0;
    }
    let steps = steps(residues.len(), bytes.len(), width);
    // SAFETY: the processor has AVX-512 F.
    unsafe { pack_steps(&residues.as_chunks().0[..steps], width as usize, bytes) };
    steps * STEP
}

/// Unpacks the first residues like [`pack`].
pub(super) fn unpack(bytes: &[u8], width: u32, residues: &mut [u64]) -> usize {
    if !UNPACKED.contains(&width) || !is_x86_feature_detected!("avx512f") {
        return 0;
    }
    let steps = steps(residues.len(), bytes.len(), width);
    let residues = &mut residues.as_chunks_mut().0[..steps];
    // SAFETY: the processor has AVX-512 F.
    unsafe { unpack_steps(bytes, width as usize, residues) };
    steps * STEP
}

/// Returns the number of steps whose 64 bytes lie within the bytes.
const fn steps(residues: usize, bytes: usize, width: u32) -> usize {
    let starts = match bytes.checked_sub(BYTES) {
        Some(last) => last / width as usize + 1,
        None => 0,
    };
    let whole = residues / STEP;
    if whole < starts { whole } else { starts }
}

/// Makes a vector.
fn vector(words: [u64; 8]) -> __m512i {
    // SAFETY: both are 64 bytes, and any words make a vector.
    unsafe { std::mem::transmute::<[u64; 8], __m512i>(words) }
}

/// Takes a vector apart.
fn words(vector: __m512i) -> [u64; 8] {
    // SAFETY: as in `vector`.
    unsafe { std::mem::transmute::<__m512i, [u64; 8]>(vector) }
}

#[target_feature(enable = "avx512f")]
fn pack_steps(residues: &[[u64; STEP]], width: usize, bytes: &mut [u8]) {
    // Word j of a step starts within residue `first(j)`.
    let first = |j: usize| 64 * j / width;
    let parts = [0, 1, 2].map(|part| {
        let index = |j: usize| first(j) + part;
        let shift = |j: usize| {
            let start = index(j) * width;
            let shift = if part == 0 {
                64 * j - start
            } else {
                start - 64 * j
            };
            if index(j) < STEP { shift as u64 } else { AWAY }
        };
        let lanes = [0, 1, 2, 3, 4, 5, 6, 7];
        (
            vector(lanes.map(|j| index(j) as u64 % 8)),
            vector(lanes.map(shift)),
        )
    });
    let [(first, down), (second, up), (third, far)] = parts;
    for (step, residues) in residues.iter().enumerate() {
        let residues = vector(*residues);
        let low = _mm512_srlv_epi64(_mm512_permutexvar_epi64(first, residues), down);
        let middle = _mm512_sllv_epi64(_mm512_permutexvar_epi64(second, residues), up);
        let high = _mm512_sllv_epi64(_mm512_permutexvar_epi64(third, residues), far);
        let packed = words(_mm512_or_si512(_mm512_or_si512(low, middle), high));
        let bytes = &mut bytes[step * width..][..BYTES];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(packed) {
            *bytes = word.to_le_bytes();
        }
    }
}

#[target_feature(enable = "avx512f")]
fn unpack_steps(bytes: &[u8], width: usize, residues: &mut [[u64; STEP]]) {
    let lanes = [0, 1, 2, 3, 4, 5, 6, 7];
    let word = |i: usize| i * width / 64;
    let shift = |i: usize| (i * width % 64) as u64;
    let (first, second) = (
        vector(lanes.map(|i| word(i) as u64)),
        vector(lanes.map(|i| word(i) as u64 + 1)),
    );
    let (down, up) = (
        vector(lanes.map(shift)),
        vector(lanes.map(|i| 64 - shift(i))),
    );
    let mask = _mm512_set1_epi64(((1_u64 << width) - 1).cast_signed());
    for (step, residues) in residues.iter_mut().enumerate() {
        let bytes = &bytes[step * width..][..BYTES];
        let mut packed = [0; 8];
        for (word, bytes) in packed.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let packed = vector(packed);
        let low = _mm512_srlv_epi64(_mm512_permutexvar_epi64(first, packed), down);
        let high = _mm512_sllv_epi64(_mm512_permutexvar_epi64(second, packed), up);
        *residues = words(_mm512_and_si512(_mm512_or_si512(low, high), mask));
    }
}
