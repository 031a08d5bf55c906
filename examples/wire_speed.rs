//! Measures the speed of writing and reading messages beside memcpy of the same residues, in the same run on one core.
//!
//! ```sh
//! cargo run --release --no-default-features --features inference,hexl,zstd --example wire_speed
//! ```
//!
//! Shows MB/s of residues in memory (8 bytes each), and, in brackets, of the message. The values are medians.
#![allow(clippy::unwrap_used, missing_docs, reason = "an example")]

use sealquant::seal::{
    Ciphertext, Compression, Context, Encryptor, KeyGenerator, ParametersLiteral, Plaintext,
    SecurityLevel, SeededCiphertext, SeededRelinKeys, coeff_modulus,
};
use sealquant::wire::{Limits, Message};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 201;

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64()
}

/// A measurement: its name, the bytes it makes or takes in memory and on the wire, and its time.
struct Row {
    name: &'static str,
    memory: usize,
    message: usize,
    seconds: Vec<f64>,
}

impl Row {
    fn new(name: &'static str, memory: usize, message: usize) -> Self {
        Self {
            name,
            memory,
            message,
            seconds: Vec::new(),
        }
    }

    fn print(self, degree: usize) {
        let seconds = median(self.seconds);
        let rate = |bytes: usize| bytes as f64 / 1e6 / seconds;
        println!(
            "N={degree} {}: {:.0} MB/s ({:.0} MB/s of message)",
            self.name,
            rate(self.memory),
            rate(self.message)
        );
    }
}

fn main() {
    for degree in [4096, 8192, 16384] {
        measure(degree);
    }
}

fn measure(degree: usize) {
    let context = Context::from_literal(&ParametersLiteral {
        poly_modulus_degree: degree,
        coeff_modulus: coeff_modulus::bfv_default(degree, SecurityLevel::Bits128)
            .unwrap()
            .into_iter()
            .map(u64::from)
            .collect(),
        plain_modulus: 65_537,
        security: SecurityLevel::Bits128,
    })
    .unwrap();
    let mut generator = KeyGenerator::new(&context).unwrap();
    let encryptor = Encryptor::symmetric(&context, &generator.secret_key().unwrap()).unwrap();
    let plain = Plaintext::from_coefficients(&context, &[1]).unwrap();
    let seeded = encryptor
        .encrypt_symmetric_seeded(&context, &plain)
        .unwrap();
    let whole = seeded.expand(&context).unwrap();
    let keys = generator.create_relin_keys_seeded().unwrap();
    let whole_keys = keys.expand(&context).unwrap();
    let bytes = whole.to_wire(&context).unwrap();
    let seeded_bytes = seeded.to_wire(&context).unwrap();
    let key_bytes = keys.to_wire(&context).unwrap();
    let seals_bytes = encryptor
        .seal_bytes_symmetric(&plain, Compression::None)
        .unwrap();
    let limits = Limits::default();

    let memory = 8 * whole.limbs().len();
    let key_memory: usize = (0..whole_keys.parts(0))
        .map(|part| 8 * whole_keys.limbs(0, part).unwrap().len())
        .sum();
    let mut rows = [
        Row::new("memcpy", memory, bytes.len()),
        Row::new("write", memory, bytes.len()),
        Row::new("read", memory, bytes.len()),
        Row::new("read seeded", memory / 2, seeded_bytes.len()),
        Row::new("expand", memory, seeded_bytes.len()),
        Row::new("read seeded and expand", memory, seeded_bytes.len()),
        Row::new("SEAL's load, which expands", memory, seals_bytes.len()),
        Row::new(
            "read seeded relinearisation keys and expand",
            key_memory,
            key_bytes.len(),
        ),
    ];
    let mut target = vec![0_u64; whole.limbs().len()];
    let mut out = Vec::with_capacity(bytes.len());
    // Interleaved, so that other load on the machine affects all of them.
    for _ in 0..ROUNDS {
        let seconds = [
            timed(|| {
                target.copy_from_slice(black_box(whole.limbs()));
                black_box(&target);
            }),
            timed(|| {
                out.clear();
                whole.write_to(&context, &mut out).unwrap()
            }),
            timed(|| Ciphertext::from_wire(&context, &bytes, &limits).unwrap()),
            timed(|| SeededCiphertext::from_wire(&context, &seeded_bytes, &limits).unwrap()),
            timed(|| seeded.expand(&context).unwrap()),
            timed(|| {
                SeededCiphertext::from_wire(&context, &seeded_bytes, &limits)
                    .unwrap()
                    .expand(&context)
                    .unwrap()
            }),
            timed(|| Ciphertext::from_seal_bytes_trusted(&context, &seals_bytes).unwrap()),
            timed(|| {
                SeededRelinKeys::from_wire(&context, &key_bytes, &limits)
                    .unwrap()
                    .expand(&context)
                    .unwrap()
            }),
        ];
        for (row, seconds) in rows.iter_mut().zip(seconds) {
            row.seconds.push(seconds);
        }
    }
    for row in rows {
        row.print(degree);
    }
}
