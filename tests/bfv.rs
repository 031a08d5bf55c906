//! The BFV layer through its public API: every operation against plain arithmetic, every misuse a typed error.
//!
//! The parameters are insecure on purpose: small degrees keep the tests fast.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

use proptest::prelude::*;
use sealquant::bfv::{
    BatchEncoder, Ciphertext, Compression, Context, Decryptor, Encryptor, Error, Evaluator,
    GaloisKeys, KeyGenerator, Modulus, ParametersLiteral, ParmsId, Plaintext, PublicKey, RelinKeys,
    Rotation, SealErrorKind, SecretKey, SecurityLevel, coeff_modulus, plain_modulus,
};
use std::sync::LazyLock;

/// Everything a test needs, for one set of parameters.
struct Kit {
    context: Context,
    secret_key: SecretKey,
    public_key: PublicKey,
    relin_keys: RelinKeys,
    galois_keys: GaloisKeys,
    encoder: BatchEncoder,
    encryptor: Encryptor,
    evaluator: Evaluator,
    t: i64,
}

fn literal(degree: usize, prime_bits: &[i32], t_bits: i32) -> ParametersLiteral {
    ParametersLiteral {
        poly_modulus_degree: degree,
        coeff_modulus: coeff_modulus::create(degree, prime_bits)
            .unwrap()
            .into_iter()
            .map(u64::from)
            .collect(),
        plain_modulus: plain_modulus::batching(degree, &[t_bits]).unwrap()[0].value(),
        security: SecurityLevel::None,
    }
}

impl Kit {
    fn new(degree: usize, prime_bits: &[i32], t_bits: i32) -> Self {
        let context = Context::from_literal(&literal(degree, prime_bits, t_bits)).unwrap();
        let mut generator = KeyGenerator::new(&context).unwrap();
        let secret_key = generator.secret_key().unwrap();
        let public_key = generator.create_public_key().unwrap();
        let encryptor = Encryptor::with_both_keys(&context, &public_key, &secret_key).unwrap();
        Self {
            relin_keys: generator.create_relin_keys().unwrap(),
            galois_keys: generator
                .create_galois_keys(&[Rotation::Rows(1), Rotation::Rows(-4), Rotation::Columns])
                .unwrap(),
            encoder: BatchEncoder::new(&context).unwrap(),
            evaluator: Evaluator::new(&context).unwrap(),
            t: context.parameters().plain_modulus().value() as i64,
            context,
            secret_key,
            public_key,
            encryptor,
        }
    }

    fn encrypt(&self, values: &[i64]) -> Ciphertext {
        self.encryptor
            .encrypt_symmetric(&self.encoder.encode_i64(values).unwrap())
            .unwrap()
    }

    fn decrypt(&self, encrypted: &Ciphertext) -> Vec<i64> {
        let plain = Decryptor::new(&self.context, &self.secret_key)
            .unwrap()
            .decrypt(encrypted)
            .unwrap();
        self.encoder.decode_i64(&plain).unwrap()
    }

    fn budget(&self, encrypted: &Ciphertext) -> u32 {
        Decryptor::new(&self.context, &self.secret_key)
            .unwrap()
            .noise_budget_bits(encrypted)
            .unwrap()
    }

    /// The centred residue modulo t.
    fn reduce(&self, value: i128) -> i64 {
        let t = i128::from(self.t);
        let residue = value.rem_euclid(t);
        (if residue > t / 2 {
            residue - t
        } else {
            residue
        }) as i64
    }
}

static KITS: LazyLock<Vec<Kit>> = LazyLock::new(|| {
    vec![
        Kit::new(1024, &[50, 50, 50, 51], 17),
        Kit::new(2048, &[60, 60, 60], 20),
        Kit::new(4096, &[36, 36, 36, 36, 37], 26),
    ]
});

