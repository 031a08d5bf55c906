//! The generator: hashes seed and counter to a root, then derives 64 output blocks from each root.

use super::lanes::{IV, Lanes, OUTPUT_BYTES, Words, compress, tree};
use crate::seal::Seed;

/// Output blocks for each counter value.
pub(super) const BLOCKS: usize = 64;
const BUFFER: usize = 8 * BLOCKS;

/// The part of the generator that does not depend on how much output has been consumed.
struct Buffers {
    lanes: Lanes,
    /// State of the root hash after it has absorbed the seed (its key) and before the counter.
    keyed: Words,
    counter: u64,
}

impl Buffers {
    /// Fills SEAL's next buffer.
    fn next(&mut self, buffer: &mut [u64; BUFFER]) {
        let message = [self.counter, 0, 0, 0, 0, 0, 0, 0];
        let root = compress(&self.keyed, &message, 128 + 8, true);
        let (blocks, _) = buffer.as_chunks_mut::<8>();
        self.lanes.output(&root, blocks);
        self.counter += 1;
    }
}

/// SEAL's `Blake2xbPRNG`, producing 64-bit words.
pub(super) struct Blake2xb {
    buffers: Buffers,
    buffer: [u64; BUFFER],
    /// Number of words of the buffer that have been consumed.
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

    /// Fills `words` with the generator's next words. Whole buffers are generated in place.
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

    /// Returns the next word.
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
