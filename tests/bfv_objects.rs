//! Tests plaintexts, contexts and moduli as objects, and SEAL's own format for trusted files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod bfv_kit;

use bfv_kit::{Kit, T, literal};
use proptest::prelude::*;
use sealquant::seal::{
    Ciphertext, Compression, Context, Error, GaloisKeys, KeyGenerator, Modulus, ParametersLiteral,
    ParmsId, Plaintext, PublicKey, RelinKeys, Rotation, SealErrorKind, SecretKey, SecurityLevel,
    memory_pool,
};
use std::sync::LazyLock;

static KIT: LazyLock<Kit> = LazyLock::new(|| Kit::new(1024, &[50, 50, 51], T::Batching(14)));
static OTHER: LazyLock<Kit> = LazyLock::new(|| Kit::new(2048, &[50, 50], T::Batching(14)));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn polynomials_survive_their_notation(
        coefficients in prop::collection::vec(prop_oneof![Just(0u64), 0..10_000u64], 0..40)
    ) {
        let plain = KIT.plain(&coefficients);
        let text = plain.to_hex().unwrap();
        let again = Plaintext::from_hex(&KIT.context, &text).unwrap();
        prop_assert_eq!(&again, &plain);
        prop_assert_eq!(again.to_hex().unwrap(), text);
        let nonzero = coefficients.iter().filter(|&&c| c != 0).count();
        prop_assert_eq!(plain.nonzero_coeff_count(), nonzero);
        prop_assert_eq!(plain.is_zero(), nonzero == 0);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[0-9a-fA-Fx^+ ]{0,24}") {
        if let Ok(plain) = Plaintext::from_hex(&KIT.context, &text) {
            prop_assert!(plain.is_valid_for(&KIT.context).unwrap());
        }
    }

    #[test]
    fn barrett_constants_divide_exactly(value in 2u64..1 << 61) {
        let modulus = Modulus::new(value).unwrap();
        let [low, high, remainder] = modulus.const_ratio();
        let ratio = u128::from(high) << 64 | u128::from(low);
        prop_assert!(remainder < value);
        // ratio * value + remainder = 2^128, which is 0 modulo 2^128.
        let product = ratio.wrapping_mul(value.into()).wrapping_add(remainder.into());
        prop_assert_eq!(product, 0);
        prop_assert_eq!(modulus.reduce(u64::MAX), u64::MAX % value);
        prop_assert_eq!(modulus.uint64_count(), 1);
    }
}

#[test]
fn seals_notation_is_read_and_written() {
    let plain = Plaintext::from_hex(&KIT.context, "7FFx^3 + 1x^1 + 3").unwrap();
    assert_eq!(plain.coefficients(), [3, 1, 0, 0x7FF]);
    assert_eq!(plain.to_hex().unwrap(), "7FFx^3 + 1x^1 + 3");
    assert_eq!(plain.significant_coeff_count(), 4);
    assert_eq!(Plaintext::new().unwrap().to_hex().unwrap(), "0");
    assert_eq!(
        Plaintext::from_hex(&KIT.context, "0")
            .unwrap()
            .to_hex()
            .unwrap(),
        "0"
    );
    let parse = |text: &str| Plaintext::from_hex(&KIT.context, text).unwrap_err();
    for (text, at) in [
        ("", 1),
        ("x^2", 1),
        ("1x^", 1),
        ("1x^+2", 1),
        ("1x^0", 1),
        ("1x^2 + ", 2),
        ("1x^2 + -3", 2),
        ("1x^2 + 1x^2", 2),
        ("1 + 1x^2", 2),
        ("10000000000000000", 1),
        ("1x^99999999999999999999999", 1),
        ("1x^2+3", 1),
    ] {
        match parse(text) {
            Error::Polynomial { term, .. } => assert_eq!(term, at, "{text}"),
            other => panic!("{text}: {other}"),
        }
    }
    assert!(matches!(
        parse("1x^1024"),
        Error::TooManyValues { expected: 1024, .. }
    ));
    assert!(matches!(parse("FFFFx^2"), Error::ValueOutOfRange { .. }));
    let error = parse("1x^2 + 1x^2").to_string();
    assert!(
        error.contains("term 2 of the polynomial: its exponent"),
        "{error}"
    );
}

