//! Evaluates the layout on slots in the clear and compares it with the twin.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use crate::circuit::{CircuitLayer, Entry, Op, PlainProducts, SlotRotation, moving};
use crate::network::{
    Layer, Network, NetworkBuilder, NetworkLimits, Shape, Twin, random_hcnn, random_hcnn_cifar,
    random_images, random_network,
};
use crate::packing::Packing;
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

fn turned(values: &[u64], rotation: SlotRotation) -> Vec<u64> {
    let slots = values.len();
    (0..slots)
        .map(|slot| values[rotation.source(slot, slots)])
        .collect()
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
pub fn evaluate(packing: &Packing, image: &[i64]) -> Vec<u64> {
    let Packing { circuit, slot_map } = packing;
    let slots = slot_map.slots();
    let images = [image.to_vec()];
    let residues = |values: Vec<i64>| values.iter().map(|&x| x as u64 % T).collect();
    let mut values: Vec<Vec<u64>> = (0..slot_map.inputs())
        .map(|k| {
            let mut slots = Vec::new();
            slot_map.gather(&images, k, &mut slots);
            residues(slots)
        })
        .collect();
    for layer in circuit.layers() {
        let matrix = layer.matrix(T);
        let sum = |values: &[Vec<u64>], products: &PlainProducts| {
            let mut sum = vec![0; slots];
            for (index, entries) in products {
                let weights = plain(entries, matrix.weights(), slots);
                add(&mut sum, &times(&values[*index as usize], &weights));
            }
            sum
        };
        for op in layer.ops() {
            match op {
                Op::PlainProducts(sums) => {
                    values = sums.iter().map(|products| sum(&values, products)).collect();
                }
                Op::LinearTransform { babies, giants } => {
                    for value in &mut values {
                        let babies = babies.iter().map(|&rotation| turned(value, rotation));
                        let babies: Vec<Vec<u64>> = babies.collect();
                        *value = vec![0; slots];
                        for giant in giants {
                            add(value, &sum(&babies, &giant.diagonals));
                            *value = turned(value, giant.rotation);
                        }
                    }
                }
                Op::RotateAndSum(rotations) => {
                    for value in &mut values {
                        let before = value.clone();
                        for &rotation in rotations {
                            add(value, &turned(&before, rotation));
                        }
                    }
                }
                Op::AddPlain(biases) => {
                    for (value, entries) in values.iter_mut().zip(biases) {
                        add(value, &plain(entries, matrix.biases(), slots));
                    }
                }
                Op::SumOfSquares => {
                    let mut total = vec![0; slots];
                    for value in &values {
                        add(&mut total, &times(value, value));
                    }
                    values = vec![total];
                }
                Op::Relinearize | Op::ModSwitch => {}
                _ => panic!("an operation of another layout"),
            }
        }
    }
    slot_map.collect(&values, 1, T).concat()
}

fn check(network: &Network, packing: &Packing) {
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
        assert_eq!(evaluate(packing, &image), expected, "{}", network.name());
    }
}

#[test]
fn random_networks_equal_the_twin() {
    let limits = NetworkLimits {
        max_side: 12,
        max_layers: 8,
        max_squares: 4,
        ..NetworkLimits::default()
    };
    let (mut served, mut with_few_uploads, mut several) = ([0; 5], [0; 5], 0);
    for seed in 0..400 {
        let network = random_network(seed, &limits).unwrap();
        let squares = network.layers().iter();
        let squares = squares.filter(|named| named.layer == Layer::Square).count();
        for slots in [128, 1024, 4096] {
            if let Ok(packing) = Packing::diagonal(&network, slots) {
                check(&network, &packing);
                served[squares] += 1;
            }
            if let Ok(packing) = Packing::few_uploads(&network, slots) {
                check(&network, &packing);
                several += usize::from(packing.slot_map.inputs() > 1);
                with_few_uploads[squares] += 1;
            }
        }
    }
    println!(
        "served, by squares: {served:?}, with few uploads: {with_few_uploads:?}, several: {several}"
    );
    assert!(
        served[1] > 50 && served[2] > 50 && served[3] > 20,
        "{served:?}"
    );
    assert!(
        with_few_uploads[2] > 50 && with_few_uploads[3] > 20,
        "{with_few_uploads:?}"
    );
}

/// 50 results of 16 positions take 64 blocks: so many diagonals in the second layer.
#[test]
fn hcnn_mnist_takes_one_upload() {
    let network = random_hcnn(1, 2, 100).unwrap();
    let packing = Packing::few_uploads(&network, 8192).unwrap();
    assert_eq!(packing.slot_map.inputs(), 1);
    check(&network, &packing);
    let ops = packing.circuit.layers().iter().flat_map(CircuitLayer::ops);
    let counts = ops.filter_map(|op| match op {
        Op::LinearTransform { babies, giants } => {
            let diagonals = giants.iter().map(|giant| giant.diagonals.len());
            Some([moving(babies), giants.len() - 1, diagonals.sum()])
        }
        _ => None,
    });
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [[5, 5, 35], [7, 7, 64], [7, 0, 8]]
    );
}

/// A row holds the 27 taps of the first layer in 32 blocks; the two rows and the two ciphertexts are the rows and columns
/// of the pool.
#[test]
fn hcnn_cifar_takes_two_uploads() {
    let network = random_hcnn_cifar(1, 2, 2, 20, false).unwrap();
    let packing = Packing::few_uploads(&network, 16384).unwrap();
    assert_eq!(packing.slot_map.inputs(), 2);
    check(&network, &packing);
}

/// A client's uploads and keys do not tell it which weights are zero.
#[test]
fn few_uploads_and_their_rotations_follow_from_the_shape() {
    let rotations = |packing: &Packing| packing.circuit.rotations(&[]);
    let dense = random_hcnn(1, 2, 100).unwrap();
    let dense = Packing::few_uploads(&dense, 8192).unwrap();
    for (seed, percent) in [(2, 100), (3, 40), (4, 5), (5, 0)] {
        let network = random_hcnn(seed, 2, percent).unwrap();
        let packing = Packing::few_uploads(&network, 8192).unwrap();
        check(&network, &packing);
        assert_eq!(packing.slot_map, dense.slot_map);
        assert_eq!(rotations(&packing), rotations(&dense));
    }
    let [sparse, dense] = [5, 60].map(|percent| {
        let network = random_hcnn_cifar(1, 2, 2, percent, false).unwrap();
        Packing::few_uploads(&network, 16384).unwrap()
    });
    assert_eq!(sparse.slot_map, dense.slot_map);
    assert_eq!(rotations(&sparse), rotations(&dense));
}

/// A stride beyond the image is never used, however large it is.
#[test]
fn strides_beyond_the_image_overflow_nothing() {
    for log in [20, 26, 48, 50, 62] {
        for stride in [[1 << log, 1], [1, 1 << log], [1 << log; 2]] {
            let network = NetworkBuilder::new("wide strides", Shape::new(1, 1, 8))
                .uniform_bits(1)
                .conv2d(4, [1, 4], stride, [0, 0], [1, 0, -1, 1].repeat(4))
                .square();
            let inputs = network.shape().len();
            let network = network.linear(4, vec![1; 4 * inputs]).square();
            let network = network.linear(2, vec![1; 8]).build().unwrap();
            for slots in [1024, 8192] {
                if let Ok(packing) = Packing::few_uploads(&network, slots) {
                    check(&network, &packing);
                }
                if let Ok(packing) = Packing::diagonal(&network, slots) {
                    check(&network, &packing);
                }
            }
        }
    }
}
