//! Packs residues to the width of their prime, as a stream of bits that starts with the first residue's lowest bit.
//!
//! 64 residues of w bits are exactly w words. The bulk is therefore done in blocks, by a loop for each width that has
//! constant shifts. AVX-512 takes eight residues at a time.

#[cfg(target_arch = "x86_64")]
mod avx512;

/// Number of residues in a block.
pub(crate) const BLOCK: usize = 64;

/// Returns the number of bits of a prime.
pub(crate) const fn width(prime: u64) -> u32 {
    u64::BITS - prime.leading_zeros()
}

/// Tells whether all residues are below the prime. Without an early exit the compiler vectorises the pass.
pub(crate) fn all_below(residues: &[u64], prime: u64) -> bool {
    let mut valid = true;
    for &residue in residues {
        valid &= residue < prime;
    }
    valid
}

/// The reason why packed bytes are no residues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// Bits after the last residue are set.
    Padding,
    /// A number is not below the prime.
    Residue { index: usize, value: u64 },
}

/// Unpacks residues until the slice is full, and checks them.
pub(crate) fn unpack_checked(
    bytes: &[u8],
    prime: u64,
    residues: &mut [u64],
) -> Result<(), Invalid> {
    let width = width(prime);
    if !padding_is_zero(bytes, residues.len(), width) {
        return Err(Invalid::Padding);
    }
    unpack(bytes, width, residues);
    if all_below(residues, prime) {
        return Ok(());
    }
    let mut found = residues.iter().copied().enumerate();
    let (index, value) = found.find(|&(_, value)| value >= prime).unwrap_or_default();
    Err(Invalid::Residue { index, value })
}

/// Number of bytes that `count` residues of this width take; zero bits fill up the last byte.
pub(crate) const fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the shifts are constants only inside the caller's loop"
)]
fn pack_block<const WIDTH: usize>(residues: &[u64; BLOCK], bytes: &mut [u8]) {
    let (words, _) = bytes.as_chunks_mut::<8>();
    let mut word = 0_u64;
    let mut filled = 0_usize;
    let mut next = 0_usize;
    for &residue in residues {
        word |= residue << filled;
        filled += WIDTH;
        if filled >= 64 {
            words[next] = word.to_le_bytes();
            next += 1;
            filled -= 64;
            // Keep the bits that did not fit; there are none if the residue ended on the word boundary.
            word = if filled == 0 {
                0
            } else {
                residue >> (WIDTH - filled)
            };
        }
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the shifts are constants only inside the caller's loop"
)]
fn unpack_block<const WIDTH: usize>(bytes: &[u8], residues: &mut [u64; BLOCK]) {
    let (words, _) = bytes.as_chunks::<8>();
    let mask = u64::MAX >> (64 - WIDTH);
    for (index, residue) in residues.iter_mut().enumerate() {
        let bit = index * WIDTH;
        let (word, shift) = (bit / 64, bit % 64);
        let low = u64::from_le_bytes(words[word]) >> shift;
        *residue = if shift + WIDTH > 64 {
            (low | u64::from_le_bytes(words[word + 1]) << (64 - shift)) & mask
        } else {
            low & mask
        };
    }
}

/// Calls a function with a constant width for any width that a modulus can have, otherwise evaluates `$other`.
macro_rules! with_width {
    ($width:expr, $function:ident($from:expr, $to:expr), $other:expr, $($constant:literal)*) => {
        match $width {
            $($constant => $function::<$constant>($from, $to),)*
            _ => $other,
        }
    };
}

fn pack_blocks<const WIDTH: usize>(residues: &[[u64; BLOCK]], bytes: &mut [u8]) {
    for (block, bytes) in residues.iter().zip(bytes.chunks_exact_mut(8 * WIDTH)) {
        pack_block::<WIDTH>(block, bytes);
    }
}