fn kind(error: &Error) -> SealErrorKind {
    error
        .seal_kind()
        .unwrap_or_else(|| panic!("SEAL did not throw: {error}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_operation_agrees_with_plain_arithmetic(
        kit in 0..3usize,
        a in prop::collection::vec(-32_000i64..32_000, 1..40),
        b in prop::collection::vec(-32_000i64..32_000, 40),
    ) {
        let kit = &KITS[kit];
        let slots = kit.encoder.slot_count();
        let pad = |values: &[i64]| {
            let mut all = values.to_vec();
            all.resize(slots, 0);
            all
        };
        let (va, vb) = (pad(&a), pad(&b));
        let (ca, cb) = (kit.encrypt(&va), kit.encrypt(&vb));
        let pb = kit.encoder.encode_i64(&vb).unwrap();
        let ev = &kit.evaluator;
        let zip = |f: &dyn Fn(i128, i128) -> i128| -> Vec<i64> {
            va.iter().zip(&vb).map(|(&x, &y)| kit.reduce(f(x.into(), y.into()))).collect()
        };

        prop_assert_eq!(kit.decrypt(&ca), va.clone());
        prop_assert_eq!(kit.decrypt(&ev.add(&ca, &cb).unwrap()), zip(&|x, y| x + y));
        prop_assert_eq!(kit.decrypt(&ev.sub(&ca, &cb).unwrap()), zip(&|x, y| x - y));
        prop_assert_eq!(kit.decrypt(&ev.negate(&ca).unwrap()), zip(&|x, _| -x));
        prop_assert_eq!(kit.decrypt(&ev.add_plain(&ca, &pb).unwrap()), zip(&|x, y| x + y));
        prop_assert_eq!(kit.decrypt(&ev.sub_plain(&ca, &pb).unwrap()), zip(&|x, y| x - y));
        if vb.iter().any(|&y| y != 0) {
            prop_assert_eq!(kit.decrypt(&ev.multiply_plain(&ca, &pb).unwrap()), zip(&|x, y| x * y));
            let ntt_plain = ev.transform_plain_to_ntt(&pb, ca.parms_id()).unwrap();
            let mut ntt = ev.transform_to_ntt(&ca).unwrap();
            prop_assert!(ntt.is_ntt_form() && ntt_plain.is_ntt_form());
            ev.multiply_plain_inplace(&mut ntt, &ntt_plain).unwrap();
            prop_assert_eq!(kit.decrypt(&ev.transform_from_ntt(&ntt).unwrap()), zip(&|x, y| x * y));
        }

        let product = ev.multiply(&ca, &cb).unwrap();
        prop_assert_eq!(product.size(), 3);
        prop_assert_eq!(kit.decrypt(&product), zip(&|x, y| x * y));
        let square = ev.square(&ca).unwrap();
        prop_assert_eq!(kit.decrypt(&square), zip(&|x, _| x * x));
        let short = ev.relinearize(&square, &kit.relin_keys).unwrap();
        prop_assert_eq!(short.size(), 2);
        prop_assert_eq!(kit.decrypt(&short), zip(&|x, _| x * x));

        let lower = ev.mod_switch_to_next(&ca).unwrap();
        prop_assert_eq!(lower.coeff_modulus_size() + 1, ca.coeff_modulus_size());
        prop_assert_eq!(kit.decrypt(&lower), va.clone());
        let level = kit.context.data_levels()[1].parms_id;
        prop_assert_eq!(ev.mod_switch_to(&ca, level).unwrap().parms_id(), level);

        let half = slots / 2;
        for steps in [1i32, -4, -3] {
            let rotated = ev.rotate_rows(&ca, steps, &kit.galois_keys).unwrap();
            let expected: Vec<i64> = (0..slots)
                .map(|i| {
                    let column = (i % half) as i32 + steps;
                    va[i / half * half + column.rem_euclid(half as i32) as usize]
                })
                .collect();
            prop_assert_eq!(kit.decrypt(&rotated), expected);
        }
        let swapped = ev.rotate_columns(&ca, &kit.galois_keys).unwrap();
        let expected: Vec<i64> = (0..slots).map(|i| va[(i + half) % slots]).collect();
        prop_assert_eq!(kit.decrypt(&swapped), expected);
    }

    #[test]
    fn unsigned_encoding_round_trips(values in prop::collection::vec(0u64..60_000, 0..1024)) {
        let kit = &KITS[0];
        let plain = kit.encoder.encode_u64(&values).unwrap();
        let decoded = kit.encoder.decode_u64(&plain).unwrap();
        prop_assert_eq!(&decoded[..values.len()], &values[..]);
        prop_assert!(decoded[values.len()..].iter().all(|&v| v == 0));
    }
}

#[test]
fn both_keys_encrypt_and_the_secret_key_makes_less_noise() {
    let kit = &KITS[1];
    let plain = kit.encoder.encode_i64(&[7, -7]).unwrap();
    let public = kit.encryptor.encrypt(&plain).unwrap();
    let symmetric = kit.encryptor.encrypt_symmetric(&plain).unwrap();
    assert_eq!(kit.decrypt(&public)[..2], [7, -7]);
    assert_eq!(kit.decrypt(&symmetric)[..2], [7, -7]);
    assert!(kit.budget(&symmetric) > kit.budget(&public));
    let zero = kit.encryptor.encrypt_zero().unwrap();
    assert!(kit.decrypt(&zero).iter().all(|&v| v == 0));
    assert!(!zero.is_transparent());
    let zero = kit.encryptor.encrypt_zero_symmetric().unwrap();
    assert!(kit.decrypt(&zero).iter().all(|&v| v == 0));
}

#[test]
fn the_noise_budget_falls_with_every_square_until_decryption_fails() {
    let kit = &KITS[0];
    let mut encrypted = kit.encrypt(&[3, -2]);
    let mut expected = [3i128, -2];
    let mut budget = kit.budget(&encrypted);
    while budget > 0 {
        assert_eq!(
            kit.decrypt(&encrypted)[..2],
            expected.map(|value| kit.reduce(value))
        );
        kit.evaluator.square_inplace(&mut encrypted).unwrap();
        kit.evaluator
            .relinearize_inplace(&mut encrypted, &kit.relin_keys)
            .unwrap();
        expected = expected.map(|value| i128::from(kit.reduce(value * value)));
        let now = kit.budget(&encrypted);
        assert!(now < budget);
        budget = now;
    }
}

#[test]
fn sizes_in_seals_format_halve_with_a_seed() {
    let kit = &KITS[1];
    let plain = kit.encoder.encode_i64(&[1, 2, 3]).unwrap();
    let whole = kit
        .encrypt(&[1, 2, 3])
        .seal_bytes(Compression::None)
        .unwrap();
    let seeded = kit
        .encryptor
        .seal_bytes_symmetric(&plain, Compression::None)
        .unwrap();
    let raw = 2 * 2 * 2048 * 8;
    assert!((raw..raw + 200).contains(&whole.len()), "{}", whole.len());
    assert!(
        (raw / 2..raw / 2 + 400).contains(&seeded.len()),
        "{}",
        seeded.len()
    );
    let mut generator = KeyGenerator::from_secret_key(&kit.context, &kit.secret_key).unwrap();
    let relin = generator.seal_bytes_relin_keys(Compression::None).unwrap();
    let galois = generator
        .seal_bytes_galois_keys(&[Rotation::Rows(1), Rotation::Rows(2)], Compression::None)
        .unwrap();
    let ratio = galois.len() as f64 / relin.len() as f64;
    assert!((1.9..2.3).contains(&ratio), "{ratio}");
    assert!(
        !generator
            .seal_bytes_public_key(Compression::None)
            .unwrap()
            .is_empty()
    );
    // Residues of 36 bits in words of 64: Zstandard finds the zeros.
    #[cfg(feature = "zstd")]
    {
        let small_primes = KITS[2].encrypt(&[1]);
        let whole = small_primes.seal_bytes(Compression::None).unwrap();
        let compressed = small_primes.seal_bytes(Compression::SealDefault).unwrap();
        assert!(
            compressed.len() * 4 < whole.len() * 3,
            "{}",
            compressed.len()
        );
    }
}

#[test]
fn raw_limbs_have_the_documented_shape() {
    let kit = &KITS[0];
    let encrypted = kit.encrypt(&[5]);
    let (n, primes) = (1024, kit.context.parameters().coeff_modulus());
    assert_eq!(encrypted.limbs().len(), 2 * 3 * n);
    assert_eq!(encrypted.poly_modulus_degree(), n);
    for (index, limbs) in encrypted.limbs().chunks(n).enumerate() {
        assert!(limbs.iter().all(|&limb| limb < primes[index % 3].value()));
    }
    assert!(Ciphertext::new().unwrap().limbs().is_empty());
    let mut copy = Ciphertext::new().unwrap();
    copy.assign(&encrypted).unwrap();
    assert_eq!(copy.limbs(), encrypted.limbs());
}

#[test]
fn levels_are_listed_from_the_key_level_down() {
    let kit = &KITS[0];
    let levels = kit.context.levels();
    assert_eq!(
        levels
            .iter()
            .map(|l| l.coeff_modulus_size)
            .collect::<Vec<_>>(),
        [4, 3, 2, 1]
    );
    assert_eq!(
        levels.iter().map(|l| l.chain_index).collect::<Vec<_>>(),
        [3, 2, 1, 0]
    );
    assert_eq!(levels[1].parms_id, kit.encrypt(&[1]).parms_id());
    assert_eq!(kit.context.level(levels[2].parms_id), Some(levels[2]));
    assert_eq!(kit.context.level(ParmsId::ZERO), None);
    assert_eq!(levels[0].total_bits, 201);
}

#[test]
fn bad_parameters_are_refused_with_the_reason() {
    let good = literal(1024, &[30, 30], 17);
    let refused = |change: &dyn Fn(&mut ParametersLiteral)| {
        let mut bad = good.clone();
        change(&mut bad);
        Context::from_literal(&bad).expect_err("must be refused")
    };
    let name = |error: Error| match error {
        Error::Parameters { name, .. } => name,
        other => panic!("{other}"),
    };
    for degree in [0, 1, 1000, 1 << 18] {
        assert_eq!(
            name(refused(&|p| p.poly_modulus_degree = degree)),
            "invalid_poly_modulus_degree"
        );
    }
    assert_eq!(
        name(refused(&|p| p.coeff_modulus.clear())),
        "invalid_coeff_modulus_size"
    );
    assert_eq!(
        refused(&|p| p.coeff_modulus[0] = 1),
        Error::Modulus { value: 1 }
    );
    assert_eq!(
        refused(&|p| p.plain_modulus = u64::MAX),
        Error::Modulus { value: u64::MAX }
    );
    assert_eq!(
        name(refused(&|p| p.plain_modulus = p.coeff_modulus[0])),
        "invalid_plain_modulus_coprimality"
    );
    assert_eq!(
        name(refused(&|p| p.coeff_modulus[1] = p.coeff_modulus[0])),
        "failed_creating_rns_base"
    );
    assert_eq!(
        name(refused(&|p| p.security = SecurityLevel::Bits128)),
        "invalid_parameters_insecure"
    );
    let error = coeff_modulus::create(1024, &[61]).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::InvalidArgument);
    let error = coeff_modulus::create(1024, &[12, 12, 12, 12, 12, 12]).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::Logic);
    let error = plain_modulus::batching(1024, &[5]).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::Logic, "{error}");
}

