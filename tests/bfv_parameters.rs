//! Tests which parameters, moduli and levels SEAL accepts, and why it refuses the rest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

mod bfv_kit;

use bfv_kit::{KITS, T, kind, literal};
use sealquant::seal::{
    BatchEncoder, Compression, Context, Error, KeyGenerator, Modulus, ParametersLiteral, ParmsId,
    Rotation, SealErrorKind, SecurityLevel, coeff_modulus, plain_modulus,
};

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
    assert_eq!(levels[1].parms_id, kit.encrypt_slots(&[1]).parms_id());
    assert_eq!(kit.context.level(levels[2].parms_id), Some(levels[2]));
    assert_eq!(kit.context.level(ParmsId::ZERO), None);
    assert_eq!(levels[0].total_bits, 201);
}

#[test]
fn bad_parameters_are_refused_with_the_reason() {
    let good = literal(1024, &[30, 30], T::Batching(17));
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
    #[cfg(feature = "inference")]
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
fn what_the_parameters_lack_is_named() {
    let mut one_prime = literal(1024, &[30], T::Batching(17));
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
    one_prime.coeff_modulus = literal(1024, &[30, 30], T::Batching(17)).coeff_modulus;
    let context = Context::from_literal(&one_prime).unwrap();
    assert!(!context.using_batching());
    let refused = BatchEncoder::new(&context).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "BatchEncoder::new: plain_modulus 65536 is not prime, and 0 modulo 2N; batching at N = 1024 needs a prime that \
         is 1 modulo 2N = 2048"
    );
    let mut generator = KeyGenerator::new(&context).unwrap();
    for rotations in [&[Rotation::Columns][..], &[]] {
        let seeded = generator.seal_bytes_galois_keys(rotations, Compression::None);
        for refused in [
            generator.create_galois_keys(rotations).unwrap_err(),
            seeded.unwrap_err(),
        ] {
            assert!(
                matches!(
                    refused,
                    Error::Batching {
                        plain_modulus: 65_536,
                        poly_modulus_degree: 1024,
                        is_prime: false,
                        ..
                    }
                ),
                "{refused}"
            );
        }
    }
}

#[test]
fn each_condition_of_batching_is_named() {
    let said = |t: u64| {
        let mut literal = literal(1024, &[50, 50], T::Batching(17));
        literal.plain_modulus = t;
        let context = Context::from_literal(&literal).unwrap();
        BatchEncoder::new(&context).map_err(|refused| refused.to_string())
    };
    assert!(said(12_289).is_ok());
    // 2049 = 3 * 683 is 1 modulo 2048.
    for (t, expected) in [
        (2049, "plain_modulus 2049 is not prime; "),
        (65_539, "plain_modulus 65539 is prime, but 3 modulo 2N; "),
        (97, "plain_modulus 97 is prime, but 97 modulo 2N; "),
        (
            65_535,
            "plain_modulus 65535 is not prime, and 2047 modulo 2N; ",
        ),
        (2, "plain_modulus 2 is prime, but 2 modulo 2N; "),
    ] {
        let message = said(t).unwrap_err();
        assert!(message.contains(expected), "{message}");
        assert!(
            message.contains("N = 1024") && message.contains("2N = 2048"),
            "{message}"
        );
    }
}

/// Checks the limit on the number of primes. SEAL 4.0.0 allows 64, later versions 256; the SEAL that was built decides.
#[test]
fn the_number_of_primes_is_limited_as_in_the_linked_seal() {
    let limit = seal_sys::limits::SEAL_COEFF_MOD_COUNT_MAX as usize;
    let mut many = literal(1024, &[30, 30], T::Batching(17));
    many.coeff_modulus = vec![65_537; limit + 1];
    let refused = Context::from_literal(&many).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains(&format!("has {} primes, 1 to {limit} are", limit + 1)),
        "{refused}"
    );
    // The maximum number of primes passes this check, and SEAL then finds that they are not coprime.
    many.coeff_modulus.pop();
    let refused = Context::from_literal(&many).unwrap_err();
    assert!(
        matches!(&refused, Error::Parameters { name, .. } if name != "invalid_coeff_modulus_size"),
        "{refused}"
    );
    let version: Vec<u32> = seal_sys::SEAL_VERSION
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    if version == [4, 0, 0] {
        assert_eq!(limit, 64);
    }
    if version >= vec![4, 1] {
        assert_eq!(limit, 256);
    }
}
