//! Tests misuse that SEAL 4.0.0 detects too late or not at all: each case gives a typed error and changes no operand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod bfv_kit;

use bfv_kit::{Kit, T};
use sealquant::seal::{
    Ciphertext, Error, KeyGenerator, ParmsId, Plaintext, Rotation, SealErrorKind,
};
use std::sync::LazyLock;

/// An in-place operation.
type Call<'a> = &'a dyn Fn(&mut Ciphertext) -> Result<(), Error>;

static KIT: LazyLock<Kit> = LazyLock::new(|| Kit::new(1024, &[50, 50, 51], T::Batching(14)));
/// A kit with the same chain and a larger t.
static LARGER_T: LazyLock<Kit> = LazyLock::new(|| Kit::new(1024, &[50, 50, 51], T::Batching(20)));
static LARGER_N: LazyLock<Kit> = LazyLock::new(|| Kit::new(2048, &[50, 50, 51], T::Batching(14)));

#[test]
fn a_plaintext_of_a_larger_t_is_refused_if_it_does_not_fit() {
    let (kit, ev) = (&*KIT, &KIT.evaluator);
    let mut encrypted = kit.encrypt(&[5]);
    let before = encrypted.limbs().to_vec();
    let encoder = LARGER_T.encoder.as_ref().unwrap();
    let mut decoded = Plaintext::new().unwrap();
    encoder.encode_u64_into(&[1, 2, 3], &mut decoded).unwrap();
    for plain in [LARGER_T.plain(&[1, kit.t]), decoded] {
        let refused = |result: Result<(), Error>| match result.unwrap_err() {
            Error::ValueOutOfRange { plain_modulus, .. } => assert_eq!(plain_modulus, kit.t),
            other => panic!("{other}"),
        };
        refused(ev.add_plain_inplace(&mut encrypted, &plain));
        refused(ev.sub_plain_inplace(&mut encrypted, &plain));
        refused(ev.multiply_plain_inplace(&mut encrypted, &plain));
        assert!(!plain.is_valid_for(&kit.context).unwrap());
        let error = kit.encryptor.encrypt(&plain).unwrap_err();
        assert_eq!(error.seal_kind(), Some(SealErrorKind::InvalidArgument));
    }
    assert_eq!(encrypted.limbs(), before);
    // A plaintext that fits is accepted, because a polynomial does not belong to a context.
    ev.add_plain_inplace(&mut encrypted, &LARGER_T.plain(&[7]))
        .unwrap();
    assert_eq!(kit.decrypt(&encrypted)[0], 12);
}

#[test]
fn a_plaintext_of_a_larger_degree_is_refused() {
    let encrypted = KIT.encrypt(&[5]);
    let plain = LARGER_N.plain(&[1; 2048]);
    for result in [
        KIT.evaluator.add_plain(&encrypted, &plain),
        KIT.evaluator.sub_plain(&encrypted, &plain),
        KIT.evaluator.multiply_plain(&encrypted, &plain),
    ] {
        assert!(matches!(
            result,
            Err(Error::TooManyValues {
                expected: 1024,
                actual: 2048,
                ..
            })
        ));
    }
}

#[test]
fn a_plaintext_without_coefficients_is_zero_everywhere() {
    let encrypted = KIT.encrypt(&[5]);
    let zero = Plaintext::new().unwrap();
    let sum = KIT.evaluator.add_plain(&encrypted, &zero).unwrap();
    assert_eq!(KIT.decrypt(&sum)[0], 5);
    let error = KIT.evaluator.multiply_plain(&encrypted, &zero).unwrap_err();
    assert_eq!(
        error.seal_kind(),
        Some(SealErrorKind::TransparentCiphertext)
    );
    let fresh = KIT.encryptor.encrypt(&zero).unwrap();
    assert!(KIT.decrypt(&fresh).iter().all(|&value| value == 0));
    let level = KIT.context.first_parms_id();
    let ntt = KIT.evaluator.transform_plain_to_ntt(&zero, level).unwrap();
    let encrypted = KIT.evaluator.transform_to_ntt(&encrypted).unwrap();
    let error = KIT.evaluator.multiply_plain(&encrypted, &ntt).unwrap_err();
    assert_eq!(
        error.seal_kind(),
        Some(SealErrorKind::TransparentCiphertext)
    );
}

