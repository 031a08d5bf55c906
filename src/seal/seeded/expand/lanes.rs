//! Blake2b's compression (RFC 7693) for messages of up to 64 bytes: one at a time, or one for each lane of a vector.

/// A Blake2b state, or the first half of a message block; the second half is always zero here.
pub(super) type Words = [u64; 8];

pub(super) const IV: Words = [
    0x6A09_E667_F3BC_C908,
    0xBB67_AE85_84CA_A73B,
    0x3C6E_F372_FE94_F82B,
    0xA54F_F53A_5F1D_36F1,
    0x510E_527F_ADE6_82D1,
    0x9B05_688C_2B3E_6C1F,
    0x1F83_D9AB_FB41_BD6B,
    0x5BE0_CD19_137E_2179,
];

/// Output bytes for each counter value, which is the size of SEAL's buffer.
pub(super) const OUTPUT_BYTES: u64 = 4096;

/// Builds the first words of Blake2b's parameter block: 64-byte digest, key length, fanout, depth and leaf length.
pub(super) const fn tree(key_bytes: u64, fanout: u64, depth: u64, leaf_bytes: u64) -> u64 {
    64 | key_bytes << 8 | fanout << 16 | depth << 24 | leaf_bytes << 32
}

/// Initial hash state of an output block, except for the block's number, which is XORed into the lower half of word 1.
const OUTPUT_STATE: Words = {
    let mut state = IV;
    state[0] ^= tree(0, 0, 0, 64);
    state[1] ^= OUTPUT_BYTES << 32;
    // Inner length.
    state[2] ^= 64 << 8;
    state
};