#[test]
fn moduli_know_their_bits_and_primality() {
    assert!(Modulus::new(65_537).unwrap().is_prime().unwrap());
    assert!(!Modulus::new(65_539 * 3).unwrap().is_prime().unwrap());
    assert_eq!(Modulus::new(65_537).unwrap().bit_count(), 17);
    assert_eq!(Modulus::new(0), Err(Error::Modulus { value: 0 }));
    assert!(Modulus::new((1 << 61) - 1).is_ok());
    assert!(Modulus::new(1 << 61).is_err());
    assert_eq!(
        serde_json::from_str::<Modulus>("1")
            .unwrap_err()
            .to_string(),
        "1 is not a modulus: it must lie between 2 and 2^61 - 1"
    );
    let default = coeff_modulus::bfv_default(4096, SecurityLevel::Bits128).unwrap();
    assert_eq!(default.iter().map(|m| m.bit_count()).sum::<u32>(), 109);
}

#[test]
fn values_that_do_not_fit_are_refused_before_seal_sees_them() {
    let kit = &KITS[0];
    let t = kit.t as u64;
    assert!(matches!(
        kit.encoder.encode_u64(&[0, t]),
        Err(Error::ValueOutOfRange { index: 1, .. })
    ));
    assert!(matches!(
        kit.encoder.encode_i64(&[kit.t / 2 + 1]),
        Err(Error::ValueOutOfRange { index: 0, .. })
    ));
    assert!(matches!(
        kit.encoder.encode_i64(&[i64::MIN]),
        Err(Error::ValueOutOfRange { index: 0, .. })
    ));
    assert!(matches!(
        kit.encoder.encode_i64(&[0; 1025]),
        Err(Error::TooManyValues {
            expected: 1024,
            actual: 1025,
            ..
        })
    ));
    assert!(matches!(
        Plaintext::from_coefficients(&kit.context, &[t]),
        Err(Error::ValueOutOfRange { .. })
    ));
    assert!(matches!(
        Plaintext::from_coefficients(&kit.context, &[0; 1025]),
        Err(Error::TooManyValues { .. })
    ));
    let plain = Plaintext::from_coefficients(&kit.context, &[0, 2]).unwrap();
    assert!(plain.is_valid_for(&kit.context).unwrap());
    assert_eq!(plain.significant_coeff_count(), 2);
    assert_eq!(plain.coefficients(), [0, 2]);
    assert_eq!(plain.parms_id(), ParmsId::ZERO);
}

