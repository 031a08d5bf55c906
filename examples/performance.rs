//! Performance: the time of each operation at three degrees, as medians on one thread in microseconds.
//!
//! This is a tour. The measured comparison with C++ is `cargo bench --bench bfv`.
//!
//! `cargo run --release --example performance`

use sealquant::seal::{
    BatchEncoder, Ciphertext, Context, Decryptor, Encryptor, Error, Evaluator, HEXL, KeyGenerator,
    ParametersLiteral, Plaintext, Rotation, SEAL_VERSION, SecurityLevel, plain_modulus,
};
use std::time::{Duration, Instant};

/// The amount of measuring.
#[derive(Clone, Copy)]
struct Effort {
    /// Number of calls of each operation.
    calls: usize,
    /// Time after which an operation is not called again.
    limit: Duration,
}

type Row = (&'static str, f64);

fn main() -> Result<(), Error> {
    run(Effort {
        calls: 101,
        limit: Duration::from_millis(500),
    })
}

fn run(effort: Effort) -> Result<(), Error> {
    println!(
        "SEAL {SEAL_VERSION}, HEXL {}",
        if HEXL { "on" } else { "off" }
    );
    let degrees = [4096, 8192, 16384];
    let columns = degrees
        .iter()
        .map(|&degree| measure(degree, effort))
        .collect::<Result<Vec<_>, _>>()?;
    println!(
        "{:28} {:>10} {:>10} {:>10}",
        "N", degrees[0], degrees[1], degrees[2]
    );
    for rows in columns[0].iter().zip(&columns[1]).zip(&columns[2]) {
        let ((a, b), c) = rows;
        println!("{:28} {:>10.1} {:>10.1} {:>10.1}", a.0, a.1, b.1, c.1);
        assert!(a.1 > 0.0 && b.1 > 0.0 && c.1 > 0.0);
    }
    Ok(())
}

/// Measures the median in microseconds, after one warm-up call.
fn median(effort: Effort, mut call: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    call()?;
    let start = Instant::now();
    let mut times = Vec::with_capacity(effort.calls);
    while times.is_empty() || (times.len() < effort.calls && start.elapsed() < effort.limit) {
        let before = Instant::now();
        call()?;
        times.push(before.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn measure(degree: usize, effort: Effort) -> Result<Vec<Row>, Error> {
    let t = plain_modulus::batching(degree, &[20])?[0].value();
    let context = Context::from_literal(&ParametersLiteral::bfv_default(
        degree,
        t,
        SecurityLevel::Bits128,
    )?)?;
    let mut generator = KeyGenerator::new(&context)?;
    let secret_key = generator.secret_key()?;
    let relin_keys = generator.create_relin_keys()?;
    // The step 3 has no key: it is composed of 4 and -1.
    let steps = [1, -1, 4].map(Rotation::Rows);
    let keys = generator.create_galois_keys(&[&steps[..], &[Rotation::Columns]].concat())?;
    let encoder = BatchEncoder::new(&context)?;
    let encryptor =
        Encryptor::with_both_keys(&context, &generator.create_public_key()?, &secret_key)?;
    let evaluator = Evaluator::new(&context)?;
    let mut decryptor = Decryptor::new(&context, &secret_key)?;

    let values: Vec<u64> = (0..degree as u64).collect();
    let plain = encoder.encode_u64(&values)?;
    let first = context.first_parms_id();
    let plain_ntt = evaluator.transform_plain_to_ntt(&plain, first)?;
    let a = encryptor.encrypt(&plain)?;
    let b = encryptor.encrypt_symmetric(&plain)?;
    let a_ntt = evaluator.transform_to_ntt(&a)?;
    let product = evaluator.multiply(&a, &b)?;

    // Destinations are reused, so that no operation allocates what the previous one has left.
    let mut out = Ciphertext::new()?;
    let mut out_plain = Plaintext::new()?;
    let mut slots = vec![0; degree];
    let mut rows: Vec<Row> = Vec::new();
    macro_rules! row {
        ($name:literal, $call:expr) => {
            rows.push(($name, median(effort, || $call)?))
        };
    }
    row!("encode", encoder.encode_u64_into(&values, &mut out_plain));
    row!("decode", encoder.decode_u64_into(&plain, &mut slots));
    row!(
        "encrypt, public key",
        encryptor.encrypt_into(&plain, &mut out)
    );
    row!(
        "encrypt, secret key",
        encryptor.encrypt_symmetric_into(&plain, &mut out)
    );
    row!("decrypt", decryptor.decrypt_into(&a, &mut out_plain));
    row!("negate", evaluator.negate_into(&a, &mut out));
    row!("add", evaluator.add_into(&a, &b, &mut out));
    row!("subtract", evaluator.sub_into(&a, &b, &mut out));
    row!(
        "add a plaintext",
        evaluator.add_plain_into(&a, &plain, &mut out)
    );
    row!(
        "subtract a plaintext",
        evaluator.sub_plain_into(&a, &plain, &mut out)
    );
    row!(
        "multiply by a plaintext",
        evaluator.multiply_plain_into(&a, &plain, &mut out)
    );
    row!(
        "the same, in NTT form",
        evaluator.multiply_plain_into(&a_ntt, &plain_ntt, &mut out)
    );
    row!("to NTT form", evaluator.transform_to_ntt_into(&a, &mut out));
    row!(
        "from NTT form",
        evaluator.transform_from_ntt_into(&a_ntt, &mut out)
    );
    row!(
        "plaintext to NTT form",
        evaluator.transform_plain_to_ntt_into(&plain, first, &mut out_plain)
    );
    row!("multiply", evaluator.multiply_into(&a, &b, &mut out));
    row!("square", evaluator.square_into(&a, &mut out));
    row!(
        "relinearise",
        evaluator.relinearize_into(&product, &relin_keys, &mut out)
    );
    row!(
        "rotate rows, a key",
        evaluator.rotate_rows_into(&a, 1, &keys, &mut out)
    );
    row!(
        "rotate rows, two keys",
        evaluator.rotate_rows_into(&a, 3, &keys, &mut out)
    );
    row!(
        "rotate columns",
        evaluator.rotate_columns_into(&a, &keys, &mut out)
    );
    row!(
        "switch to the next level",
        evaluator.mod_switch_to_next_into(&a, &mut out)
    );
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::{Duration, Effort, Error, run};

    #[test]
    fn the_example_runs() -> Result<(), Error> {
        run(Effort {
            calls: 1,
            limit: Duration::ZERO,
        })
    }
}
