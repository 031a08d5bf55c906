//! A plan in the form that the kernels take: each square fused with the sums before it, weights and biases as residues,
//! and an account of the factors that are not multiplied out.

use super::plaintexts::Plaintexts;
use super::upload::UploadScale;
use crate::circuit::{CircuitLayer, Op, OpCounts};
use crate::engine::error::EngineError;
use crate::engine::plan::Plan;
use crate::kernels::{KernelLayer, Lane, Prime, Sum, Then, square_work, sum_work, weighted_work};
use crate::modular::{centred, multiply, wide_residue};
use crate::network::{Term, WeightedSums};
use crate::seal::Context;
use num_bigint::Sign;
use std::collections::HashSet;

/// Largest window, in values, of a pool that is fused with the squares before it.
const POOL_MAX: usize = 64;

/// A layer for the kernels: a square is fused with the sums before it and the sum-pool after it.
pub(in crate::engine) enum FusedLayer<'a> {
    Sums {
        name: String,
        last: String,
        /// Weighted sums; `None` for the values as they are.
        sums: Option<&'a WeightedSums>,
        square: bool,
        /// Sums of the squares, where each square is in one sum only.
        pool: Option<&'a WeightedSums>,
    },
    /// A sum of products with plaintexts.
    Products {
        layer: &'a CircuitLayer,
        count: usize,
    },
}

/// Tells whether each output is a plain sum of inputs of its own.
fn is_pool(sums: &WeightedSums, inputs: usize) -> bool {
    let mut read = vec![false; inputs];
    sums.outputs().all(|(terms, bias)| {
        bias.sign() == Sign::NoSign
            && (1..=POOL_MAX).contains(&terms.len())
            && terms.iter().all(|term| {
                let read = read.get_mut(term.input as usize);
                term.weight == 1 && read.is_some_and(|read| !std::mem::replace(read, true))
            })
    })
}

/// Fuses the layers of a plan: each square with the sums before it and the sum-pool after it. The diagonal layout is not
/// computed coefficient by coefficient: it has no such layers.
pub(in crate::engine) fn fuse(plan: &Plan) -> Vec<FusedLayer<'_>> {
    let mut fused: Vec<FusedLayer<'_>> = Vec::new();
    for (layer, steps) in plan.circuit().walk(&[]) {
        let name = layer.name().to_owned();
        for step in steps {
            let name = name.clone();
            match (step.op, fused.last_mut()) {
                (
                    Op::Squares,
                    Some(FusedLayer::Sums {
                        name: before,
                        last,
                        square: square @ false,
                        ..
                    }),
                ) => {
                    *square = true;
                    last.clone_from(&name);
                    *before = format!("{before} + {name}");
                }
                (
                    Op::LinearCombination(sums),
                    Some(FusedLayer::Sums {
                        name: before,
                        last,
                        square: true,
                        pool: pool @ None,
                        ..
                    }),
                ) if is_pool(sums, step.ciphertexts) => {
                    *pool = Some(sums);
                    last.clone_from(&name);
                    *before = format!("{before} + {name}");
                }
                (Op::Squares, _) => fused.push(FusedLayer::Sums {
                    last: name.clone(),
                    name,
                    sums: None,
                    square: true,
                    pool: None,
                }),
                (Op::LinearCombination(sums), _) => fused.push(FusedLayer::Sums {
                    last: name.clone(),
                    name,
                    sums: Some(sums),
                    square: false,
                    pool: None,
                }),
                (Op::SumOfProducts { .. }, _) => fused.push(FusedLayer::Products {
                    layer,
                    count: step.ciphertexts,
                }),
                _ => {}
            }
        }
    }
    fused
}

/// The reported properties of a fused layer.
#[derive(Debug)]
pub(in crate::engine) struct Reported {
    pub name: String,
    /// Name of the last of the plan's layers that are fused in it.
    pub last: String,
    pub ops: OpCounts,
    /// Number of output values, and number of polynomials of each.
    pub values: usize,
    pub size: usize,
    /// Number of vector operations on eight coefficients of one prime.
    pub work: f64,
    /// Number of bytes that the outputs of one window read.
    pub window_bytes: usize,
}

