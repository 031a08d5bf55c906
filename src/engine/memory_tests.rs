//! Compares predicted memory with the sizes of actual keys and ciphertexts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use super::{Client, Plan, Server};
use crate::bfv::Ciphertext;
use crate::network::{Network, NetworkBuilder, Shape, SplitMix64, random_images};
use crate::params::{LayoutKind, MemoryForecast, Mode, ParamsError, SelectOptions, select};

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

fn options(mode: Mode, layout: Option<LayoutKind>) -> SelectOptions {
    SelectOptions {
        mode,
        layout,
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
    for (mode, layout) in [
        (Mode::Stock, LayoutKind::Batched),
        (Mode::Fast, LayoutKind::Batched),
        (Mode::Fast, LayoutKind::Packed),
        (Mode::Fast, LayoutKind::Diagonal),
    ] {
        let selection = select(&network, &options(mode, Some(layout))).unwrap();
        let forecast = MemoryForecast::new(&network, &selection, Some(2)).unwrap();
        let plan = Plan::new(&network, &selection).unwrap();
        let client = Client::new(&plan).unwrap();
        let keys = client.evaluation_keys().unwrap();
        let mut words = 0;
        for relin in keys.relin_keys.iter().flatten() {
            let parts = (0..relin.parts(0)).map(|part| relin.limbs(0, part).unwrap().len());
            words += parts.sum::<usize>();
        }
        for galois in keys.galois_keys.iter().flatten() {
            for element in plan.galois_elements() {
                let parts = 0..galois.parts(element);
                let parts = parts.map(|part| galois.limbs(element, part).unwrap().len());
                words += parts.sum::<usize>();
            }
        }
        assert_eq!(forecast.keys, 8 * words as u64, "{mode:?} {layout:?}: keys");
        assert_eq!(
            words > 0,
            mode == Mode::Stock || layout == LayoutKind::Diagonal
        );

        let images = random_images(1, &network, plan.slots().min(2));
        let request = client.encrypt(&images, &()).unwrap();
        let integers = (images.len() * images[0].len() * 8) as u64;
        assert_eq!(
            forecast.request,
            bytes(&request.channels()[0]) + integers,
            "{mode:?} {layout:?}: request"
        );
        let server = Server::new(&plan, keys).unwrap();
        let evaluation = server.evaluate(&request, &()).unwrap();
        // The ciphertexts of the response have dropped primes.
        let response = bytes(&evaluation.response.channels()[0]);
        assert!(
            forecast.results >= response,
            "{mode:?} {layout:?}: {} {response}",
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
    let free = options(Mode::Fast, None);
    let chosen = select(&network, &free).unwrap();
    assert!(!chosen.layout_given());
    let need = |layout| {
        let selection = select(&network, &options(Mode::Fast, Some(layout))).unwrap();
        assert!(selection.layout_given());
        MemoryForecast::new(&network, &selection, Some(2))
            .unwrap()
            .peak()
    };
    let layouts = [
        LayoutKind::Batched,
        LayoutKind::Packed,
        LayoutKind::Diagonal,
    ];
    let mut needs: Vec<(u64, LayoutKind)> = layouts.map(|layout| (need(layout), layout)).into();
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
        let layout = limited(bytes).unwrap().layout();
        assert!(needs.contains(&(need(layout), layout)) && need(layout) <= bytes);
    }
    let (least, layout) = needs[0];
    assert_eq!(limited(least).unwrap().layout(), layout);
    match limited(least - 1) {
        Err(ParamsError::Memory {
            layout: named,
            needed,
            available,
        }) => assert_eq!(
            (named, needed, available),
            (layout.name(), least, least - 1)
        ),
        other => panic!("{other:?}"),
    }
    // A layout that is requested by name is used.
    let asked = SelectOptions {
        memory: Some(0),
        ..options(Mode::Fast, Some(LayoutKind::Batched))
    };
    assert_eq!(
        select(&network, &asked).unwrap().layout(),
        LayoutKind::Batched
    );
}

#[test]
fn stock_mode_is_named_as_the_reason() {
    for layout in [LayoutKind::Packed, LayoutKind::Diagonal] {
        let error = select(&network(), &options(Mode::Stock, Some(layout))).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("stock mode") && text.contains(layout.name()),
            "{text}"
        );
        assert!(!text.contains("this network"), "{text}");
    }
}