#[test]
fn plaintexts_are_resized_compared_and_cleared() {
    let kit = &*KIT;
    let mut plain = kit.plain(&[1, 2, 3]);
    plain.resize(&kit.context, 1024).unwrap();
    assert_eq!(
        (plain.coeff_count(), plain.significant_coeff_count()),
        (1024, 3)
    );
    assert_eq!(plain, kit.plain(&[1, 2, 3]));
    assert_ne!(plain, kit.plain(&[1, 2, 3, 4]));
    assert!(matches!(
        plain.resize(&kit.context, 1025),
        Err(Error::TooManyValues { .. })
    ));
    plain.resize(&kit.context, 2).unwrap();
    assert_eq!(plain.coefficients(), [1, 2]);
    assert!(plain.capacity() >= 2);
    let mut copy = Plaintext::new().unwrap();
    copy.assign(&plain).unwrap();
    assert_eq!(copy, plain);
    plain.set_zero();
    assert_eq!((plain.coeff_count(), plain.is_zero()), (2, true));
    copy.release();
    assert_eq!((copy.coeff_count(), copy.capacity()), (0, 0));
    let level = kit.context.first_parms_id();
    let mut ntt = kit.evaluator.transform_plain_to_ntt(&plain, level).unwrap();
    assert!(matches!(
        ntt.resize(&kit.context, 5),
        Err(Error::WrongForm { .. })
    ));
    assert!(matches!(ntt.to_hex(), Err(Error::WrongForm { .. })));
    assert_ne!(ntt, plain);
    ntt.release();
    assert!(!ntt.is_ntt_form());
    let mut encrypted = kit.encrypt(&[1]);
    assert_eq!(encrypted.size_capacity(), 2);
    assert!(encrypted.is_valid_for(&kit.context).unwrap());
    assert!(!encrypted.is_valid_for(&OTHER.context).unwrap());
    encrypted.release();
    assert_eq!((encrypted.size(), encrypted.limbs().len()), (0, 0));
    assert!(kit.evaluator.negate(&encrypted).is_err());
}

#[test]
fn qualifiers_and_levels_tell_what_seal_found() {
    let context = &KIT.context;
    let key = context.qualifiers(context.key_parms_id()).unwrap();
    assert!(key.using_fft && key.using_ntt && key.using_batching && key.using_fast_plain_lift);
    assert_eq!(key.security, SecurityLevel::None);
    let error = context.qualifiers(ParmsId::ZERO).unwrap_err();
    assert_eq!(error.seal_kind(), Some(SealErrorKind::InvalidArgument));
    assert_eq!(context.first_parms_id(), KIT.encrypt(&[1]).parms_id());
    let mut level = context.key_parms_id();
    let mut walked = vec![level];
    while let Some(next) = context.next_level(level) {
        level = next.parms_id;
        walked.push(level);
    }
    let levels: Vec<ParmsId> = context
        .levels()
        .iter()
        .map(|level| level.parms_id)
        .collect();
    assert_eq!(walked, levels);
    assert_eq!(level, context.last_parms_id());
    assert_eq!(context.next_level(ParmsId::ZERO), None);

    let mut falling = literal(1024, &[30, 40], T::Value(1 << 35));
    let rising = Context::from_literal(&falling).unwrap();
    let qualifiers = rising.qualifiers(rising.key_parms_id()).unwrap();
    assert!(!qualifiers.using_fast_plain_lift && !qualifiers.using_batching);
    assert!(!qualifiers.using_descending_modulus_chain);
    falling.coeff_modulus.reverse();
    falling.plain_modulus = 3;
    let context = Context::from_literal(&falling).unwrap();
    let qualifiers = context.qualifiers(context.key_parms_id()).unwrap();
    assert!(qualifiers.using_descending_modulus_chain && qualifiers.using_fast_plain_lift);

    let secure = literal(4096, &[36, 36, 37], T::Batching(20));
    let secure = ParametersLiteral {
        security: SecurityLevel::Bits128,
        ..secure
    };
    let context = Context::from_literal(&secure).unwrap();
    let qualifiers = context.qualifiers(context.key_parms_id()).unwrap();
    assert_eq!(qualifiers.security, SecurityLevel::Bits128);
}

