//! Evaluates the layout on slots in the clear and compares it with the twin.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;
use crate::network::{NetworkLimits, Twin, random_images, random_network};
use num_bigint::BigInt;

const T: u64 = (1 << 59) - 55;

fn multiply(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(T)) as u64
}

fn add(target: &mut [u64], other: &[u64]) {
    for (a, b) in target.iter_mut().zip(other) {
        *a = (*a + b) % T;
    }
}

fn turned(values: &[u64], turn: Turn) -> Vec<u64> {
    let slots = values.len();
    (0..slots)
        .map(|slot| values[turn.source(slot, slots)])
        .collect()
}

fn fold(value: &mut [u64], groups: &[Vec<Turn>]) {
    for group in groups {
        let before = value.to_vec();
        for &turn in group {
            add(value, &turned(&before, turn));
        }
    }
}

fn plain(entries: &[Entry], values: &[u64], slots: usize) -> Vec<u64> {
    let mut plain = vec![0; slots];
    for entry in entries {
        assert_eq!(plain[entry.slot as usize], 0, "a slot is written twice");
        plain[entry.slot as usize] = values[entry.entry as usize];
    }
    plain
}

fn times(a: &[u64], b: &[u64]) -> Vec<u64> {
    a.iter().zip(b).map(|(&a, &b)| multiply(a, b)).collect()
}

/// Computes on slots what the server computes.
pub fn evaluate(layout: &Diagonal, image: &[i64]) -> Vec<u64> {
    let slots = layout.slots;
    let images = [image.to_vec()];
    let inputs: Vec<Vec<u64>> = (0..layout.uploads())
        .map(|k| {
            layout
                .gather(&images, k)
                .iter()
                .map(|&x| x as u64 % T)
                .collect()
        })
        .collect();
    let mut value: Vec<u64> = Vec::new();
    for stage in layout.stages() {
        let matrix = stage.matrix(T);
        match &stage.step {
            StageStep::First { outputs } => {
                value = vec![0; slots];
                for output in outputs {
                    let mut sum = plain(&output.biases, matrix.biases(), slots);
                    for (upload, entries) in &output.products {
                        let weights = plain(entries, matrix.weights(), slots);
                        add(&mut sum, &times(&inputs[*upload as usize], &weights));
                    }
                    add(&mut value, &times(&sum, &sum));
                }
            }
            StageStep::Rotated {
                pool,
                babies,
                giants,
                folds,
                biases,
            } => {
                fold(&mut value, pool);
                let babies: Vec<Vec<u64>> =
                    babies.iter().map(|&turn| turned(&value, turn)).collect();
                value = vec![0; slots];
                for giant in giants {
                    let mut inner = vec![0; slots];
                    for (baby, entries) in &giant.diagonals {
                        let weights = plain(entries, matrix.weights(), slots);
                        add(&mut inner, &times(&babies[*baby as usize], &weights));
                    }
                    add(&mut value, &turned(&inner, giant.turn));
                }
                fold(&mut value, folds);
                add(&mut value, &plain(biases, matrix.biases(), slots));
                value = times(&value, &value);
            }
            StageStep::Last { responses, .. } => {
                let outputs: Vec<Vec<u64>> = responses
                    .iter()
                    .map(|[weights, biases]| {
                        let mut sum = times(&value, &plain(weights, matrix.weights(), slots));
                        add(&mut sum, &plain(biases, matrix.biases(), slots));
                        sum
                    })
                    .collect();
                return layout.collect(&outputs, T).concat();
            }
        }
    }
    Vec::new()
}

fn check(network: &crate::network::Network, slots: usize) -> bool {
    let Ok(layout) = Diagonal::new(network, slots) else {
        return false;
    };
    for image in random_images(3, network, 3) {
        let expected: Vec<u64> = Twin::new(network)
            .logits(&image)
            .unwrap()
            .into_iter()
            .map(|logit| {
                let t = BigInt::from(T);
                u64::try_from(((logit % &t) + &t) % &t).unwrap()
            })
            .collect();
        assert_eq!(evaluate(&layout, &image), expected, "{}", network.name());
    }
    true
}

#[test]
fn random_networks_equal_the_twin() {
    let limits = NetworkLimits {
        max_side: 12,
        max_layers: 8,
        max_squares: 4,
        ..NetworkLimits::default()
    };
    let mut served = [0; 5];
    for seed in 0..400 {
        let network = random_network(seed, &limits).unwrap();
        let squares = network
            .layers()
            .iter()
            .filter(|l| l.layer == crate::network::Layer::Square);
        let squares = squares.count();
        for slots in [128, 1024, 4096] {
            served[squares] += usize::from(check(&network, slots));
        }
    }
    println!("served, by squares: {served:?}");
    assert!(
        served[1] > 50 && served[2] > 50 && served[3] > 20,
        "{served:?}"
    );
}
