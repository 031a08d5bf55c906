//! Uploads that several plain primes share.

use super::*;

/// A shared ciphertext, times the product of the other plain primes, is one that SEAL's own decryptor takes, for each
/// plain prime; it has the noise of one ciphertext times that product.
#[test]
fn shared_ciphertexts_decrypt_under_each_plain_prime() {
    let plan = shared_plan(Scheme::Batched);
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let secret = KeyGenerator::new(&contexts.contexts()[0]);
    let secret = secret.unwrap().secret_key().unwrap();
    let own = FreshEncryptor::new(contexts.contexts(), &secret)
        .unwrap()
        .unwrap();
    let first = &contexts.contexts()[0];
    let degree = first.parameters().poly_modulus_degree();
    let slots: Vec<i64> = (0..4).cycle().take(degree).collect();
    let seed = [3; SEED_BYTES];
    let keys = own.keys(&seed).unwrap();
    let mut packed = vec![0; own.ciphertext_bytes()];
    let mut scratch = own.scratch().unwrap();
    scratch.slots.extend_from_slice(&slots);
    own.encrypt(&keys, [0, 0], &mut scratch, &mut packed)
        .unwrap();
    let mut encrypted = Ciphertext::new().unwrap();
    let key = uniform_key(contexts.contexts(), &seed);
    expand(
        first,
        &key,
        [0, 0],
        &packed,
        &mut Vec::new(),
        &mut encrypted,
    )
    .unwrap();
    let product: u64 = plan.parameters().plain_moduli().iter().product();
    for context in contexts.contexts() {
        let t = context.parameters().plain_modulus().value();
        let level = context.first_level();
        let primes = data_primes(context).iter().cycle();
        let rows = encrypted.limbs().chunks(degree).zip(primes);
        let limbs = rows.flat_map(|(row, &prime)| {
            row.iter()
                .map(move |&word| multiply(word, product / t % prime, prime))
        });
        let limbs: Vec<u64> = limbs.collect();
        let mut of_prime = Ciphertext::from_checked_limbs(context, level, 2, true, &limbs).unwrap();
        let evaluator = Evaluator::new(context).unwrap();
        evaluator.transform_from_ntt_inplace(&mut of_prime).unwrap();
        let secret = secret.for_context(context).unwrap();
        let mut decryptor = Decryptor::new(context, &secret).unwrap();
        let encoder = BatchEncoder::new(context).unwrap();
        let plain = decryptor.decrypt(&of_prime).unwrap();
        assert_eq!(encoder.decode_i64(&plain).unwrap(), slots);
        let found = decryptor.noise_budget_bits(&of_prime).unwrap();
        // As many bits as the product leaves of Q, less those of the largest of the errors: 13 to 21.
        let q: f64 = data_primes(context)
            .iter()
            .map(|&prime| (prime as f64).log2())
            .sum();
        let left = q - (product as f64).log2() - 1.0;
        let expected = left - 21.5_f64.log2() - 0.01..=left - 11.0_f64.log2();
        assert!(
            expected.contains(&(f64::from(found) + 0.5)) || expected.contains(&f64::from(found)),
            "{found} {expected:?}"
        );
    }
}

/// A request of one upload is not read as one of several, nor the other way round, and hostile bytes are refused.
#[test]
fn shared_requests_are_refused_elsewhere_and_if_they_are_damaged() {
    let separate = planned(&deeper(), Scheme::Batched, 50, None);
    let plans = [shared_plan(Scheme::Batched), separate];
    let scopes = plans.map(|plan| (Contexts::new(plan.client_spec()).unwrap(), plan));
    let network = deeper();
    let limits = Limits::default();
    let sent = scopes.each_ref().map(|(scope, plan)| {
        let client = Client::new(plan.client_spec(), scope).unwrap();
        let images = random_images(4, &network, 2);
        client
            .encrypt_compact(&images, &())
            .unwrap()
            .to_wire(scope)
            .unwrap()
    });
    let read = |scope: &Contexts, bytes: &[u8]| {
        let whole = CompactRequest::from_wire(scope, bytes, &limits).map(drop);
        let mut request = Request::default();
        let pieces = request.read_compact(scope, bytes, &limits);
        assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
        assert_eq!(request.parts().is_empty(), pieces.is_err());
        whole
    };
    let [(shared, _), (separate, _)] = &scopes;
    assert_eq!(shared.uploads().len(), 1);
    read(shared, &sent[0]).unwrap();
    read(separate, &sent[1]).unwrap();
    read(shared, &sent[1]).unwrap_err();
    read(separate, &sent[0]).unwrap_err();
    let size = ciphertext_bytes(&shared.contexts()[0]);
    assert!(sent[0].len() < size * shared.inputs() + 200);
    // The number of parts, of ciphertexts, of images, the form, the seed, a residue, the checksum, the end.
    for at in [
        7,
        36,
        40,
        44,
        48,
        200,
        sent[0].len() - 20,
        sent[0].len() - 1,
    ] {
        let mut bytes = sent[0].clone();
        bytes[at] ^= 0xff;
        read(shared, &bytes).unwrap_err();
    }
    for length in [0, 47, 48, 79, 80, sent[0].len() / 2, sent[0].len() - 1] {
        read(shared, &sent[0][..length]).unwrap_err();
    }
    // More parts, as many as there are plain primes, with the fingerprint of the right plan.
    let mut bytes = sent[0].clone();
    bytes[36..40].copy_from_slice(&(shared.contexts().len() as u32).to_le_bytes());
    let refused = read(shared, &bytes).unwrap_err().to_string();
    assert!(refused.contains("parts"), "{refused}");
}