#[test]
fn trusted_files_in_seals_format_round_trip() {
    let kit = &*KIT;
    let context = &kit.context;
    let encrypted = kit.encrypt(&[1, 2, 3]);
    let mut generator = KeyGenerator::from_secret_key(context, &kit.secret_key).unwrap();
    let public_key = generator.create_public_key().unwrap();
    for compression in [Compression::None, Compression::SealDefault] {
        let bytes = encrypted.seal_bytes(compression).unwrap();
        let loaded = Ciphertext::from_seal_bytes_trusted(context, &bytes).unwrap();
        assert_eq!(loaded.limbs(), encrypted.limbs());
        let plain = kit.plain(&[4, 5]);
        let seeded = kit
            .encryptor
            .seal_bytes_symmetric(&plain, compression)
            .unwrap();
        let loaded = Ciphertext::from_seal_bytes_trusted(context, &seeded).unwrap();
        assert_eq!(kit.decrypt(&loaded)[..2], [4, 5]);
        let bytes = plain.seal_bytes(compression).unwrap();
        assert_eq!(
            Plaintext::from_seal_bytes_trusted(context, &bytes).unwrap(),
            plain
        );

        let bytes = kit.secret_key.seal_bytes(compression).unwrap();
        let secret_key = SecretKey::from_seal_bytes_trusted(context, &bytes).unwrap();
        let bytes = public_key.seal_bytes(compression).unwrap();
        let public_key = PublicKey::from_seal_bytes_trusted(context, &bytes).unwrap();
        for bytes in [
            kit.relin_keys.seal_bytes(compression).unwrap(),
            generator.seal_bytes_relin_keys(compression).unwrap(),
        ] {
            let keys = RelinKeys::from_seal_bytes_trusted(context, &bytes).unwrap();
            assert_eq!(
                (keys.count(), keys.is_valid_for(context).unwrap()),
                (1, true)
            );
            assert_eq!(keys.parms_id(), context.key_parms_id());
            let square = kit.evaluator.square(&encrypted).unwrap();
            let short = kit.evaluator.relinearize(&square, &keys).unwrap();
            assert_eq!(kit.decrypt(&short)[..5], [1, 4, 10, 12, 9]);
        }
        for bytes in [
            kit.galois_keys.seal_bytes(compression).unwrap(),
            generator
                .seal_bytes_galois_keys(&[Rotation::Rows(1)], compression)
                .unwrap(),
        ] {
            let keys = GaloisKeys::from_seal_bytes_trusted(context, &bytes).unwrap();
            let image = kit.evaluator.apply_galois(&encrypted, 3, &keys).unwrap();
            assert_eq!(kit.decrypt(&image)[..7], [1, 0, 0, 2, 0, 0, 3]);
        }
        let both = sealquant::seal::Encryptor::with_both_keys(context, &public_key, &secret_key);
        let fresh = both.unwrap().encrypt(&kit.plain(&[9])).unwrap();
        assert_eq!(kit.decrypt(&fresh)[0], 9);

        let bytes = context.seal_bytes_parameters(compression).unwrap();
        let read = ParametersLiteral::from_seal_bytes_trusted(&bytes, SecurityLevel::None).unwrap();
        assert_eq!(read, literal(1024, &[50, 50, 51], T::Batching(14)));
    }
}