/// Vector width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lanes {
    /// Computes one block after the other.
    One,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Lanes {
    /// Lists every width that this processor supports, the best last.
    pub(super) fn available() -> impl DoubleEndedIterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let vectors = [
            is_x86_feature_detected!("avx2").then_some(Self::Avx2),
            is_x86_feature_detected!("avx512f").then_some(Self::Avx512),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let vectors = [];
        [Some(Self::One)].into_iter().chain(vectors).flatten()
    }

    pub(super) fn best() -> Self {
        Self::available().next_back().unwrap_or(Self::One)
    }

    /// Computes output blocks from a root hash: block i is the hash of the root with number i.
    pub(super) fn output(self, root: &Words, blocks: &mut [Words]) {
        match self {
            Self::One => one::output(root, blocks),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: every value comes from `available`, which has detected AVX2.
            Self::Avx2 => unsafe { avx2::output(root, blocks) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: every value comes from `available`, which has detected AVX-512F.
            Self::Avx512 => unsafe { avx512::output(root, blocks) },
        }
    }
}

/// A quarter of a round, on four words of the state.
macro_rules! mix {
    ($v:ident, $a:literal $b:literal $c:literal $d:literal, $x:expr, $y:expr) => {
        $v[$a] = add(add($v[$a], $v[$b]), $x);
        $v[$d] = rotate::<32, 32>(xor($v[$d], $v[$a]));
        $v[$c] = add($v[$c], $v[$d]);
        $v[$b] = rotate::<24, 40>(xor($v[$b], $v[$c]));
        $v[$a] = add(add($v[$a], $v[$b]), $y);
        $v[$d] = rotate::<16, 48>(xor($v[$d], $v[$a]));
        $v[$c] = add($v[$c], $v[$d]);
        $v[$b] = rotate::<63, 1>(xor($v[$b], $v[$c]));
    };
}

/// The rounds, each given by the order in which it takes the message words.
macro_rules! rounds {
    ($v:ident, $m:ident: $($a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal
        $i:literal $j:literal $k:literal $l:literal $n:literal $o:literal $p:literal $q:literal;)*) => {$(
        mix!($v, 0 4 8 12, $m[$a], $m[$b]);
        mix!($v, 1 5 9 13, $m[$c], $m[$d]);
        mix!($v, 2 6 10 14, $m[$e], $m[$f]);
        mix!($v, 3 7 11 15, $m[$g], $m[$h]);
        mix!($v, 0 5 10 15, $m[$i], $m[$j]);
        mix!($v, 1 6 11 12, $m[$k], $m[$l]);
        mix!($v, 2 7 8 13, $m[$n], $m[$o]);
        mix!($v, 3 4 9 14, $m[$p], $m[$q]);
    )*};
}

/// Defines the compression and the output in terms of what the calling module provides for its vectors: `Vector`,
/// `LANES`, `splat`, `from_words`, `to_words`, `add`, `xor`, and `rotate`, which takes a constant right rotation and
/// the equivalent left one.
macro_rules! blake2b {
    ($($feature:literal)?) => {
        /// Compresses a block in each lane, whose second half is zero, into a state. `count` includes the block's bytes.
        $(#[target_feature(enable = $feature)])?
        pub fn compress(
            state: &[Vector; 8],
            message: &[Vector; 8],
            count: u64,
            last: bool,
        ) -> [Vector; 8] {
            let mut v = [splat(0); 16];
            let mut m = [splat(0); 16];
            for i in 0..8 {
                v[i] = state[i];
                v[i + 8] = splat(IV[i]);
                m[i] = message[i];
            }
            v[12] = splat(IV[4] ^ count);
            v[14] = splat(if last { !IV[6] } else { IV[6] });
            rounds!(v, m:
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15;
                14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3;
                11 8 12 0 5 2 15 13 10 14 3 6 7 1 9 4;
                7 9 3 1 13 12 11 14 2 6 5 10 4 0 15 8;
                9 0 5 7 2 4 10 15 14 1 11 12 6 8 3 13;
                2 12 6 10 0 11 8 3 4 13 7 5 15 14 1 9;
                12 5 1 15 14 13 4 10 0 7 6 3 9 2 8 11;
                13 11 7 14 12 1 3 9 5 0 15 4 8 6 2 10;
                6 15 14 9 11 3 0 8 12 2 13 7 1 4 10 5;
                10 2 8 4 7 6 1 5 15 11 9 14 3 12 13 0;
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15;
                14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3;
            );
            let mut hash = [splat(0); 8];
            for i in 0..8 {
                hash[i] = xor(state[i], xor(v[i], v[i + 8]));
            }
            hash
        }

        $(#[target_feature(enable = $feature)])?
        pub(super) fn output(root: &Words, blocks: &mut [Words]) {
            let mut message = [splat(0); 8];
            let mut state = [splat(0); 8];
            for i in 0..8 {
                message[i] = splat(root[i]);
                state[i] = splat(OUTPUT_STATE[i]);
            }
            for (vector, blocks) in blocks.chunks_mut(LANES).enumerate() {
                let mut numbers = [0; LANES];
                for (lane, number) in numbers.iter_mut().enumerate() {
                    *number = (vector * LANES + lane) as u64;
                }
                state[1] = xor(splat(OUTPUT_STATE[1]), from_words(numbers));
                let hash = compress(&state, &message, 64, true);
                for (word, lanes) in hash.into_iter().enumerate() {
                    for (block, value) in blocks.iter_mut().zip(to_words(lanes)) {
                        block[word] = value;
                    }
                }
            }
        }
    };
}

pub(super) use one::compress;

mod one {
    use super::{IV, OUTPUT_STATE, Words};

    type Vector = u64;
    const LANES: usize = 1;

    const fn splat(word: u64) -> Vector {
        word
    }

    const fn from_words([word]: [u64; LANES]) -> Vector {
        word
    }

    const fn to_words(word: Vector) -> [u64; LANES] {
        [word]
    }

    const fn add(a: Vector, b: Vector) -> Vector {
        a.wrapping_add(b)
    }

    const fn xor(a: Vector, b: Vector) -> Vector {
        a ^ b
    }

    const fn rotate<const RIGHT: u32, const LEFT: u32>(a: Vector) -> Vector {
        a.rotate_right(RIGHT)
    }

    blake2b!();
}

/// Implements the vector operations of an instruction set with its intrinsics.
#[cfg(target_arch = "x86_64")]
macro_rules! vector {
    ($feature:literal, $vector:ident, $lanes:literal, $splat:ident, $add:ident, $xor:ident, $or:ident, $right:ident,
        $left:ident, $count:ident) => {
        use super::{IV, OUTPUT_STATE, Words};
        use std::arch::x86_64::{$add, $left, $or, $right, $splat, $vector, $xor};

        type Vector = $vector;
        const LANES: usize = $lanes;

        #[inline]
        #[target_feature(enable = $feature)]
        fn splat(word: u64) -> Vector {
            $splat(word.cast_signed())
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn from_words(words: [u64; LANES]) -> Vector {
            // SAFETY: both types have the same size, and every bit pattern is valid for either.
            unsafe { std::mem::transmute(words) }
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn to_words(words: Vector) -> [u64; LANES] {
            // SAFETY: both types have the same size, and every bit pattern is valid for either.
            unsafe { std::mem::transmute(words) }
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn add(a: Vector, b: Vector) -> Vector {
            $add(a, b)
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn xor(a: Vector, b: Vector) -> Vector {
            $xor(a, b)
        }

        /// Rotates each lane. The compiler emits a single instruction where the processor has one.
        #[inline]
        #[target_feature(enable = $feature)]
        fn rotate<const RIGHT: $count, const LEFT: $count>(a: Vector) -> Vector {
            $or($right::<RIGHT>(a), $left::<LEFT>(a))
        }

        blake2b!($feature);
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    vector!(
        "avx2",
        __m256i,
        4,
        _mm256_set1_epi64x,
        _mm256_add_epi64,
        _mm256_xor_si256,
        _mm256_or_si256,
        _mm256_srli_epi64,
        _mm256_slli_epi64,
        i32
    );
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    vector!(
        "avx512f",
        __m512i,
        8,
        _mm512_set1_epi64,
        _mm512_add_epi64,
        _mm512_xor_si512,
        _mm512_or_si512,
        _mm512_srli_epi64,
        _mm512_slli_epi64,
        u32
    );
}
