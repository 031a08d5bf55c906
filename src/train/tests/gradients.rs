//! Compares the forward and backward pass with burn's, and with finite differences.

use std::path::Path;

use burn::tensor::Tensor;

use super::{float_config, qat_config, quadrants, small_network, top_k};
use crate::data::Dataset;
use crate::train::{
    LayerSpec, NetworkSpec, QatStart, TrainConfig,
    batch::{InputMap, cross_entropy, divergence},
    model::{Model, Role, tensor, values},
    norm::NormKind,
    stage::{Blocks, Norm, StageWeights},
    start,
};

/// Computes the loss of a float model on fixed inputs, with one parameter changed.
fn loss_at(
    model: &Model,
    x: &Blocks,
    labels: &[u8],
    teacher: &Tensor<2>,
) -> (f64, Vec<Option<Vec<f32>>>) {
    let leaves = model.leaves();
    let pass = model.pass(&leaves, &[], x.clone(), &[]).unwrap();
    let logits = pass.logits.clone();
    let loss =
        cross_entropy(logits.clone(), labels, 0.1) + divergence(logits, teacher.clone(), 2.0);
    let number = f64::from(values(&loss).unwrap()[0]);
    let found = model
        .gradients(&leaves, &pass, &loss)
        .unwrap()
        .iter()
        .map(|g| g.as_ref().map(|g| values(g).unwrap()))
        .collect();
    (number, found)
}

/// Makes a model, its inputs for some images, and those images.
fn on_quadrants(config: &TrainConfig) -> (Model, InputMap, Blocks, Dataset) {
    let model = Model::new(config).unwrap();
    let map = InputMap::new(config, model.shapes[0], 1.0 / 3.0).unwrap();
    let data = quadrants(16, 7);
    let pixels: Vec<u8> = data.images().flatten().copied().collect();
    let blocks = map.blocks(&pixels);
    (model, map, blocks, data)
}

/// Configures quantised training with norms.
fn normalized() -> TrainConfig {
    let mut config = qat_config(Path::new("x"), 2, top_k(), QatStart::Copy);
    config.quantization.as_mut().unwrap().normalize = true;
    config
}

/// Describes a network with everything that a stage can hold: padding, strides, both activations, both poolings, and
/// windows that overlap or leave out a border.
fn mixed_network() -> NetworkSpec {
    let conv = |out_channels, kernel, stride, padding| LayerSpec::Conv2d {
        out_channels,
        kernel,
        stride,
        padding,
    };
    NetworkSpec {
        input: [2, 17, 15],
        layers: vec![
            conv(5, [3, 5], [1, 1], [2, 1]),
            LayerSpec::Square,
            LayerSpec::SumPool {
                kernel: [3, 2],
                stride: [2, 2],
            },
            conv(4, [2, 2], [1, 2], [1, 0]),
            LayerSpec::Relu,
            LayerSpec::MaxPool {
                kernel: [2, 2],
                stride: [2, 1],
            },
            conv(6, [1, 2], [2, 1], [0, 0]),
            LayerSpec::Flatten,
            LayerSpec::Linear { out_features: 7 },
            LayerSpec::Square,
            LayerSpec::Linear { out_features: 4 },
        ],
    }
}

