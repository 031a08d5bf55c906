//! How fast messages are written and read, beside memcpy of the same residues in the same run, on one core.
//!
//! ```sh
//! cargo run --release --no-default-features --features hexl,zstd --example wire_speed
//! ```
//!
//! MB/s of residues in memory (8 bytes each), and of the message in brackets. Medians.
#![allow(clippy::unwrap_used, missing_docs, reason = "an example")]

use sealquant::bfv::{
    Ciphertext, Context, Encryptor, KeyGenerator, ParametersLiteral, Plaintext, SecurityLevel,
    SeededCiphertext, coeff_modulus,
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

fn main() {
    for degree in [4096, 8192, 16384] {
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
        let secret = KeyGenerator::new(&context).unwrap().secret_key().unwrap();
        let seeded = Encryptor::symmetric(&context, &secret)
            .unwrap()
            .encrypt_symmetric_seeded(
                &context,
                &Plaintext::from_coefficients(&context, &[1]).unwrap(),
            )
            .unwrap();
        let whole = seeded.expand(&context).unwrap();
        let bytes = whole.to_wire(&context).unwrap();
        let seeded_bytes = seeded.to_wire(&context).unwrap();
        let limits = Limits::default();
        let mut target = vec![0_u64; whole.limbs().len()];
        let mut out = Vec::with_capacity(bytes.len());
        // Copy, write, read, read a seeded one, expand it: interleaved.
        let mut times: [Vec<f64>; 5] = Default::default();
        for _ in 0..ROUNDS {
            times[0].push(timed(|| {
                target.copy_from_slice(black_box(whole.limbs()));
                black_box(&target);
            }));
            times[1].push(timed(|| {
                out.clear();
                whole.write_to(&context, &mut out).unwrap()
            }));
            times[2].push(timed(|| {
                Ciphertext::from_wire(&context, &bytes, &limits).unwrap()
            }));
            times[3].push(timed(|| {
                SeededCiphertext::from_wire(&context, &seeded_bytes, &limits).unwrap()
            }));
            times[4].push(timed(|| seeded.expand(&context).unwrap()));
        }
        let [copy, write, read, read_seeded, expand] = times.map(median);
        let memory = 8.0 * whole.limbs().len() as f64 / 1e6;
        let rate = |what: &str, memory: f64, message: usize, seconds: f64| {
            println!(
                "N={degree} {what}: {:.0} MB/s ({:.0} MB/s of message)",
                memory / seconds,
                message as f64 / 1e6 / seconds
            );
        };
        println!("N={degree} memcpy: {:.0} MB/s", memory / copy);
        rate("write", memory, bytes.len(), write);
        rate("read", memory, bytes.len(), read);
        rate("read seeded", memory / 2.0, seeded_bytes.len(), read_seeded);
        rate("expand seed", memory, seeded_bytes.len(), expand);
    }
}
