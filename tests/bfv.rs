//! Tests the BFV layer through its public API: every operation on slots against plain arithmetic.
//!
//! The parameters are deliberately insecure: small degrees keep the tests fast.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

mod bfv_kit;

use bfv_kit::{KITS, kind};
use proptest::prelude::*;
use sealquant::seal::{Compression, Error, GaloisKeys, KeyGenerator, Rotation, SealErrorKind};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_operation_agrees_with_plain_arithmetic(
        kit in 0..3usize,
        a in prop::collection::vec(-32_000i64..32_000, 1..40),
        b in prop::collection::vec(-32_000i64..32_000, 40),
    ) {
        let kit = &KITS[kit];
        let slots = kit.degree;
        let pad = |values: &[i64]| {
            let mut all = values.to_vec();
            all.resize(slots, 0);
            all
        };
        let (va, vb) = (pad(&a), pad(&b));
        let (ca, cb) = (kit.encrypt_slots(&va), kit.encrypt_slots(&vb));
        let pb = kit.batch().encode_i64(&vb).unwrap();
        let ev = &kit.evaluator;
        let zip = |f: &dyn Fn(i128, i128) -> i128| -> Vec<i64> {
            va.iter().zip(&vb).map(|(&x, &y)| kit.reduce(f(x.into(), y.into()))).collect()
        };

        prop_assert_eq!(kit.decrypt_slots(&ca), va.clone());
        prop_assert_eq!(kit.decrypt_slots(&ev.add(&ca, &cb).unwrap()), zip(&|x, y| x + y));
        prop_assert_eq!(kit.decrypt_slots(&ev.sub(&ca, &cb).unwrap()), zip(&|x, y| x - y));
        prop_assert_eq!(kit.decrypt_slots(&ev.negate(&ca).unwrap()), zip(&|x, _| -x));
        prop_assert_eq!(kit.decrypt_slots(&ev.add_plain(&ca, &pb).unwrap()), zip(&|x, y| x + y));
        prop_assert_eq!(kit.decrypt_slots(&ev.sub_plain(&ca, &pb).unwrap()), zip(&|x, y| x - y));
        if vb.iter().any(|&y| y != 0) {
            prop_assert_eq!(kit.decrypt_slots(&ev.multiply_plain(&ca, &pb).unwrap()), zip(&|x, y| x * y));
            let ntt_plain = ev.transform_plain_to_ntt(&pb, ca.parms_id()).unwrap();
            let mut ntt = ev.transform_to_ntt(&ca).unwrap();
            prop_assert!(ntt.is_ntt_form() && ntt_plain.is_ntt_form());
            ev.multiply_plain_inplace(&mut ntt, &ntt_plain).unwrap();
            prop_assert_eq!(kit.decrypt_slots(&ev.transform_from_ntt(&ntt).unwrap()), zip(&|x, y| x * y));
        }

        let product = ev.multiply(&ca, &cb).unwrap();
        prop_assert_eq!(product.size(), 3);
        prop_assert_eq!(kit.decrypt_slots(&product), zip(&|x, y| x * y));
        let square = ev.square(&ca).unwrap();
        prop_assert_eq!(kit.decrypt_slots(&square), zip(&|x, _| x * x));
        let short = ev.relinearize(&square, &kit.relin_keys).unwrap();
        prop_assert_eq!(short.size(), 2);
        prop_assert_eq!(kit.decrypt_slots(&short), zip(&|x, _| x * x));

        let lower = ev.mod_switch_to_next(&ca).unwrap();
        prop_assert_eq!(lower.coeff_modulus_size() + 1, ca.coeff_modulus_size());
        prop_assert_eq!(kit.decrypt_slots(&lower), va.clone());
        let level = kit.context.data_levels()[1].parms_id;
        prop_assert_eq!(ev.mod_switch_to(&ca, level).unwrap().parms_id(), level);

        let half = slots / 2;
        for steps in [1i32, 4, 3] {
            let rotated = ev.rotate_rows(&ca, steps, &kit.galois_keys).unwrap();
            let expected: Vec<i64> = (0..slots)
                .map(|i| {
                    let column = (i % half) as i32 + steps;
                    va[i / half * half + column.rem_euclid(half as i32) as usize]
                })
                .collect();
            prop_assert_eq!(kit.decrypt_slots(&rotated), expected);
        }
        let swapped = ev.rotate_columns(&ca, &kit.galois_keys).unwrap();
        let expected: Vec<i64> = (0..slots).map(|i| va[(i + half) % slots]).collect();
        prop_assert_eq!(kit.decrypt_slots(&swapped), expected);
    }

    #[test]
    fn unsigned_encoding_round_trips(values in prop::collection::vec(0u64..60_000, 0..1024)) {
        let kit = &KITS[0];
        let plain = kit.batch().encode_u64(&values).unwrap();
        let decoded = kit.batch().decode_u64(&plain).unwrap();
        prop_assert_eq!(&decoded[..values.len()], &values[..]);
        prop_assert!(decoded[values.len()..].iter().all(|&v| v == 0));
    }
}

