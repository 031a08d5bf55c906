//! Compares predicted memory with the sizes of actual keys and ciphertexts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use super::{Client, Contexts, Plan, Server};
use crate::network::{Network, NetworkBuilder, Shape, SplitMix64, random_images};
use crate::params::{ParamsError, Scheme, SelectOptions, select};
use crate::seal::Ciphertext;

/// Makes a network of two ternary convolutions, each followed by a square, and a linear layer.
fn network() -> Network {
    let mut random = SplitMix64::new(3);
    let mut weights = |count: usize| -> Vec<i64> {
        (0..count)
            .map(|_| [-1, 0, 0, 1][(random.next_u64() % 4) as usize])
            .collect()
    };
    NetworkBuilder::new("memory", Shape::new(1, 8, 8))
        .uniform_bits(1)
        .conv2d(3, [3, 3], [1, 1], [0, 0], weights(3 * 9))
        .bias([1; 3])
        .square()
        .conv2d(4, [3, 3], [1, 1], [0, 0], weights(4 * 3 * 9))
        .bias([1; 4])
        .square()
        .linear(10, weights(10 * 4 * 4 * 4))
        .bias([7; 10])
        .build()
        .unwrap()
}

fn options(scheme: Option<Scheme>) -> SelectOptions {
    SelectOptions {
        scheme,
        images: Some(2),
        ..SelectOptions::default()
    }
}

fn bytes(ciphertexts: &[Ciphertext]) -> u64 {
    let words: usize = ciphertexts.iter().map(|one| one.limbs().len()).sum();
    8 * words as u64
}

#[test]
fn keys_and_requests_take_the_predicted_memory() {
    let network = network();
    for scheme in Scheme::ALL {
        let selection = select(&network, &options(Some(scheme))).unwrap();
        let plan = Plan::new(&network, &selection).unwrap();
        let forecast = plan.memory(Some(2));
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        let keys = client.evaluation_keys().unwrap();
        let mut words = 0;
        for relin in keys.relin_keys.iter().flatten() {
            let parts = (0..relin.parts(0)).map(|part| relin.limbs(0, part).unwrap().len());
            words += parts.sum::<usize>();
        }
        for galois in keys.galois_keys.iter().flatten() {
            for &element in plan.client_spec().galois_elements() {
                let parts = 0..galois.parts(element);
                let parts = parts.map(|part| galois.limbs(element, part).unwrap().len());
                words += parts.sum::<usize>();
            }
        }
        if let Some(compact) = &keys.compact {
            // Packed, a residue takes 20 to 50 bits of 64.
            let packed: usize = compact.keys.iter().map(Vec::len).sum();
            let bits = 64 * packed as u64;
            assert!(20 * forecast.keys <= bits && bits <= 50 * forecast.keys);
            assert_eq!(packed > 0, scheme.rotates());
            assert_eq!(words, 0);
        } else {
            assert_eq!(forecast.keys, 8 * words as u64, "{scheme}: keys");
            assert_eq!(scheme, Scheme::Stock);
        }

        let images = random_images(1, &network, plan.batch_size().min(2));
        let request = client.encrypt(&images, &()).unwrap();
        let integers = (images.len() * images[0].len() * 8) as u64;
        assert_eq!(
            forecast.request,
            bytes(&request.parts()[0]) + integers,
            "{scheme}: request"
        );
        let server = Server::new(&plan, &contexts, keys).unwrap();
        let evaluation = server.evaluate(&request, &()).unwrap();
        // The ciphertexts of the response have dropped primes.
        let response = bytes(&evaluation.response.parts()[0]);
        assert!(
            forecast.results >= response,
            "{scheme}: {} {response}",
            forecast.results
        );
        assert!(forecast.constants > 0);
        assert_eq!(forecast.sent, (forecast.request - integers) / 2);
        let working = forecast.request + forecast.results.max(forecast.sent);
        assert_eq!(
            forecast.peak(),
            forecast.constants + working.max(forecast.keys)
        );
    }
}

#[test]
fn a_layout_that_memory_does_not_hold_is_not_chosen_by_itself() {
    let network = network();
    let free = options(None);
    let chosen = select(&network, &free).unwrap();
    assert!(!chosen.scheme_given());
    let need = |layout| {
        let selection = select(&network, &options(Some(layout))).unwrap();
        assert!(selection.scheme_given());
        let plan = Plan::new(&network, &selection).unwrap();
        plan.memory(Some(2)).peak()
    };
    let layouts = [Scheme::Batched, Scheme::Crops, Scheme::Diagonal];
    let mut needs: Vec<(u64, Scheme)> = layouts.map(|layout| (need(layout), layout)).into();
    needs.sort_unstable_by_key(|(bytes, _)| *bytes);
    let limited = |memory: u64| {
        select(
            &network,
            &SelectOptions {
                memory: Some(memory),
                ..free.clone()
            },
        )
    };
    assert_eq!(limited(u64::MAX).unwrap(), chosen);
    // The chosen layout fits, at each limit.
    for &(bytes, _) in &needs {
        let layout = limited(bytes).unwrap().scheme();
        assert!(needs.contains(&(need(layout), layout)) && need(layout) <= bytes);
    }
    let (least, layout) = needs[0];
    assert_eq!(limited(least).unwrap().scheme(), layout);
    match limited(least - 1) {
        Err(ParamsError::Memory {
            layout: named,
            needed,
            available,
        }) => assert_eq!(
            (named, needed, available),
            (layout.layout(), least, least - 1)
        ),
        other => panic!("{other:?}"),
    }
    // A layout that is requested by name is used.
    let asked = SelectOptions {
        memory: Some(0),
        ..options(Some(Scheme::Batched))
    };
    assert_eq!(select(&network, &asked).unwrap().scheme(), Scheme::Batched);
}
