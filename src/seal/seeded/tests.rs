//! Checks that seeds expand to what SEAL's own loader makes of the same bytes, that raw limbs survive the round trip,
//! and that limbs that do not fit are refused.

use super::super::{
    Ciphertext, Compression, Context, Decryptor, Encryptor, Error, Evaluator, GaloisKeys,
    KeyGenerator, Plaintext, PublicKey, RelinKeys, Rotation,
};
use super::{SeededCiphertext, SeededGaloisKeys, SeededPublicKey, SeededRelinKeys};
use crate::seal::seal_stream::SealStream;

fn grid() -> Vec<Context> {
    vec![
        Context::insecure(16, &[30, 31]),
        Context::insecure(64, &[40, 35, 60]),
        Context::insecure(1024, &[27]),
        Context::insecure(4096, &[36, 36, 37]),
    ]
}

#[test]
fn seeds_in_ntt_form_stand_for_transformed_polynomials() {
    let foreign = Context::insecure(64, &[40, 36, 60]);
    let foreign = KeyGenerator::new(&foreign).unwrap().secret_key().unwrap();
    for context in grid() {
        let secret = KeyGenerator::new(&context).unwrap().secret_key().unwrap();
        let plain = Plaintext::from_coefficients(&context, &[1, 0, 3]).unwrap();
        let seeded = secret.encrypt_seeded_ntt(&context, &plain).unwrap();
        assert!(seeded.is_ntt_form());
        assert_eq!(seeded.parms_id(), context.first_parms_id());
        let again = secret.encrypt_seeded_ntt(&context, &plain).unwrap();
        assert!(seeded.seed() != again.seed() && seeded.first() != again.first());

        let mut encrypted = seeded.expand(&context).unwrap();
        let evaluator = Evaluator::new(&context).unwrap();
        evaluator
            .transform_from_ntt_inplace(&mut encrypted)
            .unwrap();
        let mut decryptor = Decryptor::new(&context, &secret).unwrap();
        let decrypted = decryptor.decrypt(&encrypted).unwrap();
        assert_eq!(decrypted.coefficients()[..3], [1, 0, 3]);
        let encryptor = Encryptor::symmetric(&context, &secret).unwrap();
        let fresh = encryptor.encrypt_symmetric(&plain).unwrap();
        let [ours, theirs] =
            [&encrypted, &fresh].map(|of| decryptor.noise_budget_bits(of).unwrap());
        assert!(ours.abs_diff(theirs) <= 2, "{ours} {theirs}");

        assert!(matches!(
            foreign.encrypt_seeded_ntt(&context, &plain),
            Err(Error::Seal { .. })
        ));
        let transformed = evaluator
            .transform_plain_to_ntt(&plain, context.first_parms_id())
            .unwrap();
        assert!(matches!(
            secret.encrypt_seeded_ntt(&context, &transformed),
            Err(Error::Seal { .. })
        ));
    }
}

#[test]
fn seeds_expand_as_in_seals_own_loader() {
    for context in grid() {
        let mut generator = KeyGenerator::new(&context).unwrap();
        let secret = generator.secret_key().unwrap();
        let plain = Plaintext::from_coefficients(&context, &[1, 2, 3]).unwrap();
        let encryptor = Encryptor::symmetric(&context, &secret).unwrap();

        let bytes = encryptor
            .seal_bytes_symmetric(&plain, Compression::None)
            .unwrap();
        let ours = SeededCiphertext(SealStream::single("test", &bytes, &context).unwrap())
            .expand(&context)
            .unwrap();
        let theirs = Ciphertext::from_seal_bytes_trusted(&context, &bytes).unwrap();
        assert_eq!(ours.limbs(), theirs.limbs());
        assert_eq!(ours.parms_id(), theirs.parms_id());
        assert_eq!(ours.is_ntt_form(), theirs.is_ntt_form());
        let decrypted = Decryptor::new(&context, &secret)
            .unwrap()
            .decrypt(&ours)
            .unwrap();
        assert_eq!(decrypted.coefficients()[..3], [1, 2, 3]);

        let bytes = generator.seal_bytes_public_key(Compression::None).unwrap();
        let ours = SeededPublicKey(SealStream::single("test", &bytes, &context).unwrap())
            .expand(&context)
            .unwrap();
        let theirs = PublicKey::from_seal_bytes_trusted(&context, &bytes).unwrap();
        assert_eq!(ours.limbs(), theirs.limbs());
        assert_eq!(ours.parms_id(), theirs.parms_id());

        if !context.using_keyswitching() {
            assert!(matches!(
                RelinKeys::from_limbs(&context, &[&[]]),
                Err(Error::Unsupported { .. })
            ));
            continue;
        }
        let bytes = generator.seal_bytes_relin_keys(Compression::None).unwrap();
        let slots = SealStream::keys("test", &bytes, &context).unwrap();
        let ours = SeededRelinKeys { slots }.expand(&context).unwrap();
        let theirs = RelinKeys::from_seal_bytes_trusted(&context, &bytes).unwrap();
        assert_eq!(ours.slots(), 1);
        assert_eq!(ours.parts(0), context.key_parts());
        assert_eq!(ours.parts(0), theirs.parts(0));
        assert_eq!(ours.parms_id(), theirs.parms_id());
        for part in 0..ours.parts(0) {
            assert_eq!(ours.limbs(0, part).unwrap(), theirs.limbs(0, part).unwrap());
        }
        assert!(ours.limbs(0, ours.parts(0)).is_none());

        let rotations = [Rotation::Rows(1), Rotation::Rows(-3), Rotation::Columns];
        let bytes = generator
            .seal_bytes_galois_keys(&rotations, Compression::None)
            .unwrap();
        let keys = SeededGaloisKeys::of_seal("test", &bytes, &context).unwrap();
        let ours = keys.expand(&context).unwrap();
        let theirs = GaloisKeys::from_seal_bytes_trusted(&context, &bytes).unwrap();
        assert_eq!(ours.elements(), theirs.elements());
        assert_eq!(ours.elements().len(), 3);
        assert_eq!(ours.count(), theirs.count());
        for element in ours.elements() {
            for part in 0..ours.parts(element) {
                assert_eq!(
                    ours.limbs(element, part).unwrap(),
                    theirs.limbs(element, part).unwrap()
                );
            }
        }
        assert!(ours.has(&context, Rotation::Columns).unwrap());
    }
}

