//! Checks that every form with a destination gives the same result as the form that returns a new object, whatever the
//! destination held.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod bfv_kit;

use bfv_kit::{KITS, Kit, kind};
use sealquant::seal::{Ciphertext, Error, ParmsId, Plaintext, Result, SealErrorKind};

fn same(ours: &Ciphertext, theirs: &Ciphertext, name: &str) {
    assert_eq!(ours.limbs(), theirs.limbs(), "{name}");
    assert_eq!(ours.size(), theirs.size(), "{name}");
    assert_eq!(ours.parms_id(), theirs.parms_id(), "{name}");
    assert_eq!(ours.is_ntt_form(), theirs.is_ntt_form(), "{name}");
}

/// Creates destinations of every shape: empty, smaller, larger, in the other form.
fn destinations(kit: &Kit) -> Vec<Ciphertext> {
    let ev = &kit.evaluator;
    let fresh = kit.encrypt_slots(&[-1]);
    let lowest = ev
        .mod_switch_to(&fresh, kit.context.last_parms_id())
        .unwrap();
    vec![
        Ciphertext::new().unwrap(),
        lowest,
        ev.square(&fresh).unwrap(),
        ev.transform_to_ntt(&fresh).unwrap(),
    ]
}

#[test]
fn ciphertexts() {
    for kit in KITS.iter() {
        let ev = &kit.evaluator;
        let (a, b) = (kit.encrypt_slots(&[3, 4]), kit.encrypt_slots(&[5]));
        let plain = kit.batch().encode_i64(&[6, 7]).unwrap();
        let (long, ntt) = (ev.square(&a).unwrap(), ev.transform_to_ntt(&a).unwrap());
        let keys = &kit.galois_keys;
        for mut to in destinations(kit) {
            macro_rules! check {
                ($name:ident, $into:ident, $of:expr $(, $argument:expr)*) => {
                    let expected = ev.$name($of $(, $argument)*).unwrap();
                    ev.$into($of $(, $argument)*, &mut to).unwrap();
                    same(&to, &expected, stringify!($into));
                };
            }
            check!(negate, negate_into, &a);
            check!(add, add_into, &a, &b);
            check!(sub, sub_into, &a, &b);
            check!(multiply, multiply_into, &a, &b);
            check!(square, square_into, &a);
            check!(relinearize, relinearize_into, &long, &kit.relin_keys);
            check!(add_plain, add_plain_into, &a, &plain);
            check!(sub_plain, sub_plain_into, &a, &plain);
            check!(multiply_plain, multiply_plain_into, &a, &plain);
            check!(transform_to_ntt, transform_to_ntt_into, &a);
            check!(transform_from_ntt, transform_from_ntt_into, &ntt);
            check!(rotate_rows, rotate_rows_into, &a, 1, keys);
            check!(rotate_columns, rotate_columns_into, &a, keys);
            check!(apply_galois, apply_galois_into, &a, 3, keys);
            for of in [&a, &long] {
                check!(mod_switch_to_next, mod_switch_to_next_into, of);
                let mut steps = of.try_clone().unwrap();
                for level in kit.context.data_levels() {
                    check!(mod_switch_to, mod_switch_to_into, of, level.parms_id);
                    same(&to, &steps, "one step after the other");
                    if level.chain_index > 0 {
                        ev.mod_switch_to_next_inplace(&mut steps).unwrap();
                    }
                }
            }
        }
    }
}

#[test]
fn levels_that_do_not_fit() {
    let kit = &KITS[0];
    let ev = &kit.evaluator;
    let fresh = kit.encrypt_slots(&[1]);
    let last = kit.context.last_parms_id();
    let lowest = ev.mod_switch_to(&fresh, last).unwrap();
    let ntt = ev.transform_to_ntt(&fresh).unwrap();
    let empty = Ciphertext::new().unwrap();
    let mut to = Ciphertext::new().unwrap();
    let mut invalid = |outcome: fn(&Kit, &Ciphertext, ParmsId, &mut Ciphertext) -> Result<()>,
                       of: &Ciphertext,
                       level: ParmsId| {
        let error: Error = outcome(kit, of, level, &mut to).unwrap_err();
        assert_eq!(kind(&error), SealErrorKind::InvalidArgument, "{error}");
    };
    let next = |kit: &Kit, of: &Ciphertext, _, to: &mut Ciphertext| {
        kit.evaluator.mod_switch_to_next_into(of, to)
    };
    let to_level = |kit: &Kit, of: &Ciphertext, level, to: &mut Ciphertext| {
        kit.evaluator.mod_switch_to_into(of, level, to)
    };
    for of in [&lowest, &ntt, &empty] {
        invalid(next, of, last);
    }
    invalid(to_level, &lowest, fresh.parms_id());
    invalid(to_level, &fresh, ParmsId::ZERO);
    invalid(to_level, &fresh, kit.context.key_parms_id());
    invalid(to_level, &fresh, KITS[1].context.last_parms_id());
    invalid(to_level, &ntt, last);
    invalid(to_level, &empty, last);
    assert_eq!(kit.decrypt_slots(&fresh)[0], 1);
}

#[test]
fn plaintexts() {
    for kit in KITS.iter() {
        let ev = &kit.evaluator;
        let plain = kit.batch().encode_i64(&[6, 7]).unwrap();
        let first = kit.context.first_parms_id();
        let ntt = ev.transform_plain_to_ntt(&plain, first).unwrap();
        let small = Plaintext::from_coefficients(&kit.context, &[1]).unwrap();
        for mut to in [Plaintext::new().unwrap(), small, ntt.try_clone().unwrap()] {
            ev.transform_plain_to_ntt_into(&plain, first, &mut to)
                .unwrap();
            assert!(to == ntt);
            ev.mod_switch_plain_to_next_into(&ntt, &mut to).unwrap();
            assert!(to == ev.mod_switch_plain_to_next(&ntt).unwrap());
            for level in kit.context.data_levels() {
                ev.mod_switch_plain_to_into(&ntt, level.parms_id, &mut to)
                    .unwrap();
                assert!(to == ev.transform_plain_to_ntt(&plain, level.parms_id).unwrap());
            }
            assert!(matches!(
                ev.mod_switch_plain_to_next_into(&plain, &mut to),
                Err(Error::WrongForm { .. })
            ));
        }
    }
}