#[test]
fn both_keys_encrypt_and_the_secret_key_makes_less_noise() {
    let kit = &KITS[1];
    let plain = kit.batch().encode_i64(&[7, -7]).unwrap();
    let public = kit.encryptor.encrypt(&plain).unwrap();
    let symmetric = kit.encryptor.encrypt_symmetric(&plain).unwrap();
    assert_eq!(kit.decrypt_slots(&public)[..2], [7, -7]);
    assert_eq!(kit.decrypt_slots(&symmetric)[..2], [7, -7]);
    assert!(kit.budget(&symmetric) > kit.budget(&public));
    let zero = kit.encryptor.encrypt_zero().unwrap();
    assert!(kit.decrypt_slots(&zero).iter().all(|&v| v == 0));
    assert!(!zero.is_transparent());
    let zero = kit.encryptor.encrypt_zero_symmetric().unwrap();
    assert!(kit.decrypt_slots(&zero).iter().all(|&v| v == 0));
}

#[test]
fn the_noise_budget_falls_with_every_square_until_decryption_fails() {
    let kit = &KITS[0];
    let mut encrypted = kit.encrypt_slots(&[3, -2]);
    let mut expected = [3i128, -2];
    let mut budget = kit.budget(&encrypted);
    while budget > 0 {
        assert_eq!(
            kit.decrypt_slots(&encrypted)[..2],
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
    let plain = kit.batch().encode_i64(&[1, 2, 3]).unwrap();
    let whole = kit
        .encrypt_slots(&[1, 2, 3])
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
    // 36-bit residues in 64-bit words: Zstandard finds the zeros.
    #[cfg(feature = "zstd")]
    {
        let small_primes = KITS[2].encrypt_slots(&[1]);
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
fn galois_keys_hold_exactly_what_was_asked_for() {
    let kit = &KITS[0];
    let keys = &kit.galois_keys;
    assert_eq!(keys.count(), 4);
    assert!(keys.has(&kit.context, Rotation::Rows(1)).unwrap());
    assert!(keys.has(&kit.context, Rotation::Columns).unwrap());
    assert!(!keys.has(&kit.context, Rotation::Rows(2)).unwrap());
    let a = kit.encrypt_slots(&[1, 2]);
    let error = kit.evaluator.rotate_rows(&a, 2, keys).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::MissingGaloisKey);
    let mut generator = KeyGenerator::from_secret_key(&kit.context, &kit.secret_key).unwrap();
    let rows_only = generator.create_galois_keys(&[Rotation::Rows(1)]).unwrap();
    let error = kit.evaluator.rotate_columns(&a, &rows_only).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::MissingGaloisKey);
}

/// Checks that a step of 0, which is SEAL's code for swapping the two rows, does not become that key.
#[test]
fn a_rotation_by_no_slot_or_a_whole_row_makes_no_key() {
    let kit = &KITS[0];
    let row = (kit.degree / 2) as i32;
    let mut generator = KeyGenerator::from_secret_key(&kit.context, &kit.secret_key).unwrap();
    let none = generator.create_galois_keys(&[Rotation::Rows(0)]).unwrap();
    assert_eq!(none.count(), 0);
    for rotation in [Rotation::Columns, Rotation::Rows(0), Rotation::Rows(1)] {
        assert!(!none.has(&kit.context, rotation).unwrap(), "{rotation:?}");
    }
    let a = kit.encrypt_slots(&[1, 2]);
    let same = kit.evaluator.rotate_rows(&a, 0, &none).unwrap();
    assert_eq!(kit.decrypt_slots(&same)[..2], [1, 2]);
    let error = kit.evaluator.rotate_columns(&a, &none).unwrap_err();
    assert_eq!(kind(&error), SealErrorKind::MissingGaloisKey);

    let one = generator
        .create_galois_keys(&[Rotation::Rows(0), Rotation::Rows(1), Rotation::Rows(0)])
        .unwrap();
    assert_eq!(one.count(), 1);
    let bytes = generator
        .seal_bytes_galois_keys(&[Rotation::Rows(0), Rotation::Rows(1)], Compression::None)
        .unwrap();
    let sent = GaloisKeys::from_seal_bytes_trusted(&kit.context, &bytes).unwrap();
    assert_eq!(sent.elements(), one.elements());

    // The largest steps have keys of their own. On a circle of N/2 slots, each equals a step of one the other way.
    let ends = [Rotation::Rows(row - 1), Rotation::Rows(1 - row)];
    let keys = generator.create_galois_keys(&ends).unwrap();
    assert_eq!(keys.count(), 2);
    let turned = kit.evaluator.rotate_rows(&a, row - 1, &keys).unwrap();
    assert_eq!(kit.decrypt_slots(&turned)[1..3], [1, 2]);

    for step in [row, -row, row + 1, 2 * row, -2 * row, i32::MAX, i32::MIN] {
        let rotation = Rotation::Rows(step);
        for error in [
            generator.create_galois_keys(&[rotation]).unwrap_err(),
            generator
                .create_galois_keys(&[Rotation::Rows(1), rotation])
                .unwrap_err(),
            generator
                .seal_bytes_galois_keys(&[rotation], Compression::None)
                .unwrap_err(),
            keys.has(&kit.context, rotation).unwrap_err(),
            kit.evaluator.rotate_rows(&a, step, &keys).unwrap_err(),
        ] {
            assert!(
                matches!(error, Error::RotationStep { step: named, row: 512, .. } if named == step),
                "{error}"
            );
            assert!(error.to_string().contains("the limit is 511"), "{error}");
        }
    }
}