#[test]
fn limbs_make_the_same_objects_again() {
    let context = Context::insecure(4096, &[36, 36, 37]);
    let mut generator = KeyGenerator::new(&context).unwrap();
    let secret = generator.secret_key().unwrap();
    let evaluator = Evaluator::new(&context).unwrap();
    let plain = Plaintext::from_coefficients(&context, &[7]).unwrap();

    let key = generator.create_public_key().unwrap();
    let key = PublicKey::from_limbs(&context, key.limbs()).unwrap();
    let encrypted = Encryptor::new(&context, &key)
        .unwrap()
        .encrypt(&plain)
        .unwrap();
    let mut square = evaluator.square(&encrypted).unwrap();
    assert_eq!(square.size(), 3);

    let keys = generator.create_relin_keys().unwrap();
    let limbs: Vec<u64> = (0..keys.parts(0))
        .flat_map(|part| keys.limbs(0, part).unwrap())
        .copied()
        .collect();
    let keys = RelinKeys::from_limbs(&context, &[&limbs]).unwrap();
    evaluator.relinearize_inplace(&mut square, &keys).unwrap();
    evaluator.mod_switch_to_next_inplace(&mut square).unwrap();
    let again = Ciphertext::from_limbs(
        &context,
        square.parms_id(),
        square.size(),
        square.is_ntt_form(),
        square.limbs(),
    )
    .unwrap();
    assert_eq!(again.limbs(), square.limbs());
    let decrypted = Decryptor::new(&context, &secret)
        .unwrap()
        .decrypt(&again)
        .unwrap();
    assert_eq!(decrypted.coefficients()[0], 49);
}

#[test]
fn what_does_not_fit_is_refused() {
    let context = Context::insecure(16, &[30, 31, 32]);
    let first = context.first_level();
    let good = vec![0; 2 * 16 * first.coeff_modulus_size];
    let make = |size, limbs: &[u64]| {
        Ciphertext::from_limbs(&context, first.parms_id, size, false, limbs).map(|_| ())
    };
    make(2, &good).unwrap();
    assert!(matches!(
        make(1, &good[..good.len() / 2]),
        Err(Error::PolynomialCount { actual: 1, .. })
    ));
    assert!(matches!(
        make(17, &good),
        Err(Error::PolynomialCount { actual: 17, .. })
    ));
    assert!(matches!(make(3, &good), Err(Error::LimbCount { .. })));
    let prime = context.primes()[1];
    let mut bad = good.clone();
    bad[16 + 5] = prime;
    assert_eq!(
        make(2, &bad),
        Err(Error::Residue {
            operation: "Ciphertext::from_limbs",
            index: 21,
            value: prime,
            prime,
        })
    );
    bad[16 + 5] = prime - 1;
    make(2, &bad).unwrap();
    // Ciphertexts cannot be at the key level.
    let key_level = context.key_level();
    let limbs = vec![0; 2 * 16 * 3];
    assert!(matches!(
        Ciphertext::from_limbs(&context, key_level.parms_id, 2, true, &limbs),
        Err(Error::ContextMismatch { .. })
    ));

    let slot = vec![0; context.key_parts() * context.key_part_limbs()];
    RelinKeys::from_limbs(&context, &[&slot]).unwrap();
    assert!(RelinKeys::from_limbs(&context, &[]).is_err());
    assert!(RelinKeys::from_limbs(&context, &[&slot[1..]]).is_err());
    assert!(GaloisKeys::from_limbs(&context, &[(2, &slot)]).is_err());
    assert!(GaloisKeys::from_limbs(&context, &[(33, &slot)]).is_err());
    assert!(GaloisKeys::from_limbs(&context, &[(3, &slot), (3, &slot)]).is_err());
    assert_eq!(
        GaloisKeys::from_limbs(&context, &[(31, &slot), (3, &slot)])
            .unwrap()
            .elements(),
        [3, 31]
    );
}
