//! Serialization: what a client sends to a server and gets back, in this crate's format and in SEAL's.
//!
//! Use this crate's format on the network: everything is validated before SEAL sees it, and random parts are sent as
//! seeds. Use SEAL's own format for trusted files: SEAL 4.0.0 does not withstand hostile bytes.
//!
//! `cargo run --example serialization`

use sealquant::seal::{
    BatchEncoder, Ciphertext, Compression, Context, Decryptor, Encryptor, Evaluator, GaloisKeys,
    KeyGenerator, ParametersLiteral, RelinKeys, Rotation, SecretKey, SecurityLevel,
    SeededCiphertext, SeededGaloisKeys, SeededRelinKeys, plain_modulus,
};
use sealquant::wire::{Limits, Message};
use std::error::Error;

fn line(what: &str, ours: usize, seals: usize) {
    println!("{what:28} {ours:>9} {seals:>9}");
}

fn main() -> Result<(), Box<dyn Error>> {
    let degree = 8192;
    let t = plain_modulus::batching(degree, &[20])?[0].value();
    let literal = ParametersLiteral::bfv_default(degree, t, SecurityLevel::Bits128)?;

    // The client: makes keys and a question.
    let context = Context::from_literal(&literal)?;
    let mut generator = KeyGenerator::new(&context)?;
    let secret_key = generator.secret_key()?;
    let encryptor = Encryptor::symmetric(&context, &secret_key)?;
    let encoder = BatchEncoder::new(&context)?;
    let question = encoder.encode_i64(&[1, -2, 3])?;
    let rotations = [Rotation::Rows(1)];
    let sent_question = encryptor
        .encrypt_symmetric_seeded(&context, &question)?
        .to_wire(&context)?;
    let sent_relin = generator.create_relin_keys_seeded()?.to_wire(&context)?;
    let sent_galois = generator
        .create_galois_keys_seeded(&rotations)?
        .to_wire(&context)?;

    println!("{:28} {:>9} {:>9}", "bytes", "ours", "SEAL's");
    let compression = Compression::SealDefault;
    let seals = encryptor.seal_bytes_symmetric(&question, compression)?;
    line("ciphertext, seeded", sent_question.len(), seals.len());
    let seals = generator.seal_bytes_relin_keys(compression)?;
    line(
        "relinearisation keys, seeded",
        sent_relin.len(),
        seals.len(),
    );
    let seals = generator.seal_bytes_galois_keys(&rotations, compression)?;
    line("one Galois key, seeded", sent_galois.len(), seals.len());

    // The server: has the same public parameters and nothing but the bytes. A reader's limits bound its allocations.
    let answer = {
        let context = Context::from_literal(&literal)?;
        let limits = Limits::default();
        let question = SeededCiphertext::from_wire(&context, &sent_question, &limits)?;
        let mut work: Ciphertext = question.expand(&context)?;
        let relin_keys: RelinKeys =
            SeededRelinKeys::from_wire(&context, &sent_relin, &limits)?.expand(&context)?;
        let galois_keys: GaloisKeys =
            SeededGaloisKeys::from_wire(&context, &sent_galois, &limits)?.expand(&context)?;
        // Bytes that were changed in transit are refused.
        let mut hostile = sent_question.clone();
        hostile[sent_question.len() / 2] ^= 1;
        let refused = SeededCiphertext::from_wire(&context, &hostile, &limits).err();
        println!("a flipped bit: {}", refused.ok_or("must be refused")?);

        let evaluator = Evaluator::new(&context)?;
        evaluator.square_inplace(&mut work)?;
        evaluator.relinearize_inplace(&mut work, &relin_keys)?;
        evaluator.rotate_rows_inplace(&mut work, 1, &galois_keys)?;
        // Decryption needs only one prime, so the answer is sent at the lowest level.
        line(
            "answer, all primes",
            work.to_wire(&context)?.len(),
            work.seal_bytes(compression)?.len(),
        );
        evaluator.mod_switch_to_inplace(&mut work, context.last_parms_id())?;
        line(
            "answer, one prime",
            work.to_wire(&context)?.len(),
            work.seal_bytes(compression)?.len(),
        );
        work.to_wire(&context)?
    };

    // The client again. It reads its secret key from a file of its own, in SEAL's format.
    let file = secret_key.seal_bytes(compression)?;
    let secret_key = SecretKey::from_seal_bytes_trusted(&context, &file)?;
    let answer = Ciphertext::from_wire(&context, &answer, &Limits::default())?;
    let decrypted = Decryptor::new(&context, &secret_key)?.decrypt(&answer)?;
    let values = encoder.decode_i64(&decrypted)?;
    println!("answer: {:?}", &values[..3]);
    assert_eq!(values[..3], [4, 9, 0]);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() -> Result<(), Box<dyn super::Error>> {
        super::main()
    }
}