#[test]
fn stages_compute_what_burn_computes_forward_and_backward() {
    for (batch_norm, images, quantized) in [
        (true, 21, false),
        (false, 8, false),
        (true, 1, false),
        (false, 19, true),
    ] {
        let mut config = TrainConfig {
            network: mixed_network(),
            batch_norm,
            ..float_config()
        };
        if quantized {
            config.network = small_network();
            config.quantization =
                qat_config(Path::new("x"), 2, top_k(), QatStart::Copy).quantization;
        }
        let model = Model::new(&config).unwrap();
        let shape = model.shapes[0];
        let pixels: Vec<u8> = (0..images * shape.len())
            .map(|i| (i * i * 31 % 257 % 256) as u8)
            .collect();
        let map = InputMap::new(&config, shape, 1.0 / 3.0).unwrap();
        let (x, blocks) = (map.tensor(&pixels), map.blocks(&pixels));
        let labels: Vec<u8> = (0..images).map(|i| (i % 4) as u8).collect();
        let rounded = model.round(None).unwrap();
        let leaves = model.leaves();

        let mut statistics = Vec::new();
        let observe = &mut |_: usize, _: &Tensor<4>| ();
        let logits = model.forward(
            0,
            &leaves,
            &rounded,
            x.clone(),
            Some(&mut statistics),
            observe,
        );
        let expected = cross_entropy(logits.clone(), &labels, 0.1).backward();
        let mut pass = model.pass(&leaves, &rounded, blocks.clone(), &[]).unwrap();
        let close = |a: &[f32], b: &[f32], what: &str| {
            let largest = b.iter().fold(1e-3_f32, |m, x| m.max(x.abs()));
            assert_eq!(a.len(), b.len(), "{what}");
            for (a, b) in a.iter().zip(b) {
                assert!(
                    (a - b).abs() <= 2e-4 * largest,
                    "{what}: {a} {b} of {largest}"
                );
            }
        };
        close(
            &values(&pass.logits).unwrap(),
            &values(&logits).unwrap(),
            "logits",
        );
        let found = std::mem::take(&mut pass.statistics);
        assert_eq!(found.len(), statistics.len());
        let (mut a, mut b) = (model.clone(), model.clone());
        a.absorb(found);
        b.absorb(statistics);
        for (a, b) in a.params.iter().zip(&b.params) {
            close(
                &values(&a.value).unwrap(),
                &values(&b.value).unwrap(),
                &a.name,
            );
        }
        let loss = cross_entropy(pass.logits.clone(), &labels, 0.1);
        let gradients = model.gradients(&leaves, &pass, &loss).unwrap();
        let mut compared = 0;
        for ((param, leaf), gradient) in model.params.iter().zip(&leaves).zip(&gradients) {
            let expected = leaf.grad(&expected);
            assert_eq!(expected.is_some(), gradient.is_some(), "{}", param.name);
            // The bias before a batch norm has no effect, so its gradient is only a rounding error.
            let idle = param.role == Role::Bias && model.layers[param.layer].norm.is_some();
            if let (Some(a), Some(b), false) = (gradient, expected, idle) {
                close(&values(a).unwrap(), &values(&b).unwrap(), &param.name);
                compared += 1;
            }
        }
        assert!(compared >= 6, "{compared}");
        let evaluated = values(&model.evaluate(&rounded, blocks).unwrap()).unwrap();
        let expected = model.forward(0, &model.constants(), &rounded, x, None, observe);
        let expected = values(&expected).unwrap();
        close(&evaluated, &expected, "evaluation");
    }
}

#[test]
fn gradients_of_the_whole_network_match_finite_differences() {
    for norm in [false, true] {
        let config = TrainConfig {
            batch_norm: norm,
            ..float_config()
        };
        let (model, _, x, data) = on_quadrants(&config);
        let teacher = tensor(
            (0..64).map(|i| (i * 37 % 11) as f32 / 5.0).collect(),
            [16, 4],
        );
        let (_, gradients) = loss_at(&model, &x, data.labels(), &teacher);
        let mut checked = 0;
        for (index, param) in model.params.iter().enumerate() {
            // A bias before a batch norm has no effect.
            let idle = norm && param.role == Role::Bias && param.layer < 2;
            if !param.role.is_trained() || idle {
                continue;
            }
            let gradient = gradients[index].as_ref().unwrap();
            let original = values(&param.value).unwrap();
            for position in [0, original.len() / 2, original.len() - 1] {
                let h = 4e-3_f32;
                let at = |d: f32| {
                    let mut moved = model.clone();
                    let mut v = original.clone();
                    v[position] += d;
                    moved.params[index].value = tensor(v, param.value.dims());
                    loss_at(&moved, &x, data.labels(), &teacher).0
                };
                let difference = (at(h) - at(-h)) / (2.0 * f64::from(h));
                let gradient = f64::from(gradient[position]);
                assert!(
                    (difference - gradient).abs() < 2e-3 + 0.02 * gradient.abs(),
                    "{} [{position}], norm {norm}: {difference} {gradient}",
                    param.name
                );
                checked += 1;
            }
        }
        assert!(checked >= 18, "{checked}");
    }
}

