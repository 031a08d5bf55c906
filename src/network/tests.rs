//! Tests of the network's parts against each other.

use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;

/// Evaluates a network straight from the formulas, without any of the twin's code.
fn by_the_formula(network: &Network, image: &[i64]) -> Vec<Vec<BigInt>> {
    let mut x: Vec<BigInt> = image.iter().map(|&value| value.into()).collect();
    let mut all = vec![x.clone()];
    for (named, shapes) in network.layers().iter().zip(network.shapes().windows(2)) {
        let (input, output) = (shapes[0], shapes[1]);
        let window = |kernel: [usize; 2], i: usize, j: usize, stride: [usize; 2], p: [usize; 2]| {
            let mut places = Vec::new();
            for u in 0..kernel[0] {
                for v in 0..kernel[1] {
                    let (y, x) = (i * stride[0] + u, j * stride[1] + v);
                    let inside = (p[0]..p[0] + input.height).contains(&y)
                        && (p[1]..p[1] + input.width).contains(&x);
                    places.push((u, v, inside.then(|| (y - p[0], x - p[1]))));
                }
            }
            places
        };
        let mut y = Vec::new();
        match &named.layer {
            Layer::Flatten => y.clone_from(&x),
            Layer::Square => y.extend(x.iter().map(|value| value * value)),
            Layer::Linear {
                in_features,
                out_features,
                weight,
                bias,
                ..
            } => {
                for o in 0..*out_features {
                    let row = &weight[o * in_features..(o + 1) * in_features];
                    y.push(row.iter().zip(&x).map(|(w, x)| x * w).sum::<BigInt>() + &bias[o]);
                }
            }
            Layer::SumPool { kernel, stride } => {
                for (c, i, j) in positions(output) {
                    let places = window(*kernel, i, j, *stride, [0, 0]);
                    let at = |(_, _, place): (usize, usize, Option<(usize, usize)>)| {
                        let (row, column) = place.unwrap();
                        x[input.index(c, row, column)].clone()
                    };
                    y.push(places.into_iter().map(at).sum());
                }
            }
            Layer::Conv2d {
                in_channels,
                kernel,
                stride,
                padding,
                weight,
                bias,
                ..
            } => {
                for (o, i, j) in positions(output) {
                    let mut sum = bias[o].clone();
                    for c in 0..*in_channels {
                        for (u, v, place) in window(*kernel, i, j, *stride, *padding) {
                            let w = weight[((o * in_channels + c) * kernel[0] + u) * kernel[1] + v];
                            if let Some((row, column)) = place {
                                sum += &x[input.index(c, row, column)] * w;
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
        assert_eq!(y.len(), output.len());
        x = y;
        all.push(x.clone());
    }
    all
}

fn positions(shape: Shape) -> impl Iterator<Item = (usize, usize, usize)> {
    let Shape {
        channels,
        height,
        width,
    } = shape;
    (0..channels)
        .flat_map(move |c| (0..height).flat_map(move |i| (0..width).map(move |j| (c, i, j))))
}

pub(super) fn limits() -> impl Strategy<Value = NetworkLimits> {
    prop_oneof![Just(NetworkLimits::default()), Just(NetworkLimits::wide())]
}

fn reduced(value: &BigInt, t: u64) -> BigInt {
    ((value % t) + t) % t
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn all_widths_equal_the_formula(seed: u64, limits in limits()) {
        let network = random_network(seed, &limits).unwrap();
        let images = random_images(seed, &network, 3);
        let expected: Vec<_> = images
            .iter()
            .map(|image| by_the_formula(&network, image).pop().unwrap())
            .collect();
        let widths = [
            Width::I64, Width::I128, Width::I256, Width::I384, Width::I512, Width::I768, Width::Big,
        ];
        for width in widths {
            let twin = Twin::with_minimum_width(&network, width);
            prop_assert!(twin.widths().iter().all(|&used| used >= width));
            prop_assert_eq!(&twin.logits_batch(&images).unwrap(), &expected);
            prop_assert_eq!(&twin.logits(&images[2]).unwrap(), &expected[2]);
        }
    }

    #[test]
    fn what_happens_lies_within_what_is_proven(seed: u64, limits in limits()) {
        let network = random_network(seed, &limits).unwrap();
        let images = random_images(!seed, &network, 40);
        let (proven, observed) = (proven_bounds(&network), observed_bounds(&network, &images).unwrap());
        prop_assert_eq!(proven.len(), network.layers().len() + 1);
        prop_assert_eq!(proven.classes().len(), network.classes());

        // Observed bounds are exactly the values that occur, and proven bounds enclose them.
        let mut occurring: Option<Vec<Interval>> = None;
        for image in &images {
            let hulls: Vec<_> = by_the_formula(&network, image)
                .iter()
                .map(|x| Interval::new(x.iter().min().unwrap().clone(), x.iter().max().unwrap().clone()))
                .collect();
            occurring = Some(match occurring {
                None => hulls,
                Some(all) => all.into_iter().zip(hulls).map(|(a, b)| a.hull(b)).collect(),
            });
        }
        for ((proven, observed), occurring) in proven.iter().zip(&observed).zip(occurring.unwrap()) {
            prop_assert_eq!(&observed.interval, &occurring);
            prop_assert_eq!(&proven.name, &observed.name);
            prop_assert!(proven.interval.encloses(&observed.interval));
        }
        for (proven, observed) in proven.classes().iter().zip(observed.classes()) {
            prop_assert!(proven.encloses(observed));
        }
        let hull = |b: &Bounds| b.classes().iter().cloned().reduce(Interval::hull).unwrap();
        prop_assert_eq!(&hull(&proven), proven.output());
        prop_assert_eq!(&hull(&observed), observed.output());
    }

    #[test]
    fn evaluation_modulo_t_is_the_exact_one_reduced(
        seed: u64,
        limits in limits(),
        t in prop_oneof![Just(1), Just(2), Just(u64::MAX), 1..100_000u64, 1u64..],
    ) {
        let network = random_network(seed, &limits).unwrap();
        let twin = Twin::new(&network);
        for image in random_images(seed, &network, 4) {
            let exact = twin.logits(&image).unwrap();
            let modular = twin.logits_mod(&image, t).unwrap();
            let modular: Vec<BigInt> = modular.into_iter().map(BigInt::from).collect();
            prop_assert_eq!(modular, exact.iter().map(|y| reduced(y, t)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_modulus_of_the_proven_bits_gives_every_logit_back(seed: u64) {
        let network = random_network(seed, &NetworkLimits::default()).unwrap();
        let bits = proven_bounds(&network).output().bits();
        prop_assume!(bits < 64);
        let (t, twin) = (1u64 << bits, Twin::new(&network));
        for image in random_images(seed, &network, 4) {
            let centred = twin.logits_mod(&image, t).unwrap().into_iter().map(|y| {
                if y > t / 2 { BigInt::from(y) - t } else { BigInt::from(y) }
            });
            prop_assert_eq!(centred.collect::<Vec<_>>(), twin.logits(&image).unwrap());
        }
    }

    #[test]
    fn operations_are_counted_as_the_formula_takes_them(seed: u64) {
        let network = random_network(seed, &NetworkLimits::default()).unwrap();
        let counts = op_counts(&network);
        for ((named, ops), shapes) in
            network.layers().iter().zip(&counts).zip(network.shapes().windows(2))
        {
            prop_assert_eq!(&named.name, &ops.name);
            let outputs = shapes[1].len() as u64;
            match &named.layer {
                Layer::Square => {
                    let expected = LayerOps { name: named.name.clone(), squares: outputs, ..LayerOps::default() };
                    prop_assert_eq!(ops, &expected);
                }
                Layer::SumPool { kernel, .. } => {
                    let additions = outputs * (kernel[0] * kernel[1] - 1) as u64;
                    let expected = LayerOps { name: named.name.clone(), additions, ..LayerOps::default() };
                    prop_assert_eq!(ops, &expected);
                }
                Layer::Flatten => {
                    prop_assert_eq!(ops, &LayerOps { name: named.name.clone(), ..LayerOps::default() });
                }
                Layer::Linear { weight, bias, .. } => {
                    let nonzero = weight.iter().filter(|&&w| w != 0).count() as u64;
                    prop_assert_eq!(ops.macs, weight.len() as u64);
                    prop_assert_eq!(ops.nonzero_macs, nonzero);
                    prop_assert_eq!(ops.zero_weights + nonzero, ops.weights);
                    prop_assert_eq!(ops.multiplications, weight.iter().filter(|w| w.abs() > 1).count() as u64);
                    let sums = weight.chunks(weight.len() / bias.len()).filter(|row| row.iter().any(|&w| w != 0));
                    prop_assert_eq!(ops.additions, nonzero - sums.count() as u64);
                    prop_assert_eq!(ops.bias_additions, bias.iter().filter(|b| **b != BigInt::ZERO).count() as u64);
                }
                Layer::Conv2d { weight, .. } => {
                    prop_assert_eq!(ops.macs, (weight.len() * shapes[1].height * shapes[1].width) as u64);
                    prop_assert!(ops.multiplications <= ops.nonzero_macs && ops.nonzero_macs <= ops.macs);
                    prop_assert!(ops.nonzero_macs - ops.additions <= outputs);
                }
            }
        }
    }
}

/// Makes HCNN-MNIST, the paper's network, with random weights of `bits` bits.
fn hcnn_mnist(bits: u32) -> Network {
    let mut random = SplitMix64::new(1);
    let top = (1i64 << (bits - 1)) - 1;
    let mut weights = |count: usize| -> Vec<i64> {
        let weight = |_| (random.next_u64() % (2 * top + 1).unsigned_abs()).cast_signed() - top;
        (0..count).map(weight).collect()
    };
    let last = weights(8000);
    NetworkBuilder::new("hcnn-mnist", Shape::new(1, 28, 28))
        .uniform_bits(2)
        .conv2d(5, [5, 5], [2, 2], [0, 0], weights(125))
        .bias([3; 5])
        .weight_scale(0.5)
        .square()
        .conv2d(50, [5, 5], [2, 2], [0, 0], weights(6250))
        .bias([3; 50])
        .weight_scale(0.5)
        .square()
        .flatten()
        .linear(10, last)
        .bias([-7; 10])
        .weight_scale(0.25)
        .build()
        .unwrap()
}

#[test]
fn the_papers_network_has_the_papers_counts() {
    let network = hcnn_mnist(2);
    let counts = op_counts(&network);
    let of = |count: fn(&LayerOps) -> u64| counts.iter().map(count).collect::<Vec<_>>();
    assert_eq!(of(|ops| ops.macs), [18_000, 0, 100_000, 0, 0, 8_000]);
    assert_eq!(of(|ops| ops.squares), [0, 720, 0, 800, 0, 0]);
    assert_eq!(of(|ops| ops.multiplications), [0; 6]);
    assert_eq!(of(|ops| ops.bias_additions), [720, 0, 800, 0, 0, 10]);
    assert_eq!(
        network.weight_bits(),
        [Some(2), None, Some(2), None, None, Some(2)]
    );
    assert!((network.zero_fraction() - 1.0 / 3.0).abs() < 0.02);
    let scales = [
        1.0 / 3.0,
        1.0 / 6.0,
        1.0 / 36.0,
        1.0 / 72.0,
        1.0 / 5184.0,
        1.0 / 5184.0,
        1.0 / 20736.0,
    ];
    for (scale, expected) in network.scales().iter().zip(scales) {
        assert!((scale / expected - 1.0).abs() < 1e-12, "{scale} {expected}");
    }
    assert_eq!(Twin::new(&network).widths(), [Width::I64; 6]);
}

#[test]
fn a_batch_gives_the_logits_of_its_images_in_order() {
    let network = hcnn_mnist(4);
    let images = random_images(1, &network, 50);
    let twin = Twin::new(&network);
    let batch = twin.logits_batch(&images).unwrap();
    for (image, logits) in images.iter().zip(&batch) {
        assert_eq!(logits, &twin.logits(image).unwrap());
    }
    assert_eq!(
        batch[2],
        by_the_formula(&network, &images[2]).pop().unwrap()
    );
}

#[test]
fn wide_weights_take_wide_integers_only_where_needed() {
    let widths = Twin::new(&hcnn_mnist(16)).widths();
    assert_eq!(widths[0], Width::I64);
    assert!(widths[5] > Width::I64);
    assert!(widths.is_sorted());
}

#[test]
fn the_twin_refuses_what_the_quantiser_never_gives() {
    let network = hcnn_mnist(2);
    let twin = Twin::new(&network);
    let mut image = vec![0; 784];
    for value in [4, -1] {
        image[5] = value;
        let (index, max) = (5, 3);
        let refused = InputError::Value { index, value, max };
        assert_eq!(twin.logits(&image), Err(refused.clone()));
        assert_eq!(twin.logits_mod(&image, 17), Err(refused));
    }
    let error = twin
        .logits_batch(&[vec![0; 784], vec![0; 783]])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "images[1]: the image has 783 values, expected 784 (shape 1x28x28)"
    );
    assert_eq!(twin.logits_mod(&[0; 784], 0), Err(InputError::Modulus));
    assert_eq!(observed_bounds(&network, &[]), Err(InputError::Empty));
    assert_eq!(twin.logits_batch(&[]), Ok(Vec::new()));
    assert_eq!(
        network.quantize_image(&[0; 3]).unwrap_err().to_string(),
        "the image has 3 values, expected 784 (shape 1x28x28)"
    );
}

#[test]
fn the_class_is_the_first_of_the_largest_logits() {
    assert_eq!(argmax(&[3, 5, 5, -1].map(BigInt::from)), 1);
    assert_eq!(argmax(&[-3, -5, -3].map(BigInt::from)), 0);
    assert_eq!(argmax::<BigInt>(&[]), 0);
}

/// The generator is only useful if it makes every kind of network.
#[test]
fn random_networks_cover_all_kinds() {
    let mut seen = std::collections::BTreeMap::new();
    let mut note =
        |what: &'static str, yes: bool| *seen.entry(what).or_insert(0) += usize::from(yes);
    for seed in 0..400 {
        let limits = if seed % 2 == 0 {
            NetworkLimits::default()
        } else {
            NetworkLimits::wide()
        };
        let network = random_network(seed, &limits).unwrap();
        assert_eq!(network, random_network(seed, &limits).unwrap());
        for named in network.layers() {
            note(named.layer.kind(), true);
            if let Some(weight) = named.layer.weight() {
                note("all zero", weight.iter().all(|&w| w == 0));
                note(
                    "62 bits",
                    weight.iter().any(|w| w.unsigned_abs() >> 60 == 1),
                );
            }
            if let Layer::Conv2d {
                padding,
                stride,
                kernel,
                ..
            } = &named.layer
            {
                note("padding", padding[0] > 0 && padding[1] > 0);
                note("stride", stride[0] > 1 && stride[0] != stride[1]);
                note("kernel", kernel[0] > 1 && kernel[0] != kernel[1]);
            }
        }
        let last = network.layers().last().unwrap();
        note("not linear at the end", last.layer.kind() != "linear");
        let widths = Twin::new(&network).widths();
        note("64 bits", widths.contains(&Width::I64));
        note("128 bits", widths.contains(&Width::I128));
        note("256 bits", widths.contains(&Width::I256));
        note("384 bits", widths.contains(&Width::I384));
        note("512 bits", widths.contains(&Width::I512));
        note("768 bits", widths.contains(&Width::I768));
        note("any width", widths.contains(&Width::Big));
    }
    assert_eq!(seen.len(), 18, "{seen:?}");
    assert!(seen.values().all(|&count| count >= 10), "{seen:?}");
}
