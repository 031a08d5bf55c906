//! Checks that operands that do not fit an operation are refused with a typed error and left unchanged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

mod bfv_kit;

use bfv_kit::{KITS, kind};
use sealquant::seal::{
    Ciphertext, Decryptor, Encryptor, Error, KeyGenerator, ParmsId, Plaintext, SealErrorKind,
};

#[test]
fn values_that_do_not_fit_are_refused_before_seal_sees_them() {
    let kit = &KITS[0];
    let t = kit.t;
    assert!(matches!(
        kit.batch().encode_u64(&[0, t]),
        Err(Error::ValueOutOfRange { index: 1, .. })
    ));
    assert!(matches!(
        kit.batch().encode_i64(&[kit.t as i64 / 2 + 1]),
        Err(Error::ValueOutOfRange { index: 0, .. })
    ));
    assert!(matches!(
        kit.batch().encode_i64(&[i64::MIN]),
        Err(Error::ValueOutOfRange { index: 0, .. })
    ));
    assert!(matches!(
        kit.batch().encode_i64(&[0; 1025]),
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
fn an_encryptor_without_the_needed_key_refuses() {
    let kit = &KITS[0];
    let plain = kit.batch().encode_i64(&[1]).unwrap();
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
    let foreign = other.encrypt_slots(&[1]);
    let mut own = kit.encrypt_slots(&[1]);
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
    let wide = other.batch().encode_i64(&[0; 2048]).unwrap();
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
        kit.decrypt_slots(&own)[0],
        1,
        "a refused operand is left as it was"
    );
}

#[test]
fn wrong_forms_sizes_and_levels_are_refused() {
    let kit = &KITS[0];
    let ev = &kit.evaluator;
    let fresh = kit.encrypt_slots(&[4]);
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
    let plain = kit.batch().encode_i64(&[2]).unwrap();
    let ntt_plain = ev.transform_plain_to_ntt(&plain, fresh.parms_id()).unwrap();
    for result in [
        ev.multiply_plain(&ntt, &plain),
        ev.multiply_plain(&fresh, &ntt_plain),
    ] {
        assert!(matches!(
            result,
            Err(Error::WrongForm {
                object: "plaintext",
                ..
            })
        ));
    }
    invalid(ev.add_plain(&ntt, &plain));
    invalid(ev.add_plain(&fresh, &ntt_plain));
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
    let a = kit.encrypt_slots(&[9]);
    let transparent = |result: Result<Ciphertext, Error>| {
        assert_eq!(
            kind(&result.unwrap_err()),
            SealErrorKind::TransparentCiphertext
        );
    };
    transparent(kit.evaluator.sub(&a, &a));
    let negative = kit.evaluator.negate(&a).unwrap();
    transparent(kit.evaluator.add(&a, &negative));
    let zero = kit.batch().encode_i64(&[0]).unwrap();
    transparent(kit.evaluator.multiply_plain(&a, &zero));
}

#[test]
fn an_encoder_refuses_plaintexts_in_ntt_form() {
    let kit = &KITS[0];
    let level = kit.context.data_levels()[0].parms_id;
    let plain = kit.batch().encode_i64(&[1]).unwrap();
    let ntt = kit.evaluator.transform_plain_to_ntt(&plain, level).unwrap();
    assert_eq!(ntt.parms_id(), level);
    for error in [
        kit.batch().decode_i64(&ntt).unwrap_err(),
        kit.batch().decode_u64(&ntt).unwrap_err(),
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
