//! What may be shared between threads, and moved to others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

mod bfv_kit;

use bfv_kit::KITS;
use sealquant::bfv::{
    BatchEncoder, Ciphertext, Context, Decryptor, Encryptor, Evaluator, GaloisKeys, KeyGenerator,
    Plaintext,
};

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
    // The ciphertexts outlive the threads that made them.
    for (value, encrypted) in results {
        assert_eq!(kit.decrypt_slots(&encrypted)[..64], [value * value; 64]);
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
