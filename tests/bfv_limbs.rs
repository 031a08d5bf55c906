//! Tests residues by modulus and edits of them: SEAL uses what is written, and values that do not fit never stay.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod bfv_kit;

use bfv_kit::{Kit, T};
use sealquant::seal::{Ciphertext, Error, LimbsMut, ParmsId, Plaintext};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn kits() -> [Kit; 3] {
    [
        Kit::new(1024, &[50, 40, 30, 51], T::Batching(17)),
        Kit::new(2048, &[60, 58, 60], T::Value(1 << 20)),
        Kit::new(64, &[30, 31], T::Value(255)),
    ]
}

fn add(a: u64, b: u64, modulus: u64) -> u64 {
    ((u128::from(a) + u128::from(b)) % u128::from(modulus)) as u64
}

#[test]
fn views_cover_all_limbs_in_order() {
    for kit in kits() {
        for encrypted in [
            kit.encrypt(&[1]),
            kit.evaluator.square(&kit.encrypt(&[1])).unwrap(),
        ] {
            let moduli = encrypted.coeff_modulus_size();
            let all: Vec<u64> = encrypted
                .limbs_by_modulus()
                .flat_map(|limb| limb.residues.iter().copied())
                .collect();
            assert_eq!(all, encrypted.limbs());
            assert_eq!(
                encrypted.limbs_by_modulus().len(),
                encrypted.size() * moduli
            );
            for limb in encrypted.limbs_by_modulus() {
                let same = encrypted.limb(limb.polynomial, limb.modulus_index).unwrap();
                assert_eq!(same, limb.residues);
                assert_eq!(same.len(), kit.degree);
                let prime = kit.context.parameters().coeff_modulus()[limb.modulus_index].value();
                assert!(same.iter().all(|&residue| residue < prime));
            }
            assert_eq!(encrypted.limb(encrypted.size(), 0), None);
            assert_eq!(encrypted.limb(0, moduli), None);
            assert_eq!(encrypted.limb(usize::MAX, moduli - 1), None);
        }
        assert_eq!(Ciphertext::new().unwrap().limbs_by_modulus().count(), 0);
        assert_eq!(Ciphertext::new().unwrap().limb(0, 0), None);
    }
}

/// Checks that a sum by our own kernel equals SEAL's, at every level, for sizes 2 and 3, in both forms.
#[test]
fn edits_are_used_by_seal() {
    for kit in kits() {
        let ev = &kit.evaluator;
        for level in kit.context.data_levels() {
            let at = |value: u64| {
                let fresh = kit.encrypt(&[value, value + 1]);
                ev.mod_switch_to(&fresh, level.parms_id).unwrap()
            };
            let (a, b) = (at(3), at(5));
            let (long_a, long_b) = (ev.square(&a).unwrap(), ev.square(&b).unwrap());
            let (ntt_a, ntt_b) = (
                ev.transform_to_ntt(&a).unwrap(),
                ev.transform_to_ntt(&b).unwrap(),
            );
            for (a, b) in [(a, b), (long_a, long_b), (ntt_a, ntt_b)] {
                let expected = ev.add(&a, &b).unwrap();
                let mut edited = a.try_clone().unwrap();
                let seen = edited
                    .edit_limbs(&kit.context, |limbs| {
                        assert_eq!(limbs.polynomials(), a.size());
                        assert_eq!(limbs.moduli().len(), level.coeff_modulus_size);
                        assert_eq!(limbs.limb_len(), kit.degree);
                        assert_eq!(limbs.parms_id(), level.parms_id);
                        assert_eq!(limbs.is_ntt_form(), a.is_ntt_form());
                        assert_eq!(limbs.as_slice(), a.limbs());
                        for (ours, theirs) in limbs.limbs_mut().zip(b.limbs_by_modulus()) {
                            assert_eq!(ours.polynomial, theirs.polynomial);
                            assert_eq!(ours.modulus_index, theirs.modulus_index);
                            for (x, &y) in ours.residues.iter_mut().zip(theirs.residues) {
                                *x = add(*x, y, ours.modulus);
                            }
                        }
                        limbs.limb(1, 0).unwrap()[0]
                    })
                    .unwrap();
                assert_eq!(edited.limbs(), expected.limbs());
                assert_eq!(seen, expected.limb(1, 0).unwrap()[0]);

                // Write the same into ciphertexts of another shape.
                for mut target in [Ciphertext::new().unwrap(), kit.encrypt(&[9]), long(&kit)] {
                    target
                        .write_limbs(
                            &kit.context,
                            a.parms_id(),
                            a.size(),
                            a.is_ntt_form(),
                            |limbs| {
                                limbs.as_mut_slice().copy_from_slice(a.limbs());
                            },
                        )
                        .unwrap();
                    assert_eq!(target.parms_id(), a.parms_id());
                    assert_eq!(target.is_ntt_form(), a.is_ntt_form());
                    assert!(target.is_valid_for(&kit.context).unwrap());
                    assert_eq!(
                        ev.add(&target, &b).unwrap().limbs(),
                        expected.limbs(),
                        "SEAL takes what was written"
                    );
                }
            }
        }
    }
}

