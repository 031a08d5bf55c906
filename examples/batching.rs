//! Batching: one operation works on all slots at once, and rotations move values between slots.
//!
//! Sums 2048 squares with eleven rotations.
//!
//! `cargo run --example batching`

use sealquant::seal::{
    BatchEncoder, Context, Decryptor, Encryptor, Error, Evaluator, KeyGenerator, ParametersLiteral,
    Rotation, SecurityLevel, plain_modulus,
};

fn main() -> Result<(), Error> {
    // Batching needs a prime t = 1 mod 2N. A plaintext is then a matrix of 2 rows of N/2 slots.
    let degree = 4096;
    let row = degree / 2;
    let t = plain_modulus::batching(degree, &[18])?[0].value();
    let context = Context::from_literal(&ParametersLiteral::bfv_default(
        degree,
        t,
        SecurityLevel::Bits128,
    )?)?;

    // A Galois key costs as much memory as the relinearisation keys, so make keys only for the steps that are needed.
    let steps: Vec<i32> = (0..row.ilog2()).map(|power| 1 << power).collect();
    let rotations: Vec<Rotation> = steps.iter().map(|&step| Rotation::Rows(step)).collect();
    let mut generator = KeyGenerator::new(&context)?;
    let secret_key = generator.secret_key()?;
    let relin_keys = generator.create_relin_keys()?;
    let galois_keys = generator.create_galois_keys(&rotations)?;
    println!("{} Galois keys", galois_keys.count());

    // The first row holds -3, -2, ..., 3 over and over, the second row zeros.
    let values: Vec<i64> = (-3..=3).cycle().take(row).collect();
    let encoder = BatchEncoder::new(&context)?;
    let encryptor = Encryptor::symmetric(&context, &secret_key)?;
    let mut sum = encryptor.encrypt_symmetric(&encoder.encode_i64(&values)?)?;

    // The server squares all slots, then sums up the row by rotate-and-sum: after the rotation by 2^k, each slot holds
    // the sum of 2^(k+1) neighbours.
    let evaluator = Evaluator::new(&context)?;
    evaluator.square_inplace(&mut sum)?;
    evaluator.relinearize_inplace(&mut sum, &relin_keys)?;
    for &step in &steps {
        let rotated = evaluator.rotate_rows(&sum, step, &galois_keys)?;
        evaluator.add_inplace(&mut sum, &rotated)?;
    }

    let mut decryptor = Decryptor::new(&context, &secret_key)?;
    let slots = encoder.decode_i64(&decryptor.decrypt(&sum)?)?;
    let expected: i64 = values.iter().map(|value| value * value).sum();
    println!(
        "sum of {row} squares: {} (in the clear: {expected})",
        slots[0]
    );
    println!(
        "noise budget left: {} bits",
        decryptor.noise_budget_bits(&sum)?
    );
    assert!(
        slots[..row].iter().all(|&slot| slot == expected),
        "the sum is in every slot of the row"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() -> Result<(), super::Error> {
        super::main()
    }
}