#[test]
fn what_the_parameters_lack_is_named() {
    let mut one_prime = literal(1024, &[30], 17);
    let context = Context::from_literal(&one_prime).unwrap();
    assert!(!context.using_keyswitching());
    assert_eq!(context.data_levels().len(), 1);
    let mut generator = KeyGenerator::new(&context).unwrap();
    assert!(matches!(
        generator.create_relin_keys(),
        Err(Error::Unsupported { .. })
    ));
    assert!(matches!(
        generator.seal_bytes_relin_keys(Compression::None),
        Err(Error::Unsupported { .. })
    ));
    one_prime.plain_modulus = 1 << 16;
    one_prime.coeff_modulus = literal(1024, &[30, 30], 17).coeff_modulus;
    let context = Context::from_literal(&one_prime).unwrap();
    assert!(!context.using_batching());
    assert!(matches!(
        BatchEncoder::new(&context),
        Err(Error::Unsupported { .. })
    ));
    assert!(matches!(
        KeyGenerator::new(&context)
            .unwrap()
            .create_galois_keys(&[Rotation::Columns]),
        Err(Error::Unsupported { .. })
    ));
}

#[test]
fn an_encryptor_without_the_needed_key_refuses() {
    let kit = &KITS[0];
    let plain = kit.encoder.encode_i64(&[1]).unwrap();
    let public = Encryptor::new(&kit.context, &kit.public_key).unwrap();
    let error = public.encrypt_symmetric(&plain).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::Logic);
    let symmetric = Encryptor::symmetric(&kit.context, &kit.secret_key).unwrap();
    let error = symmetric.encrypt(&plain).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::Logic);
    assert!(
        error
            .to_string()
            .starts_with("Encryptor::encrypt: public key is not set")
    );
}