fn long(kit: &Kit) -> Ciphertext {
    kit.evaluator.square(&kit.encrypt(&[2])).unwrap()
}

#[test]
fn memory_is_reused_when_it_suffices() {
    let [kit, ..] = kits();
    let mut target = long(&kit);
    let (start, capacity) = (target.limbs().as_ptr(), target.size_capacity());
    let lowest = kit.context.last_parms_id();
    target
        .write_limbs(&kit.context, lowest, 2, true, |limbs| {
            limbs.as_mut_slice().fill(1);
        })
        .unwrap();
    assert_eq!(target.limbs().as_ptr(), start);
    assert!(target.size_capacity() >= capacity);
    assert_eq!(target.limbs().len(), 2 * kit.degree);
}

#[test]
fn a_residue_that_does_not_fit_leaves_zeros() {
    for kit in kits() {
        let moduli = kit.context.data_levels()[0].coeff_modulus_size;
        let prime = kit.context.parameters().coeff_modulus()[moduli - 1].value();
        let fresh = kit.encrypt(&[1]);
        for (value, fits) in [(prime - 1, true), (prime, false), (u64::MAX, false)] {
            let mut edited = fresh.try_clone().unwrap();
            let outcome = edited.edit_limbs(&kit.context, |limbs| {
                limbs.limb_mut(1, moduli - 1).unwrap()[7] = value;
            });
            if fits {
                outcome.unwrap();
                assert_eq!(edited.limb(1, moduli - 1).unwrap()[7], value);
                continue;
            }
            assert_eq!(
                outcome,
                Err(Error::Residue {
                    operation: "Ciphertext::edit_limbs",
                    index: (2 * moduli - 1) * kit.degree + 7,
                    value,
                    prime,
                })
            );
            assert_eq!(edited.limbs().len(), fresh.limbs().len());
            assert!(edited.limbs().iter().all(|&residue| residue == 0));
            assert!(edited.is_valid_for(&kit.context).unwrap());
            // The ciphertext hides nothing, but SEAL still computes with it.
            assert!(edited.is_transparent());
            let sum = kit.evaluator.add(&fresh, &edited).unwrap();
            assert_eq!(sum.limbs(), fresh.limbs());
        }
        let mut written = kit.encrypt(&[1]);
        let outcome = written.write_limbs(
            &kit.context,
            kit.context.last_parms_id(),
            3,
            true,
            |limbs| {
                limbs.as_mut_slice().fill(u64::MAX);
            },
        );
        assert!(matches!(outcome, Err(Error::Residue { index: 0, .. })));
        assert_eq!((written.size(), written.is_ntt_form()), (3, true));
        assert!(written.limbs().iter().all(|&residue| residue == 0));
    }
}

#[test]
fn a_panic_leaves_zeros() {
    for kit in kits() {
        let mut edited = kit.encrypt(&[1]);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            edited.edit_limbs(&kit.context, |limbs| {
                limbs.as_mut_slice().fill(u64::MAX);
                panic!("within the edit");
            })
        }));
        assert!(caught.is_err());
        assert!(edited.limbs().iter().all(|&residue| residue == 0));
        assert!(edited.is_valid_for(&kit.context).unwrap());

        let mut plain = kit.plain(&[1, 2]);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            plain.edit_limbs(&kit.context, |limbs| {
                limbs.as_mut_slice().fill(u64::MAX);
                panic!("within the edit");
            })
        }));
        assert!(caught.is_err());
        assert!(plain.is_zero() && plain.is_valid_for(&kit.context).unwrap());
    }
}

