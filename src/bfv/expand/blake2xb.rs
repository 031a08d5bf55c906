//! The generator: for each counter a root hash of seed and counter, and 64 blocks of output from the root.

use super::lanes::{IV, Lanes, Words, compress};
use crate::bfv::Seed;

/// Bytes of output for each counter: SEAL's buffer.
const OUTPUT_BYTES: u64 = 4096;
/// Blocks of output for each counter.
pub(super) const BLOCKS: usize = 64;
const BUFFER: usize = 8 * BLOCKS;

/// The first words of Blake2b's parameter block: digest of 64 bytes, key length, fanout and depth; leaf length.
const fn tree(key_bytes: u64, fanout: u64, depth: u64, leaf_bytes: u64) -> u64 {
    64 | key_bytes << 8 | fanout << 16 | depth << 24 | leaf_bytes << 32
}

/// Where the hash of a block of output starts, but for its number, which goes to the lower half of the second word.
pub(super) const OUTPUT_STATE: Words = {
    let mut state = IV;
    state[0] ^= tree(0, 0, 0, 64);
    state[1] ^= OUTPUT_BYTES << 32;
    // Inner length.
    state[2] ^= 64 << 8;
    state
};

/// What of the generator does not depend on how much of its output has been given out.
struct Buffers {
    lanes: Lanes,
    /// The root hash after the seed, which is its key, before the counter.
    keyed: Words,
    counter: u64,
}

impl Buffers {
    /// The next buffer of SEAL's.
    fn next(&mut self, buffer: &mut [u64; BUFFER]) {
        let message = [self.counter, 0, 0, 0, 0, 0, 0, 0];
        let root = compress(&self.keyed, &message, 128 + 8, true);
        let (blocks, _) = buffer.as_chunks_mut::<8>();
        self.lanes.output(&root, blocks);
        self.counter += 1;
    }
}

/// SEAL's `Blake2xbPRNG`, as words.
pub(super) struct Blake2xb {
    buffers: Buffers,
    buffer: [u64; BUFFER],
    /// How many words of the buffer have been given out.
    used: usize,
}

impl Blake2xb {
    pub(super) fn new(seed: &Seed) -> Self {
        let mut state = IV;
        state[0] ^= tree(Seed::BYTES as u64, 1, 1, 0);
        state[1] ^= OUTPUT_BYTES << 32;
        Self {
            buffers: Buffers {
                lanes: Lanes::best(),
                // The key fills a block of 128 bytes.
                keyed: compress(&state, &seed.0, 128, false),
                counter: 0,
            },
            buffer: [0; BUFFER],
            used: BUFFER,
        }
    }

    /// The next words. Whole buffers are made in place.
    pub(super) fn fill(&mut self, words: &mut [u64]) {
        let left = (BUFFER - self.used).min(words.len());
        let (head, rest) = words.split_at_mut(left);
        head.copy_from_slice(&self.buffer[self.used..self.used + left]);
        self.used += left;
        let (whole, tail) = rest.as_chunks_mut::<BUFFER>();
        for buffer in whole {
            self.buffers.next(buffer);
        }
        for word in tail {
            *word = self.word();
        }
    }

    /// The next word.
    pub(super) fn word(&mut self) -> u64 {
        if self.used == BUFFER {
            self.buffers.next(&mut self.buffer);
            self.used = 0;
        }
        let word = self.buffer[self.used];
        self.used += 1;
        word
    }
}