#[test]
fn objects_of_other_parameters_are_refused() {
    let (kit, other) = (&KITS[0], &KITS[1]);
    let foreign = other.encrypt(&[1]);
    let mut own = kit.encrypt(&[1]);
    let ev = &kit.evaluator;
    let invalid = |result: Result<(), Error>| {
        assert_eq!(kind(&result.unwrap_err()), SealErrorKind::InvalidArgument);
    };
    invalid(ev.add_inplace(&mut own, &foreign));
    invalid(ev.sub_inplace(&mut own, &foreign));
    invalid(ev.multiply_inplace(&mut own, &foreign));
    invalid(ev.square(&foreign).map(drop));
    invalid(ev.negate(&foreign).map(drop));
    invalid(ev.relinearize(&foreign, &kit.relin_keys).map(drop));
    invalid(
        ev.relinearize(&ev.square(&own).unwrap(), &other.relin_keys)
            .map(drop),
    );
    for result in [
        ev.rotate_rows(&own, 1, &other.galois_keys),
        ev.rotate_columns(&own, &other.galois_keys),
    ] {
        assert!(matches!(result, Err(Error::ContextMismatch { .. })));
    }
    invalid(ev.mod_switch_to_next(&foreign).map(drop));
    invalid(ev.transform_to_ntt(&foreign).map(drop));
    invalid(Encryptor::new(&kit.context, &other.public_key).map(drop));
    invalid(Encryptor::symmetric(&kit.context, &other.secret_key).map(drop));
    invalid(Decryptor::new(&kit.context, &other.secret_key).map(drop));
    invalid(KeyGenerator::from_secret_key(&kit.context, &other.secret_key).map(drop));
    let wide = other.encoder.encode_i64(&[0; 2048]).unwrap();
    let wide = other
        .evaluator
        .transform_plain_to_ntt(&wide, foreign.parms_id())
        .unwrap();
    invalid(
        ev.multiply_plain(&ev.transform_to_ntt(&own).unwrap(), &wide)
            .map(drop),
    );
    let mut decryptor = Decryptor::new(&kit.context, &kit.secret_key).unwrap();
    invalid(decryptor.decrypt(&foreign).map(drop));
    invalid(decryptor.noise_budget_bits(&foreign).map(drop));
    assert_eq!(
        kit.decrypt(&own)[0],
        1,
        "a refused operand is left as it was"
    );
}

