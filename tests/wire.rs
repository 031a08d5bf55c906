//! Tests the wire format: pinned bytes, damaged messages, and a whole inference over it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a failed test may panic"
)]

#[path = "support/messages.rs"]
mod support;

use proptest::prelude::*;
use sealquant::engine::{
    Client, CompactRequest, CompactResponse, Contexts, EvaluationKeys, Plan, Request, Response,
    SeededEvaluationKeys, SeededRequest, Server,
};
use sealquant::network::{Network, NetworkBuilder, Shape, Twin};
use sealquant::params::{Scheme, SelectOptions, select};
use sealquant::seal::SeededCiphertext;
use sealquant::wire::{Limits, Message, WireError, reencode};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::PathBuf;
use support::{Random, World, damage, worlds};

fn pinned(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/wire/{name}.bin"))
}

/// Checks the pinned bytes. Set `SEALQUANT_PIN_WIRE` to rewrite the files: only together with a new version of the
/// format.
#[test]
fn the_bytes_of_version_1_are_pinned() {
    for world in worlds() {
        for (name, bytes) in &world.messages {
            if std::env::var_os("SEALQUANT_PIN_WIRE").is_some() {
                std::fs::write(pinned(name), bytes).unwrap();
            }
            let expected = std::fs::read(pinned(name)).unwrap();
            assert!(*bytes == expected, "{name} is written in other bytes");
            let limits = Limits::default();
            let again = reencode(&world.context, Some(&world.plan), &expected, &limits).unwrap();
            assert_eq!(again, expected, "{name}");
        }
    }
}

/// Checks that a limit on memory counts both what was read and what a server expands it to, as both are in memory then.
#[test]
fn the_limit_on_memory_counts_what_seeds_expand_to() {
    let [world, _] = worlds();
    let needed = |bytes: &[u8]| {
        let limits = Limits {
            memory_bytes: 0,
            ..Limits::default()
        };
        match reencode(&world.context, Some(&world.plan), bytes, &limits) {
            Err(WireError::Limit { field, needed, .. }) => {
                assert_eq!(field, "bytes of memory");
                needed
            }
            other => panic!("{other:?}"),
        }
    };
    let mut pairs = 0;
    for (name, bytes) in &world.messages {
        let whole = name.strip_prefix("seeded_");
        let whole = whole.and_then(|name| world.messages.iter().find(|(other, _)| *other == name));
        let Some((_, whole)) = whole else {
            continue;
        };
        pairs += 1;
        let (seeded, whole) = (needed(bytes), needed(whole));
        // This is the first polynomials, the seeds, and all polynomials once more.
        assert!(seeded >= whole * 3 / 2, "{name}: {seeded} of {whole}");
        assert!(
            seeded <= whole * 3 / 2 + 64 * 200,
            "{name}: {seeded} of {whole}"
        );
        let read = |memory_bytes| {
            let limits = Limits {
                memory_bytes,
                ..Limits::default()
            };
            reencode(&world.context, Some(&world.plan), bytes, &limits)
        };
        assert!(read(seeded).is_ok(), "{name}");
        assert!(
            matches!(read(seeded - 1), Err(WireError::Limit { .. })),
            "{name}"
        );
    }
    assert!(pairs >= 6, "{pairs}");
}