fn unpack_blocks<const WIDTH: usize>(bytes: &[u8], residues: &mut [[u64; BLOCK]]) {
    for (block, bytes) in residues.iter_mut().zip(bytes.chunks_exact(8 * WIDTH)) {
        unpack_block::<WIDTH>(bytes, block);
    }
}

/// Packs residues of `width` bits, 1 to 64, into [`packed_bytes`] bytes.
pub(crate) fn pack(residues: &[u64], width: u32, bytes: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    let (residues, bytes) = {
        let done = avx512::pack(residues, width, bytes);
        let packed = done / 8 * width as usize;
        (&residues[done..], &mut bytes[packed..])
    };
    let (blocks, tail) = residues.as_chunks::<BLOCK>();
    let (body, rest) = bytes.split_at_mut(blocks.len() * 8 * width as usize);
    with_width!(width, pack_blocks(blocks, body), pack_tail(blocks.as_flattened(), width, body),
        2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40
        41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61);
    pack_tail(tail, width, rest);
}

/// Unpacks residues until the slice is full.
pub(crate) fn unpack(bytes: &[u8], width: u32, residues: &mut [u64]) {
    #[cfg(target_arch = "x86_64")]
    let (bytes, residues) = {
        let done = avx512::unpack(bytes, width, residues);
        let packed = done / 8 * width as usize;
        (&bytes[packed..], &mut residues[done..])
    };
    let (blocks, tail) = residues.as_chunks_mut::<BLOCK>();
    let (body, rest) = bytes.split_at(blocks.len() * 8 * width as usize);
    with_width!(width, unpack_blocks(body, blocks), unpack_tail(body, width, blocks.as_flattened_mut()),
        2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40
        41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61);
    unpack_tail(rest, width, tail);
}

/// Tells whether the bits after the last residue are zero.
pub(crate) fn padding_is_zero(bytes: &[u8], count: usize, width: u32) -> bool {
    let used = count * width as usize % 8;
    used == 0 || bytes.last().is_none_or(|&last| last >> used == 0)
}

fn pack_tail(residues: &[u64], width: u32, bytes: &mut [u8]) {
    let mut accumulator = 0_u128;
    let mut filled = 0;
    let mut bytes = bytes.iter_mut();
    for &residue in residues {
        accumulator |= u128::from(residue) << filled;
        filled += width;
        while filled >= 8 {
            if let Some(byte) = bytes.next() {
                *byte = accumulator as u8;
            }
            accumulator >>= 8;
            filled -= 8;
        }
    }
    if filled > 0
        && let Some(byte) = bytes.next()
    {
        *byte = accumulator as u8;
    }
}

fn unpack_tail(bytes: &[u8], width: u32, residues: &mut [u64]) {
    let mask = (1_u128 << width) - 1;
    let mut accumulator = 0_u128;
    let mut filled = 0;
    let mut bytes = bytes.iter();
    for residue in residues {
        while filled < width {
            accumulator |= u128::from(bytes.next().copied().unwrap_or_default()) << filled;
            filled += 8;
        }
        *residue = (accumulator & mask) as u64;
        accumulator >>= width;
        filled -= width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn residues_survive(width in 1_u32..=64, count in 0_usize..300, seed: u64) {
            let mut state = seed | 1;
            let residues: Vec<u64> = (0..count)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state ^ (state >> 29)) & (u64::MAX >> (64 - width))
                })
                .collect();
            let mut bytes = vec![0xFF; packed_bytes(count, width)];
            pack(&residues, width, &mut bytes);
            // The blocks must produce the same stream as the plain loop.
            let mut plain = vec![0xFF; bytes.len()];
            pack_tail(&residues, width, &mut plain);
            prop_assert_eq!(&bytes, &plain);
            prop_assert!(padding_is_zero(&bytes, count, width));
            let mut again = vec![1; count];
            unpack(&bytes, width, &mut again);
            prop_assert_eq!(&again, &residues);
            let mut plain = vec![1; count];
            unpack_tail(&bytes, width, &mut plain);
            prop_assert_eq!(&plain, &residues);
        }
    }
}
