//! A plan as the kernels take it: each square joined with the sums before it, weights and biases as residues, and the
//! account of the factors that are not multiplied out.

use super::diagonal;
use super::error::EngineError;
use super::packed::Plaintexts;
use super::plan::{Plan, Step};
use super::residue::{bias_residue, centred, multiply, power};
use super::stats::LayerOps;
use crate::bfv::Context;
use crate::kernels::{LayerSpec, Prime, Sum};
use crate::layout::Layout;
use crate::network::WeightedSums;

/// A layer for the kernels: a square is joined with the sums before it.
pub(super) enum Fused<'a> {
    Sums {
        name: String,
        /// `None` for the values as they are.
        sums: Option<&'a WeightedSums>,
        square: bool,
    },
    Positions {
        name: String,
        count: usize,
    },
}

/// The layers of a plan, each square joined with the sums before it.
pub(super) fn fuse(plan: &Plan) -> Vec<Fused<'_>> {
    let mut fused: Vec<Fused<'_>> = Vec::new();
    for layer in plan.layers() {
        let name = layer.name.clone();
        match (&layer.step, fused.last_mut()) {
            (
                Step::Square { .. },
                Some(Fused::Sums {
                    name: before,
                    square: square @ false,
                    ..
                }),
            ) => {
                *square = true;
                *before = format!("{before} + {name}");
            }
            (Step::Square { .. }, _) => fused.push(Fused::Sums {
                name,
                sums: None,
                square: true,
            }),
            (Step::Sums(sums), _) => fused.push(Fused::Sums {
                name,
                sums: Some(sums),
                square: false,
            }),
            // The diagonal layout is not computed coefficient by coefficient.
            (Step::Diagonals { .. }, _) => {}
            (Step::Positions { count }, _) => fused.push(Fused::Positions {
                name,
                count: *count,
            }),
        }
    }
    fused
}

/// What is reported of a layer.
#[derive(Debug)]
pub(super) struct Reported {
    pub name: String,
    pub ops: LayerOps,
}

/// -Q mod t for the product Q of the data primes.
pub(super) fn minus_q(data_primes: &[u64], t: u64) -> u64 {
    let product = data_primes.iter().fold(1u128, |product, &prime| {
        product * u128::from(prime) % u128::from(t)
    });
    ((u128::from(t) - product) % u128::from(t)) as u64
}

/// What a client multiplies decrypted slots by: 1 / (-kappa / Q) mod t with kappa = (-Q)^(2^squares).
pub(super) fn correction(plan: &Plan, t: u64) -> u64 {
    let coeff_modulus = plan.selection().coeff_modulus();
    let data = &coeff_modulus[..coeff_modulus.len().saturating_sub(1)];
    if let Layout::Diagonal(layout) = plan.layout() {
        let squares = layout.stages().len().saturating_sub(1);
        return diagonal::correction(data, plan.selection().drops(), squares, t);
    }
    let minus_q = minus_q(data, t);
    let mut kappa = minus_q;
    for layer in plan.layers() {
        if matches!(layer.step, Step::Square { .. }) {
            kappa = multiply(kappa, kappa, t);
        }
    }
    // Fermat: t is prime.
    let inverse = power(kappa, t - 2, t);
    multiply(minus_q, inverse, t)
}

/// The layers for one prime of the context, and what their results are multiplied by at the end.
pub(super) fn compile(
    context: &Context,
    inputs: usize,
    layers: &[Fused<'_>],
    index: usize,
    minus_q: u64,
    plaintexts: Option<&Plaintexts>,
) -> Result<(Vec<LayerSpec>, u64), EngineError> {
    let t = context.parameters().plain_modulus().value();
    let value = context.primes()[index];
    let prime = Prime::new(value).ok_or(EngineError::Kernel { prime: value })?;
    let over_t = prime.invert(t % value);
    // The residues at hand are `scale` times those of the BGV ciphertext.
    let (mut scale, mut kappa) = (over_t, minus_q);
    let mut count = inputs;
    let mut specs = Vec::with_capacity(layers.len());
    for layer in layers {
        let Fused::Sums { sums, square, .. } = layer else {
            let plaintexts = plaintexts.ok_or(EngineError::EmptyPlan)?;
            specs.push(plaintexts.layer(context, index, &prime, kappa, scale)?);
            count = 1;
            continue;
        };
        let (sums, order): (Vec<Sum>, Vec<u32>) = if let Some(weighted) = sums {
            let sums = weighted.outputs().map(|(terms, bias)| {
                let bias = multiply(kappa, bias_residue(bias, t), t);
                let bias = prime.residue(i128::from(centred(i128::from(bias), t)));
                Sum {
                    terms: terms
                        .iter()
                        .map(|term| (term.input, centred(i128::from(term.weight), t)))
                        .filter(|(_, weight)| *weight != 0)
                        .collect(),
                    constant: prime.multiply(scale, bias),
                }
            });
            (sums.collect(), by_window(weighted))
        } else {
            let identity = |input| Sum {
                terms: vec![(input, 1)],
                constant: 0,
            };
            let count = count as u32;
            ((0..count).map(identity).collect(), (0..count).collect())
        };
        count = sums.len();
        specs.push(LayerSpec::Sums {
            sums,
            order,
            square: *square,
        });
        if *square {
            let squared = prime.multiply(scale, scale);
            scale = prime.multiply(squared, prime.invert(prime.radix()));
            kappa = multiply(kappa, kappa, t);
        }
    }
    Ok((specs, prime.multiply(prime.invert(scale), over_t)))
}

/// The outputs ordered so that those that read the same window of the input follow each other.
fn by_window(sums: &WeightedSums) -> Vec<u32> {
    let windows = sums.windows().max(1);
    let channels = sums.len() / windows;
    (0..windows)
        .flat_map(|window| (0..channels).map(move |channel| (channel * windows + window) as u32))
        .collect()
}

/// The names of the layers and what each executes.
pub(super) fn reported(layers: &[Fused<'_>], inputs: usize, t: u64) -> Vec<Reported> {
    let mut values = inputs;
    layers
        .iter()
        .map(|layer| {
            let mut ops = LayerOps::default();
            let name = match layer {
                Fused::Positions { name, count } => {
                    ops.additions = count.saturating_sub(1) as u64;
                    ops.plain_multiplications = *count as u64;
                    ops.plain_additions = 1;
                    name
                }
                Fused::Sums { name, sums, square } => {
                    for (terms, bias) in sums.iter().flat_map(|sums| sums.outputs()) {
                        let weights: Vec<i64> = terms
                            .iter()
                            .map(|term| centred(i128::from(term.weight), t))
                            .filter(|&weight| weight != 0)
                            .collect();
                        ops.additions += weights.len().saturating_sub(1) as u64;
                        ops.constant_multiplications +=
                            weights.iter().filter(|weight| weight.abs() != 1).count() as u64;
                        ops.plain_additions += u64::from(bias_residue(bias, t) != 0);
                    }
                    values = sums.map_or(values, WeightedSums::len);
                    if *square {
                        ops.squares = values as u64;
                    }
                    name
                }
            };
            Reported {
                name: name.clone(),
                ops,
            }
        })
        .collect()
}