#[test]
fn wrong_forms_sizes_and_levels_are_refused() {
    let kit = &KITS[0];
    let ev = &kit.evaluator;
    let fresh = kit.encrypt(&[4]);
    let ntt = ev.transform_to_ntt(&fresh).unwrap();
    let invalid = |result: Result<Ciphertext, Error>| {
        assert_eq!(kind(&result.unwrap_err()), SealErrorKind::InvalidArgument);
    };
    invalid(ev.add(&fresh, &ntt));
    invalid(ev.square(&ntt));
    invalid(ev.multiply(&fresh, &ntt));
    invalid(ev.transform_to_ntt(&ntt));
    invalid(ev.transform_from_ntt(&fresh));
    for result in [
        ev.rotate_rows(&ntt, 1, &kit.galois_keys),
        ev.rotate_columns(&ntt, &kit.galois_keys),
    ] {
        assert!(matches!(result, Err(Error::WrongForm { .. })));
    }
    let plain = kit.encoder.encode_i64(&[2]).unwrap();
    invalid(ev.multiply_plain(&ntt, &plain));
    invalid(ev.add_plain(&ntt, &plain));
    let error = Decryptor::new(&kit.context, &kit.secret_key)
        .unwrap()
        .decrypt(&ntt)
        .unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::InvalidArgument);

    let lower = ev.mod_switch_to_next(&fresh).unwrap();
    invalid(ev.add(&fresh, &lower));
    invalid(ev.mod_switch_to(&lower, fresh.parms_id()));
    invalid(ev.mod_switch_to(&fresh, ParmsId::ZERO));
    let mut lowest = fresh.try_clone().unwrap();
    while lowest.coeff_modulus_size() > 1 {
        ev.mod_switch_to_next_inplace(&mut lowest).unwrap();
    }
    invalid(ev.mod_switch_to_next(&lowest));

    let long = ev.square(&fresh).unwrap();
    for result in [
        ev.rotate_rows(&long, 1, &kit.galois_keys),
        ev.rotate_columns(&long, &kit.galois_keys),
    ] {
        assert!(matches!(
            result,
            Err(Error::CiphertextSize {
                expected: 2,
                actual: 3,
                ..
            })
        ));
    }
    invalid(ev.relinearize(&ev.multiply(&long, &fresh).unwrap(), &kit.relin_keys));

    let empty = Ciphertext::new().unwrap();
    assert_eq!((empty.size(), empty.is_transparent()), (0, true));
    invalid(ev.negate(&empty));
    invalid(ev.square(&empty));
    invalid(ev.add(&fresh, &empty));
    assert!(matches!(
        ev.rotate_rows(&empty, 1, &kit.galois_keys),
        Err(Error::CiphertextSize { actual: 0, .. })
    ));
}