/// Compiles the layers for one prime of the context; also returns the factor by which their results are multiplied at
/// the end.
pub(super) fn compile(
    context: &Context,
    inputs: usize,
    layers: &[FusedLayer<'_>],
    index: usize,
    (upload, minus_q): (&UploadScale, u64),
    plaintexts: Option<&Plaintexts>,
) -> Result<(Vec<KernelLayer>, u64), EngineError> {
    let t = context.parameters().plain_modulus().value();
    let value = context.primes()[index];
    let prime = Prime::new(value).ok_or(EngineError::Kernel { prime: value })?;
    let over_t = prime.invert(t % value);
    // The residues are `scale` times those of the BGV ciphertext.
    let (mut scale, mut kappa) = (upload.modulo(&prime), minus_q);
    let mut count = inputs;
    let mut specs = Vec::with_capacity(layers.len());
    for layer in layers {
        let FusedLayer::Sums {
            sums, square, pool, ..
        } = layer
        else {
            let plaintexts = plaintexts.ok_or(EngineError::Internal(
                "no plaintexts for a layer of products",
            ))?;
            specs.push(plaintexts.layer(context, index, &prime, kappa, scale)?);
            count = 1;
            continue;
        };
        let (sums, mut order): (Vec<Sum>, Vec<u32>) = if let Some(weighted) = sums {
            let sums = weighted.outputs().map(|(terms, bias)| {
                let bias = multiply(kappa, wide_residue(bias, t), t);
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
        let then = if let Some(pool) = pool {
            let group = |terms: &[Term]| terms.iter().map(|term| term.input).collect();
            count = pool.len();
            order = by_window(pool);
            Then::Pool(pool.outputs().map(|(terms, _)| group(terms)).collect())
        } else if *square {
            Then::Square
        } else {
            Then::Keep
        };
        specs.push(KernelLayer::Sums { sums, then, order });
        if *square {
            let squared = prime.multiply(scale, scale);
            scale = prime.multiply(squared, prime.invert(prime.radix()));
            kappa = multiply(kappa, kappa, t);
        }
    }
    Ok((specs, prime.multiply(prime.invert(scale), over_t)))
}

/// Orders the outputs so that those that read the same window of the input follow each other.
fn by_window(sums: &WeightedSums) -> Vec<u32> {
    let windows = sums.windows().max(1);
    let channels = sums.len() / windows;
    (0..windows)
        .flat_map(|window| (0..channels).map(move |channel| (channel * windows + window) as u32))
        .collect()
}

/// Returns the size of what the outputs of the first window read: bytes of eight coefficients of one prime.
fn window_bytes(sums: &WeightedSums, size: usize) -> usize {
    let outputs = sums.outputs().step_by(sums.windows());
    let read: HashSet<u32> = outputs
        .flat_map(|(terms, _)| terms.iter().map(|term| term.input))
        .collect();
    read.len() * size * size_of::<Lane>()
}

/// Returns the name, operations and sizes of each fused layer.
pub(in crate::engine) fn reported(
    layers: &[FusedLayer<'_>],
    inputs: usize,
    t: u64,
) -> Vec<Reported> {
    let (mut values, mut size) = (inputs, 2);
    layers
        .iter()
        .map(|layer| match layer {
            FusedLayer::Products { layer, count } => {
                values = 1;
                Reported {
                    name: layer.name().to_owned(),
                    last: layer.name().to_owned(),
                    ops: OpCounts {
                        additions: count.saturating_sub(1) as u64,
                        plain_multiplications: *count as u64,
                        plain_additions: 1,
                        ..OpCounts::default()
                    },
                    values,
                    size,
                    work: weighted_work(size, *count),
                    // Each weight is read once.
                    window_bytes: usize::MAX,
                }
            }
            FusedLayer::Sums {
                name,
                last,
                sums,
                square,
                pool,
            } => {
                let mut ops = OpCounts::default();
                let count = sums.map_or(values, WeightedSums::len);
                let outputs = sums.iter().flat_map(|sums| sums.outputs());
                let (mut computed, mut read) = (0, 0);
                for (terms, bias) in outputs {
                    let weights = terms
                        .iter()
                        .map(|term| centred(i128::from(term.weight), t).unsigned_abs())
                        .filter(|&weight| weight != 0);
                    let (mut summands, mut scaled) = (0usize, 0);
                    for weight in weights {
                        summands += 1;
                        scaled += u64::from(weight != 1);
                    }
                    computed += 1;
                    read += summands;
                    ops.additions += summands.saturating_sub(1) as u64;
                    ops.constant_multiplications += scaled;
                    ops.plain_additions += u64::from(wide_residue(bias, t) != 0);
                }
                let mut work = sum_work(size, read, computed);
                work += size as f64 * ops.constant_multiplications as f64;
                let bytes = sums.map_or(0, |sums| window_bytes(sums, size));
                values = pool.map_or(count, WeightedSums::len);
                if *square {
                    let squares = pool.map_or(count, WeightedSums::term_count);
                    ops.squares = squares as u64;
                    ops.additions += (squares - values) as u64;
                    work += square_work(size, squares, values);
                    size = 2 * size - 1;
                }
                Reported {
                    name: name.clone(),
                    last: last.clone(),
                    ops,
                    values,
                    size,
                    work,
                    window_bytes: bytes,
                }
            }
        })
        .collect()
}