#[test]
fn several_ciphertexts_are_edited_at_once() {
    let [kit, ..] = kits();
    let ev = &kit.evaluator;
    let mut all = vec![kit.encrypt(&[3]), long(&kit), kit.encrypt(&[4])];
    ev.mod_switch_to_next_inplace(&mut all[2]).unwrap();
    let expected: Vec<_> = all.iter().map(|one| ev.negate(one).unwrap()).collect();
    Ciphertext::edit_limbs_of_all(&mut all, &kit.context, |all| {
        for limb in all.iter_mut().flat_map(LimbsMut::limbs_mut) {
            for residue in limb.residues {
                *residue = (limb.modulus - *residue) % limb.modulus;
            }
        }
    })
    .unwrap();
    for (ours, theirs) in all.iter().zip(&expected) {
        assert_eq!(ours.limbs(), theirs.limbs());
    }
    // Swapped views keep their moduli, so everything is still checked.
    let before = all[0].limbs().len();
    let outcome = Ciphertext::edit_limbs_of_all(&mut all, &kit.context, |all| {
        all.swap(0, 1);
        all[0].as_mut_slice()[1] = u64::MAX;
    });
    assert!(matches!(outcome, Err(Error::Residue { index: 1, .. })));
    assert_eq!(all[0].limbs().len(), before);
    assert!(all.iter().all(|one| one.limbs().iter().all(|&r| r == 0)));
    Ciphertext::edit_limbs_of_all(&mut [], &kit.context, |none| assert!(none.is_empty())).unwrap();
}

#[test]
fn what_cannot_be_edited_is_left_as_it_was() {
    let [kit, other, _] = kits();
    let mut foreign = other.encrypt(&[1]);
    let before = foreign.limbs().to_vec();
    let never = |_: &mut LimbsMut<'_>| panic!("nothing to edit");
    assert!(matches!(
        foreign.edit_limbs(&kit.context, never),
        Err(Error::ContextMismatch { .. })
    ));
    assert!(matches!(
        Ciphertext::new().unwrap().edit_limbs(&kit.context, never),
        Err(Error::ContextMismatch { .. })
    ));
    let first = kit.context.first_parms_id();
    for level in [
        ParmsId::ZERO,
        kit.context.key_parms_id(),
        other.context.first_parms_id(),
    ] {
        assert!(matches!(
            foreign.write_limbs(&kit.context, level, 2, false, never),
            Err(Error::ContextMismatch { .. })
        ));
    }
    for size in [0, 1, 17, usize::MAX] {
        assert!(matches!(
            foreign.write_limbs(&kit.context, first, size, false, never),
            Err(Error::PolynomialCount { .. })
        ));
    }
    assert_eq!(foreign.limbs(), before);
    assert_eq!(foreign.parms_id(), other.context.first_parms_id());
    foreign
        .write_limbs(&kit.context, first, 2, false, |limbs| {
            limbs.as_mut_slice().fill(1);
        })
        .unwrap();
    assert!(foreign.is_valid_for(&kit.context).unwrap());
}

#[test]
fn the_form_can_be_declared() {
    let [kit, ..] = kits();
    let mut encrypted = kit.encrypt(&[6]);
    let ntt = kit.evaluator.transform_to_ntt(&encrypted).unwrap();
    encrypted
        .edit_limbs(&kit.context, |limbs| {
            limbs.as_mut_slice().copy_from_slice(ntt.limbs());
        })
        .unwrap();
    encrypted.set_ntt_form(true);
    let back = kit.evaluator.transform_from_ntt(&encrypted).unwrap();
    assert_eq!(kit.decrypt(&back)[0], 6);
}

