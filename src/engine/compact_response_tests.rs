//! Compact responses: exact in every logit, near the fewest bits, and read as they were written.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use super::{ResponseForm, lengthen, shorten};
use crate::engine::{Client, CompactResponse, Contexts, EngineError, Plan, Response, Server};
use crate::network::{Network, NetworkBuilder, Shape, Twin, random_images};
use crate::params::{BoundRule, Scheme, SelectOptions, select};
use crate::wire::{Limits, Message as _, WireError};
use num_bigint::BigInt;

/// A response, and what is needed to decrypt it.
struct Answered {
    plan: Plan,
    contexts: Contexts,
    client: Client,
    response: Response,
    expected: Vec<Vec<BigInt>>,
}

/// A network with two squares that all layouts serve. Its logits fit 18 bits.
fn network() -> Network {
    let weights =
        |count: usize| -> Vec<i64> { (0..count).map(|i| [1, -1, 0, 1, 1][i % 5]).collect() };
    NetworkBuilder::new("two convolutions", Shape::new(1, 5, 5))
        .uniform_bits(1)
        .conv2d(2, [2, 2], [1, 1], [0, 0], weights(8))
        .square()
        .conv2d(2, [2, 2], [2, 2], [0, 0], weights(16))
        .bias([1; 2])
        .square()
        .flatten()
        .linear(3, weights(24))
        .bias([-2; 3])
        .build()
        .unwrap()
}

fn answer(scheme: Scheme, bits: u32) -> Answered {
    let network = network();
    let options = SelectOptions {
        scheme: Some(scheme),
        images: Some(3),
        bound: BoundRule::Observed {
            magnitude: BigInt::from(1_u64) << bits,
            source: "a test".to_owned(),
        },
        ..SelectOptions::default()
    };
    let plan = Plan::new(&network, &select(&network, &options).unwrap()).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
    let images = random_images(7, &network, plan.batch_size().min(3));
    let request = client.encrypt(&images, &()).unwrap();
    Answered {
        response: server.evaluate(&request, &()).unwrap().response,
        expected: Twin::new(&network).logits_batch(&images).unwrap(),
        plan,
        contexts,
        client,
    }
}

#[test]
fn logits_stay_exact_in_few_bits() {
    let mut shortened = 0;
    for scheme in Scheme::ALL {
        // One plain prime, and several.
        for bits in [18, 50] {
            let Answered {
                plan,
                contexts,
                client,
                response,
                expected,
            } = answer(scheme, bits);
            if !contexts.has_compact_responses() {
                let refused = response.compact(&contexts);
                assert!(matches!(refused, Err(EngineError::CompactResponse)));
                continue;
            }
            shortened += 1;
            let compact = response.compact(&contexts).unwrap();
            let bytes = compact.to_wire(&contexts).unwrap();
            assert!(
                bytes.len() < response.to_wire(&contexts).unwrap().len(),
                "{scheme}: {}",
                bytes.len()
            );
            let read = CompactResponse::from_wire(&contexts, &bytes, &Limits::default()).unwrap();
            assert_eq!(read, compact);
            let expanded = read.expand(&contexts).unwrap();
            let images = expected.len();
            assert_eq!(client.decrypt(&expanded, images).unwrap(), expected);
            // The margin of one bit is kept.
            assert!(
                client.noise_budget_bits(&expanded).unwrap() >= 1,
                "{scheme}"
            );

            let widths = &plan.client_spec().response.widths;
            assert_eq!(widths.len(), plan.circuit().polynomials());
            // Each width is another one, so a message in which two are exchanged is refused.
            let mut exchanged = bytes;
            exchanged.swap(48, 49);
            let refused = CompactResponse::from_wire(&contexts, &exchanged, &Limits::default());
            assert!(matches!(
                refused,
                Err(WireError::Field { field: "width", .. })
            ));
        }
    }
    assert!(shortened >= 7, "{shortened}");
}

/// The tail takes about three bits and the margin one. With six fewer in every polynomial, decryption fails.
#[test]
fn a_few_bits_fewer_are_too_few() {
    for scheme in Scheme::ALL {
        let Answered {
            plan,
            contexts,
            client,
            response,
            expected,
        } = answer(scheme, 18);
        let form = &plan.client_spec().response;
        if form.widths.is_empty() {
            continue;
        }
        let right = |fewer: u32| {
            let form = ResponseForm {
                widths: form.widths.iter().map(|width| width - fewer).collect(),
                ..form.clone()
            };
            let parts = response.parts().iter().zip(contexts.contexts());
            let parts = parts.map(|(part, context)| {
                let short = shorten(context, &form, part).unwrap();
                lengthen(context, &form, &short).unwrap()
            });
            let response = Response {
                images: response.images(),
                parts: parts.collect(),
            };
            match client.decrypt(&response, expected.len()) {
                Ok(logits) => logits == expected,
                Err(EngineError::NoiseExhausted { .. }) => false,
                Err(error) => panic!("{error}"),
            }
        };
        assert!(right(0), "{scheme}");
        assert!(!right(6), "{scheme}");
    }
}

#[test]
fn responses_of_other_plans_are_refused() {
    let (small, large) = (answer(Scheme::Batched, 18), answer(Scheme::Batched, 50));
    let refused = small.response.compact(&large.contexts);
    assert!(matches!(refused, Err(EngineError::Mismatch { .. })));
    let compact = small.response.compact(&small.contexts).unwrap();
    let refused = compact.expand(&large.contexts);
    assert!(matches!(refused, Err(EngineError::CompactResponse)));
    let refused = compact.to_wire(&large.contexts);
    assert!(matches!(refused, Err(WireError::Unfit { .. })));
    let bytes = compact.to_wire(&small.contexts).unwrap();
    let refused = CompactResponse::from_wire(&large.contexts, &bytes, &Limits::default());
    assert!(matches!(refused, Err(WireError::Fingerprint)));
}