#[test]
fn a_refused_key_switch_leaves_the_ciphertext_as_it_was() {
    let (kit, ev) = (&*KIT, &KIT.evaluator);
    let fresh = kit.encrypt(&[1, 2, 3]);
    let unchanged = |encrypted: &Ciphertext, call: Call| {
        let mut copy = encrypted.try_clone().unwrap();
        let error = call(&mut copy).unwrap_err();
        assert_eq!(copy.limbs(), encrypted.limbs(), "{error}");
        assert_eq!(copy.is_ntt_form(), encrypted.is_ntt_form());
        error
    };
    let keys = &kit.galois_keys;
    let ntt = ev.transform_to_ntt(&fresh).unwrap();
    let long = ev.square(&fresh).unwrap();
    let calls: [Call; 3] = [
        &|c| ev.rotate_rows_inplace(c, 1, keys),
        &|c| ev.rotate_columns_inplace(c, keys),
        &|c| ev.apply_galois_inplace(c, 3, keys),
    ];
    for call in calls {
        assert!(matches!(unchanged(&ntt, call), Error::WrongForm { .. }));
        assert!(matches!(
            unchanged(&long, call),
            Error::CiphertextSize { actual: 3, .. }
        ));
        let empty = Ciphertext::new().unwrap();
        assert!(matches!(
            unchanged(&empty, call),
            Error::CiphertextSize { actual: 0, .. }
        ));
    }
    // 7 = 8 - 1: SEAL would rotate by -1, and only then notice that the key for 8 is missing.
    let error = unchanged(&fresh, &|c| ev.rotate_rows_inplace(c, 7, keys));
    assert_eq!(error.seal_kind(), Some(SealErrorKind::MissingGaloisKey));
    let error = unchanged(&fresh, &|c| ev.apply_galois_inplace(c, 5, keys));
    assert_eq!(error.seal_kind(), Some(SealErrorKind::MissingGaloisKey));
    for element in [0, 2, 2049, u32::MAX] {
        let error = unchanged(&fresh, &|c| ev.apply_galois_inplace(c, element, keys));
        assert!(
            matches!(error, Error::GaloisElement { bound: 2048, .. }),
            "{error}"
        );
    }
    for steps in [512, -512, i32::MAX, i32::MIN] {
        let error = unchanged(&fresh, &|c| ev.rotate_rows_inplace(c, steps, keys));
        assert!(
            matches!(error, Error::RotationStep { row: 512, .. }),
            "{error}"
        );
    }
    let foreign = &LARGER_N.galois_keys;
    let error = unchanged(&fresh, &|c| ev.rotate_rows_inplace(c, 1, foreign));
    assert!(matches!(error, Error::ContextMismatch { .. }));
    let error = unchanged(&ntt, &|c| {
        let long = ev.square_inplace(c);
        long.and_then(|()| ev.relinearize_inplace(c, &kit.relin_keys))
    });
    assert_eq!(error.seal_kind(), Some(SealErrorKind::InvalidArgument));
    assert_eq!(
        kit.decrypt(&ev.rotate_rows(&fresh, 0, keys).unwrap()),
        kit.decrypt(&fresh)
    );
}

#[test]
fn a_large_ciphertext_needs_more_relinearisation_keys_than_there_are() {
    let (kit, ev) = (&*KIT, &KIT.evaluator);
    let a = kit.encrypt(&[1]);
    let four = ev.multiply(&ev.square(&a).unwrap(), &a).unwrap();
    assert_eq!((four.size(), kit.relin_keys.count()), (4, 1));
    let error = ev.relinearize(&four, &kit.relin_keys).unwrap_err();
    assert_eq!(error.seal_kind(), Some(SealErrorKind::InvalidArgument));
    // Size 16 is SEAL's limit.
    let mut large = a.try_clone().unwrap();
    while large.size() < 16 {
        large = ev.multiply(&large, &a).unwrap();
    }
    let error = ev.multiply(&large, &a).unwrap_err();
    assert_eq!(
        error.seal_kind(),
        Some(SealErrorKind::InvalidArgument),
        "{error}"
    );
    let error = ev.relinearize(&large, &kit.relin_keys).unwrap_err();
    assert_eq!(error.seal_kind(), Some(SealErrorKind::InvalidArgument));
}

#[test]
fn empty_sums_and_products_and_the_exponent_0_are_refused() {
    let (kit, ev) = (&*KIT, &KIT.evaluator);
    assert!(matches!(ev.add_many(&[]), Err(Error::NoCiphertexts { .. })));
    assert!(matches!(
        ev.multiply_many(&[], &kit.relin_keys),
        Err(Error::NoCiphertexts { .. })
    ));
    let mut a = kit.encrypt(&[3]);
    assert!(matches!(
        ev.exponentiate_inplace(&mut a, 0, &kit.relin_keys),
        Err(Error::ZeroExponent { .. })
    ));
    assert_eq!(kit.decrypt(&a)[0], 3);
    ev.exponentiate_inplace(&mut a, 1, &kit.relin_keys).unwrap();
    assert_eq!(kit.decrypt(&a)[0], 3);
    let one = [a];
    assert_eq!(kit.decrypt(&ev.add_many(&one).unwrap())[0], 3);
    let product = ev.multiply_many(&one, &kit.relin_keys).unwrap();
    assert_eq!(kit.decrypt(&product)[0], 3);
    // With this exponent SEAL would copy the ciphertext 2^63 times.
    let power = ev.exponentiate(&one[0], 1 << 63, &kit.relin_keys).unwrap();
    assert_eq!(power.size(), 2);
    let mixed = [kit.encrypt(&[1]), ev.transform_to_ntt(&one[0]).unwrap()];
    for error in [
        ev.add_many(&mixed).unwrap_err(),
        ev.multiply_many(&mixed, &kit.relin_keys).unwrap_err(),
    ] {
        assert_eq!(error.seal_kind(), Some(SealErrorKind::InvalidArgument));
    }
}

