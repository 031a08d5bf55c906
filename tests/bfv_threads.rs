//! Tests which objects may be shared between threads or moved to others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

mod bfv_kit;

use bfv_kit::KITS;
use sealquant::seal::{
    BatchEncoder, Ciphertext, Context, Decryptor, Encryptor, Evaluator, GaloisKeys, KeyGenerator,
    Plaintext, PublicKey, RelinKeys, SecretKey,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};

#[test]
fn one_evaluator_encryptor_and_encoder_serve_many_threads() {
    let kit = &KITS[2];
    let results: Vec<(i64, Ciphertext)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (1..=8i64)
            .map(|value| {
                scope.spawn(move || {
                    let mut encrypted = kit.encrypt_slots(&[value; 64]);
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
                        assert_eq!(kit.decrypt_slots(&turned)[0], value * value);
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
    // The ciphertexts outlive the threads that created them.
    for (value, encrypted) in results {
        assert_eq!(kit.decrypt_slots(&encrypted)[..64], [value * value; 64]);
    }
}

// This is the table "Threads" in `sealquant::seal`: this file does not compile if a row is wrong, in either direction.
assert_impl_all!(Context: Send, Sync);
assert_impl_all!(BatchEncoder: Send, Sync);
assert_impl_all!(Encryptor: Send, Sync);
assert_impl_all!(Evaluator: Send, Sync);
assert_impl_all!(Plaintext: Send, Sync);
assert_impl_all!(Ciphertext: Send, Sync);
assert_impl_all!(SecretKey: Send, Sync);
assert_impl_all!(PublicKey: Send, Sync);
assert_impl_all!(RelinKeys: Send, Sync);
assert_impl_all!(GaloisKeys: Send, Sync);
assert_impl_all!(Decryptor: Send);
assert_not_impl_any!(Decryptor: Sync);
assert_impl_all!(KeyGenerator: Send);
assert_not_impl_any!(KeyGenerator: Sync);

/// Checks that each row of the table has an assertion above, and that each assertion has a row.
#[test]
fn the_documented_thread_safety_is_the_one_that_is_asserted() {
    let rows: Vec<(String, bool)> = include_str!("../src/seal/mod.rs")
        .lines()
        .skip_while(|line| !line.starts_with("//! # Threads"))
        .skip(1)
        .take_while(|line| !line.starts_with("//! #"))
        .filter_map(|line| line.strip_prefix("//! | "))
        .skip(2)
        .flat_map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            assert_eq!(cells[1], "yes", "all can be sent: {row}");
            let shared = match cells[2] {
                "yes" => true,
                "no" => false,
                other => panic!("{other}"),
            };
            let types: Vec<String> = cells[0]
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            types.into_iter().map(move |name| (name, shared))
        })
        .collect();
    let own = include_str!("bfv_threads.rs");
    for (name, shared) in &rows {
        let assertion = if *shared {
            format!("assert_impl_all!({name}: Send, Sync);")
        } else {
            format!("assert_not_impl_any!({name}: Sync);")
        };
        assert!(own.contains(&assertion), "{assertion}");
    }
    let asserted = own
        .lines()
        .filter(|line| line.starts_with("assert_") && line.contains("Sync"))
        .count();
    assert_eq!(asserted, rows.len());
}
