//! The smallest use of BFV: computes 4(x² + 1)² for a number x that the server never sees.
//!
//! `cargo run --example bfv_basics`

use sealquant::seal::{
    Context, Decryptor, Encryptor, Error, Evaluator, KeyGenerator, ParametersLiteral, Plaintext,
    SecurityLevel,
};

fn main() -> Result<(), Error> {
    // Parameters. N sets the size of everything; t is the modulus of the plaintexts; q, here SEAL's default primes for
    // N, decides how much room there is for noise. All of this is public.
    let degree = 8192;
    let context = Context::from_literal(&ParametersLiteral::bfv_default(
        degree,
        12_289,
        SecurityLevel::Bits128,
    )?)?;

    // The client's keys. The secret key never leaves the client; the relinearisation keys go to the server.
    let mut generator = KeyGenerator::new(&context)?;
    let secret_key = generator.secret_key()?;
    let public_key = generator.create_public_key()?;
    let relin_keys = generator.create_relin_keys()?;

    // The client encrypts x: a constant polynomial.
    let x = 6;
    let encryptor = Encryptor::new(&context, &public_key)?;
    let mut decryptor = Decryptor::new(&context, &secret_key)?;
    let encrypted = encryptor.encrypt(&Plaintext::from_coefficients(&context, &[x])?)?;
    let fresh = decryptor.noise_budget_bits(&encrypted)?;
    println!("x = {x}, encrypted: noise budget {fresh} bits");

    // The server computes without any secret. A square has three polynomials; relinearising brings it back to two.
    let one = Plaintext::from_coefficients(&context, &[1])?;
    let four = Plaintext::from_coefficients(&context, &[4])?;
    let evaluator = Evaluator::new(&context)?;
    let mut result = evaluator.square(&encrypted)?;
    evaluator.relinearize_inplace(&mut result, &relin_keys)?;
    evaluator.add_plain_inplace(&mut result, &one)?;
    println!(
        "x² + 1: noise budget {} bits",
        decryptor.noise_budget_bits(&result)?
    );
    evaluator.square_inplace(&mut result)?;
    evaluator.relinearize_inplace(&mut result, &relin_keys)?;
    evaluator.multiply_plain_inplace(&mut result, &four)?;
    let left = decryptor.noise_budget_bits(&result)?;
    println!("4(x² + 1)²: noise budget {left} bits");
    assert!(
        0 < left && left < fresh,
        "every operation costs noise budget, and some must be left"
    );

    // The client decrypts. The result is 4(x² + 1)² modulo t.
    let decrypted = decryptor.decrypt(&result)?.coefficients()[0];
    println!("decrypted: {decrypted}");
    assert_eq!(decrypted, 4 * (x * x + 1).pow(2) % 12_289);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() -> Result<(), super::Error> {
        super::main()
    }
}