#[test]
fn the_expansion_of_a_seed_is_pinned() {
    let [World { context, .. }, _] = worlds();
    let bytes = std::fs::read(pinned("seeded_ciphertext")).unwrap();
    let seeded = SeededCiphertext::from_wire(&context, &bytes, &Limits::default()).unwrap();
    let expanded = seeded.expand(&context).unwrap();
    let mut hash = Sha256::new();
    for limb in expanded.limbs() {
        hash.update(limb.to_le_bytes());
    }
    let mut digest = String::new();
    for byte in hash.finalize() {
        write!(digest, "{byte:02x}").unwrap();
    }
    let path = pinned("expanded").with_extension("sha256");
    if std::env::var_os("SEALQUANT_PIN_WIRE").is_some() {
        std::fs::write(&path, format!("{digest}\n")).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    assert_eq!(digest, expected.trim());
}

/// Checks what compact messages stand for, as whole messages. `web/test/wire.test.ts` reads and writes the same files.
#[test]
fn the_expansions_of_compact_messages_are_pinned() {
    let [World { plan, .. }, _] = worlds();
    let limits = Limits::default();
    let read = |name: &str| std::fs::read(pinned(name)).unwrap();
    let request = CompactRequest::from_wire(&plan, &read("compact_request"), &limits).unwrap();
    let response = CompactResponse::from_wire(&plan, &read("compact_response"), &limits).unwrap();
    let expanded = [
        (
            "expanded_request",
            request.expand(&plan).unwrap().to_wire(&plan),
        ),
        (
            "expanded_response",
            response.expand(&plan).unwrap().to_wire(&plan),
        ),
    ];
    for (name, bytes) in expanded {
        let bytes = bytes.unwrap();
        if std::env::var_os("SEALQUANT_PIN_WIRE").is_some() {
            std::fs::write(pinned(name), &bytes).unwrap();
        }
        assert!(bytes == read(name), "{name} has other bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Checks that nothing panics, and that an accepted message is the only encoding of its object.
    #[test]
    fn damaged_messages_are_refused_or_valid(seed: u64) {
        thread_local! {
            static WORLDS: [World; 2] = worlds();
        }
        WORLDS.with(|worlds| {
            let mut random = Random(seed);
            for world in worlds.iter().cycle().take(16) {
                let bytes = damage(&mut random, &world.messages);
                let result = reencode(&world.context, Some(&world.plan), &bytes, &Limits::default());
                if let Ok(again) = result {
                    prop_assert_eq!(&again, &bytes);
                }
            }
            Ok(())
        })?;
    }
}

/// Builds a network with two squares, and with weights so wide that it needs several plain primes.
fn network() -> Network {
    NetworkBuilder::new("wide", Shape::vector(3))
        .uniform_bits(2)
        .linear(2, [1 << 40, -3, 7, -(1 << 60), 5, 0])
        .bias([-9, 1_i64 << 50])
        .square()
        .linear(2, [2, -1, 1, 1])
        .bias([0, 3])
        .square()
        .linear(1, [1, -1])
        .bias([-1])
        .build()
        .unwrap()
}

#[test]
fn an_inference_over_the_wire_equals_the_twin() {
    let network = network();
    let options = SelectOptions {
        scheme: Some(Scheme::Stock),
        ..SelectOptions::default()
    };
    let selection = select(&network, &options).unwrap();
    let plan = Plan::new(&network, &selection).unwrap();
    let scope = Contexts::new(plan.client_spec()).unwrap();
    assert!(scope.contexts().len() > 1, "needs the CRT");
    let limits = Limits::default();
    let images: Vec<Vec<i64>> = (0..5)
        .map(|i| (0..3).map(|j| (i + 2 * j) % 4).collect())
        .collect();
    let client = Client::new(plan.client_spec(), &scope).unwrap();

    let seeded = client
        .evaluation_keys_seeded()
        .unwrap()
        .to_wire(&scope)
        .unwrap();
    let keys = SeededEvaluationKeys::from_wire(&scope, &seeded, &limits).unwrap();
    let whole = keys.expand(&scope).unwrap().to_wire(&scope).unwrap();
    assert!(2 * seeded.len() < whole.len() + whole.len() / 50);
    let server = Server::new(
        &plan,
        &scope,
        EvaluationKeys::from_wire(&scope, &whole, &limits).unwrap(),
    )
    .unwrap();

    let sent = client
        .encrypt_seeded(&images, &())
        .unwrap()
        .to_wire(&scope)
        .unwrap();
    let request = SeededRequest::from_wire(&scope, &sent, &limits)
        .unwrap()
        .expand(&scope)
        .unwrap();
    let whole = request.to_wire(&scope).unwrap();
    let request = Request::from_wire(&scope, &whole, &limits).unwrap();
    assert_eq!(request.images(), 5);

    let evaluation = server.evaluate(&request, &()).unwrap();
    let returned = evaluation.response.to_wire(&scope).unwrap();
    let response = Response::from_wire(&scope, &returned, &limits).unwrap();
    let expected = Twin::new(&network).logits_batch(&images).unwrap();
    assert_eq!(client.decrypt(&response, images.len()).unwrap(), expected);

    // Each message is of another kind, and a request is not accepted as a response.
    for bytes in [&seeded, &sent, &whole, &returned] {
        let context = &scope.contexts()[0];
        let again = reencode(context, Some(&scope), bytes, &limits).unwrap();
        assert_eq!(&again, bytes);
        assert!(matches!(
            reencode(context, None, bytes, &limits),
            Err(WireError::Field { field: "kind", .. })
        ));
        assert!(matches!(
            EvaluationKeys::from_wire(&scope, bytes, &limits),
            Err(WireError::Kind { .. })
        ));
    }
    // State more images than a batch holds.
    let mut bytes = sent.clone();
    bytes[44..48].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        SeededRequest::from_wire(&scope, &bytes, &limits),
        Err(WireError::Field {
            field: "images",
            ..
        })
    ));
}
