//! Levels: a ciphertext sheds primes of q as its noise grows, which makes everything that follows cheaper.
//!
//! `cargo run --example levels`

use sealquant::seal::{
    BatchEncoder, Context, Decryptor, Encryptor, Error, Evaluator, KeyGenerator, ParametersLiteral,
    SecurityLevel, plain_modulus,
};

fn main() -> Result<(), Error> {
    let degree = 8192;
    let t = plain_modulus::batching(degree, &[20])?[0].value();
    let context = Context::from_literal(&ParametersLiteral::bfv_default(
        degree,
        t,
        SecurityLevel::Bits128,
    )?)?;
    let secret_key = KeyGenerator::new(&context)?.secret_key()?;
    let encoder = BatchEncoder::new(&context)?;
    let evaluator = Evaluator::new(&context)?;
    let mut decryptor = Decryptor::new(&context, &secret_key)?;

    let plain = encoder.encode_i64(&[3, -4])?;
    let encryptor = Encryptor::symmetric(&context, &secret_key)?;
    let mut encrypted = evaluator.square(&encryptor.encrypt_symmetric(&plain)?)?;
    for level in context.data_levels() {
        evaluator.mod_switch_to_inplace(&mut encrypted, level.parms_id)?;
        let budget = decryptor.noise_budget_bits(&encrypted)?;
        println!(
            "{} primes, {budget} bits of noise budget",
            level.coeff_modulus_size
        );
        if budget > 0 {
            let values = encoder.decode_i64(&decryptor.decrypt(&encrypted)?)?;
            assert_eq!(values[..2], [9, 16]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() -> Result<(), super::Error> {
        super::main()
    }
}