#[test]
fn plaintexts_are_edited_in_both_forms() {
    for kit in kits() {
        let ev = &kit.evaluator;
        // Coefficient form, modulo t.
        let mut plain = kit.plain(&[1, 2, 3]);
        assert_eq!(plain.limb(&kit.context, 0).unwrap(), [1, 2, 3]);
        assert_eq!(plain.limb(&kit.context, 1), None);
        plain
            .edit_limbs(&kit.context, |limbs| {
                assert_eq!(limbs.moduli(), [kit.t]);
                assert_eq!((limbs.polynomials(), limbs.limb_len()), (1, 3));
                assert_eq!(limbs.parms_id(), ParmsId::ZERO);
                limbs.limb_mut(0, 0).unwrap()[2] = kit.t - 1;
            })
            .unwrap();
        let encrypted = kit.encryptor.encrypt_symmetric(&plain).unwrap();
        assert_eq!(kit.decrypt(&encrypted)[..3], [1, 2, kit.t - 1]);
        let outcome = plain.edit_limbs(&kit.context, |limbs| limbs.as_mut_slice()[1] = kit.t);
        assert!(matches!(outcome, Err(Error::Residue { index: 1, .. })));
        assert!(plain.is_zero());
        assert_eq!(plain.coeff_count(), 3);

        // NTT form, modulo the primes of each level.
        for level in kit.context.data_levels() {
            let reference = ev
                .transform_plain_to_ntt(&kit.plain(&[5, 1]), level.parms_id)
                .unwrap();
            for mut written in [
                Plaintext::new().unwrap(),
                kit.plain(&[1, 1]),
                reference.try_clone().unwrap(),
            ] {
                written
                    .write_limbs(&kit.context, level.parms_id, |limbs| {
                        assert_eq!(limbs.moduli().len(), level.coeff_modulus_size);
                        assert!(limbs.is_ntt_form());
                        for limb in limbs.limbs_mut() {
                            let same = reference.limb(&kit.context, limb.modulus_index).unwrap();
                            limb.residues.copy_from_slice(same);
                        }
                    })
                    .unwrap();
                assert!(written == reference);
                let fresh = ev
                    .mod_switch_to(&kit.encrypt(&[2, 3]), level.parms_id)
                    .unwrap();
                let mut product = ev.transform_to_ntt(&fresh).unwrap();
                ev.multiply_plain_inplace(&mut product, &written).unwrap();
                ev.transform_from_ntt_inplace(&mut product).unwrap();
                assert_eq!(kit.decrypt(&product)[..3], [10, 17, 3]);

                let prime = kit.context.parameters().coeff_modulus()[0].value();
                let outcome =
                    written.edit_limbs(&kit.context, |limbs| limbs.as_mut_slice()[0] = prime);
                assert!(matches!(outcome, Err(Error::Residue { index: 0, .. })));
                assert!(written.is_zero() && written.is_ntt_form());
            }
        }

        // Back to coefficient form.
        let level = kit.context.first_parms_id();
        let mut plain = ev.transform_plain_to_ntt(&kit.plain(&[1]), level).unwrap();
        plain
            .write_limbs(&kit.context, ParmsId::ZERO, |limbs| {
                assert_eq!(limbs.limb_len(), kit.degree);
                limbs.as_mut_slice().fill(kit.t - 1);
            })
            .unwrap();
        let sum = ev.add_plain(&kit.encrypt(&[2]), &plain).unwrap();
        assert_eq!(kit.decrypt(&sum)[..2], [1, kit.t - 1]);
    }
}

#[test]
fn plaintexts_of_other_parameters_are_refused() {
    let [kit, other, _] = kits();
    let wide = Plaintext::from_coefficients(&other.context, &[1; 2048]).unwrap();
    let level = other.context.first_parms_id();
    let ntt = other
        .evaluator
        .transform_plain_to_ntt(&wide, level)
        .unwrap();
    for (mut plain, expected_count) in [(wide, true), (ntt, false)] {
        assert_eq!(plain.limb(&kit.context, 0), None);
        let outcome = plain.edit_limbs(&kit.context, |_| panic!("nothing to edit"));
        match outcome {
            Err(Error::TooManyValues { .. }) => assert!(expected_count),
            Err(Error::ContextMismatch { .. }) => assert!(!expected_count),
            other => panic!("{other:?}"),
        }
        let outcome = plain.write_limbs(&kit.context, level, |_| panic!("nothing to write"));
        assert!(matches!(outcome, Err(Error::ContextMismatch { .. })));
        assert!(!plain.is_zero());
    }
}
