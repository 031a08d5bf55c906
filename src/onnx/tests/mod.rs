//! Every pattern that docs/IMPORT.md lists, in files that the tests build, against a second evaluation of their graphs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    clippy::too_many_lines,
    reason = "a test stops at the first thing that is wrong; its tensors are small"
)]

mod floats;
mod hostile;
mod kit;
mod quantized;
mod reference;
mod refusals;
mod residual;
mod traps;

use num_traits::ToPrimitive as _;

use super::{FloatLayer, FloatNetwork, ImportOptions, Imported, ImportedNetwork, import_bytes};
use crate::network::{Network, SplitMix64, Twin};
use kit::{Attr, File, random, whole};
use reference::{Tensor, evaluate};

/// Images that each network is tried on.
const IMAGES: u64 = 3;

fn input_dims(file: &File) -> Vec<usize> {
    let value = &file.model.graph.as_ref().unwrap().input[0];
    let shape = value
        .r#type
        .as_ref()
        .unwrap()
        .tensor_type
        .as_ref()
        .unwrap()
        .shape
        .as_ref();
    shape
        .unwrap()
        .dim
        .iter()
        .map(|d| d.dim_value.unwrap_or(1) as usize)
        .collect()
}

/// Writes a float network as a file again, for the same evaluation; returns its logits for counts of thresholds.
fn float_logits(network: &FloatNetwork, counts: &[i64]) -> Vec<f64> {
    let input = network.input;
    let mut channels = input.channels;
    let mut file = File::new(&[
        1,
        input.channels as i64,
        input.height as i64,
        input.width as i64,
    ]);
    let mut last = "input".to_owned();
    for (at, layer) in network.layers.iter().enumerate() {
        let next = format!("t{at}");
        let (w, b) = (format!("w{at}"), format!("b{at}"));
        file = match layer {
            FloatLayer::Conv2d {
                out_channels,
                kernel,
                stride,
                padding,
                weight,
                bias,
            } => {
                let [k, s, p] = [kernel, stride, padding].map(|pair| pair.map(|v| v as i64));
                let dims = [*out_channels as i64, channels as i64, k[0], k[1]];
                channels = *out_channels;
                file.floats(&w, &dims, weight)
                    .floats(&b, &[dims[0]], bias)
                    .with(
                        "Conv",
                        &[&last, &w, &b],
                        &next,
                        &[
                            ("strides", Attr::Is(&s)),
                            ("pads", Attr::Is(&[p, p].concat())),
                        ],
                    )
            }
            FloatLayer::Linear {
                out_features,
                weight,
                bias,
            } => {
                let inputs = (weight.len() / out_features) as i64;
                let outputs = *out_features as i64;
                let flat = format!("f{at}");
                file = file.node("Flatten", &[&last], &flat);
                last = flat;
                file.floats(&w, &[outputs, inputs], weight)
                    .floats(&b, &[outputs], bias)
                    .with("Gemm", &[&last, &w, &b], &next, &[("transB", Attr::I(1))])
            }
            FloatLayer::Square => file.node("Mul", &[&last, &last], &next),
            FloatLayer::SumPool { kernel, stride } => {
                let [k, s] = [kernel, stride].map(|pair| pair.map(|v| v as i64));
                let area = (kernel[0] * kernel[1]) as f32;
                let mean = format!("m{at}");
                file.with(
                    "AveragePool",
                    &[&last],
                    &mean,
                    &[("kernel_shape", Attr::Is(&k)), ("strides", Attr::Is(&s))],
                )
                .floats(&w, &[], &[area])
                .node("Mul", &[&mean, &w], &next)
            }
            FloatLayer::Flatten => file.node("Flatten", &[&last], &next),
        };
        last = next;
    }
    let file = file.node("Identity", &[&last], "output");
    let unit = 1.0 / network.thresholds.len() as f64;
    let values = counts.iter().map(|&n| n as f64 * unit).collect();
    let dims = [1, input.channels, input.height, input.width];
    evaluate(&file.model, &Tensor::new(&dims, values)).values
}

fn close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-9f64, |m, x| m.max(x.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!(
            (f - e).abs() <= tolerance * largest,
            "{what}: {found:?}, expected {expected:?}"
        );
    }
}

fn imported(file: &File) -> Imported {
    match import_bytes(file.bytes(), &ImportOptions::default()) {
        Ok(imported) => imported,
        Err(error) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            panic!("{error} {source:?}")
        }
    }
}

/// Imports a file and compares what it computes with what its graph does, on random images.
fn same(file: &File) -> Imported {
    let imported = imported(file);
    let dims = input_dims(file);
    let length: usize = dims.iter().product();
    for seed in 0..IMAGES {
        let mut random = SplitMix64::new(seed);
        let pixels: Vec<u8> = (0..length).map(|_| random.between(0, 255) as u8).collect();
        let values = (0..length).map(|at| {
            let pixel = pixels[imported.order.get(at).map_or(at, |&place| place as usize)];
            if imported.raw {
                f64::from(pixel)
            } else {
                f64::from(f32::from(pixel) / 255.0)
            }
        });
        let expected = evaluate(&file.model, &Tensor::new(&dims, values.collect())).values;
        let real = imported.real_logits(&pixels).unwrap();
        close(&real, &expected, 1e-6, "the real network");
        match &imported.network {
            ImportedNetwork::Integer { network, error } => {
                let image = network.quantize_image(&pixels).unwrap();
                let logits = Twin::new(network).logits(&image).unwrap();
                let unit = network.output_scale();
                let found: Vec<f64> = logits.iter().map(|l| l.to_f64().unwrap() * unit).collect();
                // Rounding is measured on other images.
                let allowed = error.map_or(1e-6, |error| 1e-6 + 3.0 * error.largest / error.of);
                close(&found, &expected, allowed, "the integer network");
            }
            ImportedNetwork::Float(network) => {
                let count = |pixel: u8| network.thresholds.partition_point(|&t| t <= pixel) as i64;
                let counts: Vec<i64> = pixels.iter().map(|&pixel| count(pixel)).collect();
                close(
                    &float_logits(network, &counts),
                    &expected,
                    1e-5,
                    "the float network",
                );
            }
        }
    }
    imported
}

/// Returns the words of a file's refusal.
fn refusal(file: &File) -> String {
    match import_bytes(file.bytes(), &ImportOptions::default()) {
        Ok(imported) => panic!("imported: {:?}", imported.notes),
        Err(error) => error.to_string(),
    }
}

/// The integer network of a file, whose logits are exact.
fn exact(file: &File) -> Network {
    let imported = same(file);
    match imported.network {
        ImportedNetwork::Integer {
            network,
            error: None,
        } => *network,
        other @ (ImportedNetwork::Integer { .. } | ImportedNetwork::Float(_)) => {
            panic!("{other:?}")
        }
    }
}

fn float(file: &File) -> FloatNetwork {
    match same(file).network {
        ImportedNetwork::Float(network) => network,
        other @ ImportedNetwork::Integer { .. } => panic!("{other:?}"),
    }
}

/// Returns the kinds of a network's layers.
fn kinds(network: &Network) -> Vec<&'static str> {
    network
        .layers()
        .iter()
        .map(|named| named.layer.kind())
        .collect()
}