#[test]
fn files_of_other_parameters_kinds_or_lengths_are_refused() {
    let kit = &*KIT;
    let bytes = kit.encrypt(&[1]).seal_bytes(Compression::None).unwrap();
    let load = |context: &Context, bytes: &[u8]| {
        let error = Ciphertext::from_seal_bytes_trusted(context, bytes).unwrap_err();
        assert!(error.seal_kind().is_some(), "{error}");
        error
    };
    load(&OTHER.context, &bytes);
    load(&kit.context, &bytes[..bytes.len() - 1]);
    load(&kit.context, &[]);
    let longer = [&bytes[..], &[0]].concat();
    let error = load(&kit.context, &longer);
    assert_eq!(
        error.seal_kind(),
        Some(SealErrorKind::InvalidArgument),
        "{error}"
    );
    // Fill the last residue with ones, so that it is not below its prime.
    let mut wrong = bytes;
    let end = wrong.len();
    wrong[end - 8..].fill(0xFF);
    load(&kit.context, &wrong);
    let relin_keys = kit.relin_keys.seal_bytes(Compression::None).unwrap();
    assert!(RelinKeys::from_seal_bytes_trusted(&OTHER.context, &relin_keys).is_err());
    assert!(!kit.relin_keys.is_valid_for(&OTHER.context).unwrap());
    assert!(SecretKey::from_seal_bytes_trusted(&kit.context, &relin_keys).is_err());
    assert!(ParametersLiteral::from_seal_bytes_trusted(&[1, 2, 3], SecurityLevel::None).is_err());
}

#[test]
fn the_global_pool_grows_with_what_is_allocated() {
    let before = memory_pool::allocated_bytes().unwrap();
    // This is larger than anything that the other tests in this file free.
    let kit = Kit::new(8192, &[60, 60, 60, 60], T::Value(16));
    let after = memory_pool::allocated_bytes().unwrap();
    assert!(after >= before + 8192 * 3 * 2 * 8, "{before} {after}");
    assert!(memory_pool::size_classes().unwrap() > 0);
    drop(kit);
    assert!(memory_pool::allocated_bytes().unwrap() >= after);
}

/// Reads bytes that must be refused, and returns the error.
type Load<'a> = Box<dyn Fn(&[u8]) -> Error + 'a>;

#[test]
fn files_that_went_through_text_are_named_as_such() {
    macro_rules! load {
        ($type:ident) => {
            Box::new(|bytes: &[u8]| {
                $type::from_seal_bytes_trusted(&KIT.context, bytes).unwrap_err()
            })
        };
    }
    let kit = &*KIT;
    let context = &kit.context;
    let mut generator = KeyGenerator::from_secret_key(context, &kit.secret_key).unwrap();
    let none = Compression::None;
    let rotations = [Rotation::Rows(1)];
    let files: [(Vec<u8>, Load<'_>); 7] = [
        (
            kit.encrypt(&[1]).seal_bytes(none).unwrap(),
            load!(Ciphertext),
        ),
        (
            kit.plain(&[10, 13, 10]).seal_bytes(none).unwrap(),
            load!(Plaintext),
        ),
        (kit.secret_key.seal_bytes(none).unwrap(), load!(SecretKey)),
        (
            generator.seal_bytes_public_key(none).unwrap(),
            load!(PublicKey),
        ),
        (
            generator.seal_bytes_relin_keys(none).unwrap(),
            load!(RelinKeys),
        ),
        (
            generator.seal_bytes_galois_keys(&rotations, none).unwrap(),
            load!(GaloisKeys),
        ),
        (
            context.seal_bytes_parameters(none).unwrap(),
            Box::new(|bytes: &[u8]| {
                ParametersLiteral::from_seal_bytes_trusted(bytes, SecurityLevel::None).unwrap_err()
            }),
        ),
    ];
    for (good, load) in files {
        let characters: String = good.iter().map(|&byte| char::from(byte)).collect();
        let mut damaged = vec![
            String::from_utf8_lossy(&good).into_owned().into_bytes(),
            characters.into_bytes(),
        ];
        // In the 16-byte header a changed line end would move the version and the length, which say what follows.
        if good[16..].contains(&b'\n') && !good[..16].contains(&b'\n') {
            let mut crlf = Vec::new();
            for &byte in &good {
                crlf.extend_from_slice(if byte == b'\n' {
                    b"\r\n"
                } else {
                    std::slice::from_ref(&byte)
                });
            }
            damaged.push(crlf);
        }
        for bytes in damaged {
            let error = load(&bytes);
            assert!(matches!(error, Error::Text { .. }), "{error}");
        }
    }
}
