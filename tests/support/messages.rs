//! Fixed messages of each kind for small, insecure parameters, and ways to damage them.

mod engine;

use sealquant::engine::Contexts;
use sealquant::seal::{
    Ciphertext, Context, GaloisKeys, ParametersLiteral, PublicKey, RelinKeys, SecurityLevel, Seed,
    SeededCiphertext, SeededGaloisKeys, SeededPublicKey, SeededRelinKeys,
};
use sealquant::wire::{CHECKSUM_BYTES, HEADER_BYTES, Message};

/// A small generator with a fixed sequence (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

const DEGREE: usize = 16;
/// Primes of 30, 31 and 32 bits that are 1 mod 32.
const PRIMES: [u64; 3] = [1_073_741_441, 2_147_483_489, 4_294_966_657];

/// Builds parameters that are far too small to hide anything: for tests only.
fn parameters(degree: usize, primes: &[u64], plain_modulus: u64) -> Context {
    Context::from_literal(&ParametersLiteral {
        poly_modulus_degree: degree,
        coeff_modulus: primes.to_vec(),
        plain_modulus,
        security: SecurityLevel::None,
    })
    .unwrap()
}

/// Messages, and the contexts against which they are read.
pub struct World {
    pub context: Context,
    pub plan: Contexts,
    /// The messages with their names.
    pub messages: Vec<(&'static str, Vec<u8>)>,
}

/// Builds messages of all kinds, and some of a degree so small that zero bits fill up their bytes.
pub fn worlds() -> [World; 2] {
    let context = parameters(DEGREE, &PRIMES, 97);
    let plan = engine::plan(&context);
    let mut messages = messages(&context);
    messages.extend(engine::messages(&plan, &messages));
    let small = parameters(4, &PRIMES[1..], 97);
    let small_plan = Contexts::from_contexts(vec![small.clone()], 1, 1, false).unwrap();
    let mut padded = padded_messages(&small);
    let response = engine::compact_response(&small_plan, 1);
    padded.push(("padded_compact_response", response));
    [
        World {
            context,
            plan,
            messages,
        },
        World {
            plan: small_plan,
            messages: padded,
            context: small,
        },
    ]
}

fn limbs(random: &mut Random, degree: usize, polynomials: usize, primes: &[u64]) -> Vec<u64> {
    let mut limbs = Vec::new();
    for prime in primes.repeat(polynomials) {
        limbs.extend((0..degree).map(|_| random.next() % prime));
    }
    limbs
}

fn seed(random: &mut Random) -> Seed {
    Seed(std::array::from_fn(|_| random.next()))
}

/// Builds messages that need padding: four residues of 31 bits take 16 bytes less 4 bits.
fn padded_messages(context: &Context) -> Vec<(&'static str, Vec<u8>)> {
    let random = &mut Random(4);
    let level = context.data_levels()[0].parms_id;
    let primes = &PRIMES[1..2];
    let whole = limbs(random, 4, 2, primes);
    let first = limbs(random, 4, 1, primes);
    vec![
        (
            "padded_ciphertext",
            Ciphertext::from_limbs(context, level, 2, false, &whole)
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
        (
            "padded_seeded_ciphertext",
            SeededCiphertext::new(context, level, false, seed(random), first)
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
    ]
}

/// Builds a message of each kind of the BFV layer, with its name.
fn messages(context: &Context) -> Vec<(&'static str, Vec<u8>)> {
    let random = &mut Random(2026);
    let first = context.data_levels()[0].parms_id;
    let second = context.data_levels()[1].parms_id;
    let limbs = |random: &mut Random, polynomials, primes: usize| {
        limbs(random, DEGREE, polynomials, &PRIMES[..primes])
    };
    let fresh = limbs(random, 2, 2);
    let cubic = limbs(random, 3, 1);
    let parts: Vec<(Seed, Vec<u64>)> = (0..2)
        .map(|_| (seed(random), limbs(random, 1, 3)))
        .collect();
    let parts: Vec<(Seed, &[u64])> = parts.iter().map(|(s, l)| (*s, l.as_slice())).collect();
    let slot = limbs(random, 4, 3);
    vec![
        (
            "ciphertext",
            Ciphertext::from_limbs(context, first, 2, false, &fresh)
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
        (
            "ciphertext_size3_level0",
            Ciphertext::from_limbs(context, second, 3, true, &cubic)
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
        (
            "seeded_ciphertext",
            SeededCiphertext::new(context, first, false, seed(random), limbs(random, 1, 2))
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
        (
            "public_key",
            PublicKey::from_limbs(context, &slot[..slot.len() / 2])
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
        (
            "seeded_public_key",
            SeededPublicKey::new(context, parts[0].0, parts[0].1)
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
        (
            "relin_keys",
            RelinKeys::from_limbs(context, &[&slot])
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
        (
            "seeded_relin_keys",
            SeededRelinKeys::new(context, &[&parts])
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
        (
            "galois_keys",
            GaloisKeys::from_limbs(context, &[(3, &slot), (31, &slot)])
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
        (
            "seeded_galois_keys",
            SeededGaloisKeys::new(context, &[(9, &parts), (27, &parts)])
                .unwrap()
                .to_wire(context)
                .unwrap(),
        ),
    ]
}

/// Damages a message in one to three ways. Most results get a correct checksum, and often a correct length, so that the
/// checks behind these are reached.
pub fn damage(random: &mut Random, messages: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = messages[random.below(messages.len())].1.clone();
    for _ in 0..=random.below(3) {
        let length = bytes.len();
        match random.below(10) {
            0 if length > 0 => bytes[random.below(length)] ^= 1 << random.below(8),
            1 if length > 0 => bytes[random.below(length)] = random.next() as u8,
            2 => bytes.truncate(random.below(length + 1)),
            3 => {
                let extra = random.below(64);
                bytes.extend((0..extra).map(|_| random.next() as u8));
            }
            // Join the head of this message to the tail of another.
            4 => {
                let other = &messages[random.below(messages.len())].1;
                bytes.truncate(random.below(length + 1));
                bytes.extend(&other[random.below(other.len())..]);
            }
            // Repeat a piece.
            5 if length > 0 => {
                let start = random.below(length);
                let end = start + random.below((length - start).min(64) + 1);
                let piece = bytes[start..end].to_vec();
                let at = random.below(length);
                bytes.splice(at..at, piece);
            }
            // Change a number in the header to a small or to an arbitrary value.
            6 | 7 if length >= HEADER_BYTES => {
                let (at, width) =
                    [(24, 8), (32, 2), (34, 2), (36, 4), (40, 4), (44, 4)][random.below(6)];
                let value = match random.below(3) {
                    0 => random.next(),
                    1 => u64::MAX,
                    _ => random.below(5) as u64,
                };
                bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
            }
            // Write ones, as in a residue that is not below its prime.
            9 if length > HEADER_BYTES => {
                let start = HEADER_BYTES + random.below(length - HEADER_BYTES);
                let end = length.min(start + 4 + random.below(8));
                bytes[start..end].fill(0xFF);
            }
            // Change the kind or the form.
            8 if length >= HEADER_BYTES => bytes[6 + random.below(2)] = random.below(20) as u8,
            _ => {}
        }
    }
    if bytes.len() >= HEADER_BYTES + CHECKSUM_BYTES {
        if random.below(2) == 0 {
            let body = (bytes.len() - HEADER_BYTES - CHECKSUM_BYTES) as u64;
            bytes[24..32].copy_from_slice(&body.to_le_bytes());
        }
        if random.below(8) != 0 {
            let end = bytes.len() - CHECKSUM_BYTES;
            let digest = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
            bytes[end..].copy_from_slice(&digest.to_le_bytes());
        }
    }
    bytes
}