/// Compares a stage with one deviation for all channels with finite differences in its weights, offsets and inputs.
#[test]
fn a_norm_by_one_deviation_has_the_right_gradients() {
    let config = float_config();
    let model = Model::new(&config).unwrap();
    let (stage, shape) = (model.stages[0], model.shapes[0]);
    let images = 11;
    let pixels: Vec<f32> = (0..images * shape.len())
        .map(|i| ((i * i * 31 % 257) as f32 / 128.0) - 1.0)
        .collect();
    let channels = model.layers[0].outputs;
    let weights = StageWeights {
        weight: model.get(0, Role::Weight).unwrap(),
        bias: vec![0.0; channels],
        norm: Some(Norm {
            kind: NormKind::Layer(0.7),
            gamma: Vec::new(),
            beta: (0..channels).map(|c| c as f32 * 0.3 - 0.4).collect(),
            running: None,
            // So fine that rounding to it is not noticeable.
            unit: 1e-9,
        }),
    };
    let upstream =
        |len: usize| -> Vec<f32> { (0..len).map(|i| (i * 7 % 5) as f32 - 2.0).collect() };
    let loss = |pixels: &[f32], weights: &StageWeights| -> f64 {
        let (out, _) = stage.forward(Blocks::from_images(pixels, shape), weights);
        let sums = out.blocks.iter().map(|block| {
            let products = block.iter().zip(upstream(block.len()));
            products
                .map(|(x, g)| f64::from(*x) * f64::from(g))
                .sum::<f64>()
        });
        sums.sum()
    };
    let (out, saved) = stage.forward(Blocks::from_images(&pixels, shape), &weights);
    let gradient = Blocks {
        images,
        blocks: out.blocks.iter().map(|b| upstream(b.len())).collect(),
    };
    let (found, dx) = stage.backward(&saved, &weights, &gradient, true);
    let check = |found: f32, at: &dyn Fn(f32) -> f64, what: &str| {
        let h = 1e-2_f32;
        let difference = (at(h) - at(-h)) / (2.0 * f64::from(h));
        let error = (difference - f64::from(found)).abs();
        assert!(
            error < 0.05 + 0.02 * difference.abs(),
            "{what}: {difference} {found}"
        );
    };
    for index in [0, 7, weights.weight.len() - 1] {
        let at = |d: f32| {
            let mut moved = weights.clone();
            moved.weight[index] += d;
            loss(&pixels, &moved)
        };
        check(found.weight[index], &at, "weight");
    }
    let (_, beta) = found.norm.unwrap();
    for (index, &gradient) in beta.iter().enumerate() {
        let at = |d: f32| {
            let mut moved = weights.clone();
            if let Some(norm) = &mut moved.norm {
                norm.beta[index] += d;
            }
            loss(&pixels, &moved)
        };
        check(gradient, &at, "offset");
    }
    let dx = dx.unwrap().to_images(shape);
    for index in [3, 200, pixels.len() - 5] {
        let at = |d: f32| {
            let mut moved = pixels.clone();
            moved[index] += d;
            loss(&moved, &weights)
        };
        check(dx[index], &at, "input");
    }
}

/// The layers after frozen ones have the gradients of a whole pass with running statistics.
#[test]
fn frozen_stages_stand_still_and_the_rest_learns() {
    let (model, _, x, data) = on_quadrants(&normalized());
    let (rounded, leaves) = (model.round(None).unwrap(), model.leaves());
    for (frozen, first) in [([true, true, false], 2), ([true, false, false], 1)] {
        let pass = model.pass(&leaves, &rounded, x.clone(), &frozen).unwrap();
        assert_eq!(pass.statistics.len(), 2 - first);
        if pass.statistics.is_empty() {
            let evaluated = model.evaluate(&rounded, x.clone()).unwrap();
            assert_eq!(values(&pass.logits).unwrap(), values(&evaluated).unwrap());
        }
        let loss = cross_entropy(pass.logits.clone(), data.labels(), 0.0);
        let gradients = model.gradients(&leaves, &pass, &loss).unwrap();
        for (param, gradient) in model.params.iter().zip(&gradients) {
            let learns = param.layer >= first && param.role.is_trained();
            assert_eq!(gradient.is_some(), learns, "{}", param.name);
        }
    }
}

#[test]
fn settled_norms_have_the_statistics_of_the_network_as_it_is() {
    let (mut model, map, x, data) = on_quadrants(&normalized());
    let running = |model: &Model, layer| {
        [Role::RunningMean, Role::RunningVar].map(|role| model.get(layer, role).unwrap())
    };
    let before = [running(&model, 0), running(&model, 1)];
    let frozen = [true, false, false];
    start::settle(&mut model, &map, &data, None, &frozen).unwrap();
    assert_eq!(running(&model, 0), before[0], "frozen");
    assert_ne!(running(&model, 1), before[1]);
    // A pass over the same images measures the statistics that are stored.
    let rounded = model.round(None).unwrap();
    let pass = model.pass(&model.leaves(), &rounded, x, &frozen).unwrap();
    let mut again = model.clone();
    for statistics in pass.statistics {
        statistics.replace(&mut again);
    }
    assert_eq!(running(&again, 1), running(&model, 1));
}