#[test]
fn plaintexts_switch_levels_in_ntt_form_only_and_not_past_the_end() {
    let (kit, ev) = (&*KIT, &KIT.evaluator);
    let levels = kit.context.data_levels();
    let plain = kit.plain(&[2]);
    assert!(matches!(
        ev.mod_switch_plain_to_next(&plain),
        Err(Error::WrongForm { .. })
    ));
    assert!(matches!(
        ev.mod_switch_plain_to(&plain, levels[1].parms_id),
        Err(Error::WrongForm { .. })
    ));
    let ntt = ev
        .transform_plain_to_ntt(&plain, levels[0].parms_id)
        .unwrap();
    let low = ev.mod_switch_plain_to_next(&ntt).unwrap();
    assert_eq!(low.parms_id(), levels[1].parms_id);
    assert_eq!(
        low,
        ev.mod_switch_plain_to(&ntt, levels[1].parms_id).unwrap()
    );
    let encrypted = ev.mod_switch_to_next(&kit.encrypt(&[21])).unwrap();
    let encrypted = ev.transform_to_ntt(&encrypted).unwrap();
    let product = ev.multiply_plain(&encrypted, &low).unwrap();
    assert_eq!(
        kit.decrypt(&ev.transform_from_ntt(&product).unwrap())[0],
        42
    );
    for error in [
        ev.multiply_plain(&encrypted, &ntt).unwrap_err(),
        ev.mod_switch_plain_to_next(&low).unwrap_err(),
        ev.mod_switch_plain_to(&low, levels[0].parms_id)
            .unwrap_err(),
        ev.mod_switch_plain_to(&ntt, ParmsId::ZERO).unwrap_err(),
        ev.mod_switch_to_next(&ev.transform_from_ntt(&encrypted).unwrap())
            .unwrap_err(),
    ] {
        assert_eq!(
            error.seal_kind(),
            Some(SealErrorKind::InvalidArgument),
            "{error}"
        );
    }
}

#[test]
fn zeros_are_encrypted_at_data_levels_only() {
    for level in [
        KIT.context.key_parms_id(),
        ParmsId::ZERO,
        LARGER_N.context.first_parms_id(),
    ] {
        for result in [
            KIT.encryptor.encrypt_zero_at(level),
            KIT.encryptor.encrypt_zero_symmetric_at(level),
        ] {
            assert!(matches!(result, Err(Error::NotADataLevel { .. })));
        }
    }
}

#[test]
fn galois_keys_by_element_and_for_every_power_of_two() {
    let kit = &*KIT;
    let mut generator = KeyGenerator::from_secret_key(&kit.context, &kit.secret_key).unwrap();
    for element in [0, 2, 2048, 2049] {
        assert!(matches!(
            generator.create_galois_keys_of_elements(&[3, element]),
            Err(Error::GaloisElement { .. })
        ));
        assert!(matches!(
            kit.galois_keys.has_element(&kit.context, element),
            Err(Error::GaloisElement { .. })
        ));
    }
    let keys = generator
        .create_galois_keys_of_elements(&[3, 5, 3])
        .unwrap();
    assert_eq!(keys.count(), 2);
    assert!(keys.has_element(&kit.context, 5).unwrap());
    assert!(!keys.has_element(&kit.context, 7).unwrap());
    let all = generator.create_all_galois_keys().unwrap();
    assert_eq!(all.count(), 2 * 10 - 2);
    for power in 0..9 {
        for step in [1 << power, -(1 << power)] {
            assert!(all.has(&kit.context, Rotation::Rows(step)).unwrap());
        }
    }
    let encrypted = kit.encrypt(&[0, 1]);
    let composed = kit.evaluator.rotate_rows(&encrypted, 5, &all).unwrap();
    let exact = generator.create_galois_keys(&[Rotation::Rows(5)]).unwrap();
    let direct = kit.evaluator.rotate_rows(&encrypted, 5, &exact).unwrap();
    assert_eq!(kit.decrypt(&composed), kit.decrypt(&direct));
}