#[test]
fn transparent_results_are_named_as_such() {
    let kit = &KITS[0];
    let a = kit.encrypt(&[9]);
    let transparent = |result: Result<Ciphertext, Error>| {
        assert_eq!(
            kind(&result.unwrap_err()),
            SealErrorKind::TransparentCiphertext
        );
    };
    transparent(kit.evaluator.sub(&a, &a));
    let negative = kit.evaluator.negate(&a).unwrap();
    transparent(kit.evaluator.add(&a, &negative));
    let zero = kit.encoder.encode_i64(&[0]).unwrap();
    transparent(kit.evaluator.multiply_plain(&a, &zero));
}

#[test]
fn galois_keys_hold_exactly_what_was_asked_for() {
    let kit = &KITS[0];
    let keys = &kit.galois_keys;
    assert_eq!(keys.count(), 3);
    assert!(keys.has(&kit.context, Rotation::Rows(1)).unwrap());
    assert!(keys.has(&kit.context, Rotation::Columns).unwrap());
    assert!(!keys.has(&kit.context, Rotation::Rows(2)).unwrap());
    let a = kit.encrypt(&[1, 2]);
    let error = kit.evaluator.rotate_rows(&a, 4, keys).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::MissingGaloisKey);
    let error = kit.evaluator.rotate_rows(&a, 512, keys).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::InvalidArgument);
    let mut generator = KeyGenerator::from_secret_key(&kit.context, &kit.secret_key).unwrap();
    let error = generator
        .create_galois_keys(&[Rotation::Rows(512)])
        .unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::InvalidArgument);
    let rows_only = generator.create_galois_keys(&[Rotation::Rows(1)]).unwrap();
    let error = kit.evaluator.rotate_columns(&a, &rows_only).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::MissingGaloisKey);
}

#[test]
fn an_encoder_refuses_plaintexts_in_ntt_form() {
    let kit = &KITS[0];
    let level = kit.context.data_levels()[0].parms_id;
    let plain = kit.encoder.encode_i64(&[1]).unwrap();
    let ntt = kit.evaluator.transform_plain_to_ntt(&plain, level).unwrap();
    assert_eq!(ntt.parms_id(), level);
    for error in [
        kit.encoder.decode_i64(&ntt).unwrap_err(),
        kit.encoder.decode_u64(&ntt).unwrap_err(),
        kit.encryptor.encrypt(&ntt).unwrap_err(),
        kit.evaluator
            .transform_plain_to_ntt(&ntt, level)
            .unwrap_err(),
        kit.evaluator
            .transform_plain_to_ntt(&plain, ParmsId::ZERO)
            .unwrap_err(),
    ] {
        assert_eq!(kind(&error), SealErrorKind::InvalidArgument);
    }
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let kit = &KITS[0];
    assert_eq!(format!("{:?}", kit.secret_key), "SecretKey { .. }");
    assert_eq!(
        format!("{:?}", kit.secret_key.try_clone().unwrap()),
        "SecretKey { .. }"
    );
}

#[test]
fn one_evaluator_encryptor_and_encoder_serve_many_threads() {
    let kit = &KITS[2];
    let results: Vec<(i64, Ciphertext)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (1..=8i64)
            .map(|value| {
                scope.spawn(move || {
                    let mut encrypted = kit.encrypt(&[value; 64]);
                    for _ in 0..4 {
                        let squared = kit.evaluator.square(&encrypted).unwrap();
                        let short = kit
                            .evaluator
                            .relinearize(&squared, &kit.relin_keys)
                            .unwrap();
                        let turned = kit
                            .evaluator
                            .rotate_rows(&short, 1, &kit.galois_keys)
                            .unwrap();
                        assert_eq!(kit.decrypt(&turned)[0], value * value);
                    }
                    kit.evaluator.square_inplace(&mut encrypted).unwrap();
                    (value, encrypted)
                })
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap())
            .collect()
    });
    // The ciphertexts outlive the threads that made them.
    for (value, encrypted) in results {
        assert_eq!(kit.decrypt(&encrypted)[..64], [value * value; 64]);
    }
}

#[test]
fn the_documented_thread_safety_holds_at_compile_time() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<Context>();
    sync::<Context>();
    sync::<Evaluator>();
    sync::<Encryptor>();
    sync::<BatchEncoder>();
    sync::<Ciphertext>();
    sync::<Plaintext>();
    sync::<GaloisKeys>();
    send::<Decryptor>();
    send::<KeyGenerator>();
}
