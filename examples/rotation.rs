//! Rotation: slots move within their row, rows change places, and keys are made for exactly those steps that are used.
//!
//! `cargo run --example rotation`

use sealquant::seal::{
    BatchEncoder, Context, Decryptor, Encryptor, Error, Evaluator, KeyGenerator, ParametersLiteral,
    Rotation, SealErrorKind, SecurityLevel, plain_modulus,
};

fn main() -> Result<(), Error> {
    let degree = 8192;
    let row = degree / 2;
    let t = plain_modulus::batching(degree, &[20])?[0].value();
    let context = Context::from_literal(&ParametersLiteral::bfv_default(
        degree,
        t,
        SecurityLevel::Bits128,
    )?)?;
    let mut generator = KeyGenerator::new(&context)?;
    let secret_key = generator.secret_key()?;
    let keys = generator.create_galois_keys(&[
        Rotation::Rows(1),
        Rotation::Rows(-4),
        Rotation::Columns,
    ])?;

    // A matrix of two rows: 0, 1, 2, ... above, and 10000, 10001, ... below.
    let matrix: Vec<u64> = (0..row as u64).chain(10_000..10_000 + row as u64).collect();
    let encoder = BatchEncoder::new(&context)?;
    let encrypted = Encryptor::symmetric(&context, &secret_key)?
        .encrypt_symmetric(&encoder.encode_u64(&matrix)?)?;
    let evaluator = Evaluator::new(&context)?;
    let mut decryptor = Decryptor::new(&context, &secret_key)?;
    let mut show = |name: &str, ciphertext: &_| -> Result<Vec<u64>, Error> {
        let slots = encoder.decode_u64(&decryptor.decrypt(ciphertext)?)?;
        println!(
            "{name:24} {:?} ... | {:?} ..., noise budget {} bits",
            &slots[..4],
            &slots[row..row + 4],
            decryptor.noise_budget_bits(ciphertext)?
        );
        Ok(slots)
    };
    show("fresh", &encrypted)?;

    // Rotate left by one: both rows move, and the first slot comes back at the end.
    let left = evaluator.rotate_rows(&encrypted, 1, &keys)?;
    let slots = show("rows by 1", &left)?;
    assert_eq!((slots[0], slots[row - 1], slots[row]), (1, 0, 10_001));

    // Rotate right by four, and exchange the rows.
    let right = evaluator.rotate_rows(&encrypted, -4, &keys)?;
    let slots = show("rows by -4", &right)?;
    assert_eq!((slots[4], slots[0]), (0, row as u64 - 4));
    let swapped = evaluator.rotate_columns(&encrypted, &keys)?;
    let slots = show("columns", &swapped)?;
    assert_eq!((slots[0], slots[row]), (10_000, 0));

    // A step without a key of its own is composed from the existing keys: -3 = 1 - 4 takes two key switches.
    let composed = evaluator.rotate_rows(&encrypted, -3, &keys)?;
    let slots = show("rows by -3 (1 and -4)", &composed)?;
    assert_eq!(slots[3], 0);

    // A step that cannot be composed gives an error that says so, and the ciphertext stays as it was.
    let error = evaluator.rotate_rows(&encrypted, 2, &keys).err();
    if let Some(error) = &error {
        println!("rows by 2: {error}");
    }
    let kind = error.and_then(|error| error.seal_kind());
    assert_eq!(kind, Some(SealErrorKind::MissingGaloisKey));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() -> Result<(), super::Error> {
        super::main()
    }
}
