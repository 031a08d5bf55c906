//! A run of layers compiled for one prime, and its execution on eight coefficients at a time.
//!
//! In NTT form, sums, products with integers or plaintexts, and squares of ciphertexts are computed coefficient by
//! coefficient and prime by prime. So all layers are computed on eight coefficients before the next eight are looked
//! at: what lies between the layers stays in the processor's cache.
//!
//! Every value is a polynomial in the secret key with `size` coefficients; a square of size s has size 2s - 1. Squares
//! are divided by 2^52 (Montgomery's reduction): the caller keeps account of that factor.

use super::prime::{Constants, Prime};
use super::simd::{LANES, Lane, Simd};

/// The sizes that values may have: fresh, and after one, two or three squares.
pub const SIZES: [usize; 4] = [2, 3, 5, 9];
/// Below this, twice three times a prime fits 52 bits with room, and squares stay below four times the prime.
const LAZY_LIMIT: u64 = 1 << 48;
/// After so many products the halves of a wide sum are brought back below the prime.
const WIDE_TERMS: usize = 2048;

/// One weighted sum: pairs of an input and its weight, and a constant that is added to the first polynomial.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sum {
    /// Inputs and weights.
    pub terms: Vec<(u32, i64)>,
    /// A residue.
    pub constant: u64,
}

/// A layer to compile.
#[derive(Debug, Clone)]
pub enum LayerSpec {
    /// Weighted sums, then perhaps the squares of them.
    Sums {
        /// One for each output.
        sums: Vec<Sum>,
        /// In which order to compute them: those that read the same inputs should follow each other.
        order: Vec<u32>,
        /// Whether the outputs are the squares of the sums.
        square: bool,
    },
    /// Sums of products with plaintexts.
    Weighted {
        /// N.
        degree: usize,
        /// For each output, for each input, N residues in NTT form.
        weights: Vec<u64>,
        /// For each output N residues in NTT form, added to the first polynomial.
        constants: Vec<u64>,
    },
}

/// Where the terms of a compiled sum end in its layer's lists, and what the sum starts from.
#[derive(Debug, Clone)]
struct Output {
    index: usize,
    plus: usize,
    minus: usize,
    scaled: usize,
    wide: usize,
    start: u64,
    constant: u64,
}

#[derive(Debug, Clone)]
enum Compiled {
    Sums {
        outputs: Vec<Output>,
        plus: Vec<u32>,
        minus: Vec<u32>,
        /// Weights modulo 2^64: the sums are below 2^63.
        scaled: Vec<(u32, u64)>,
        /// Weights times 2^52 modulo the prime.
        wide: Vec<(u32, u64)>,
        square: bool,
    },
    Weighted {
        /// Times 2^52 modulo the prime; chunk after chunk of eight coefficients, in each the outputs' inputs.
        weights: Vec<Lane>,
        /// Chunk after chunk.
        constants: Vec<Lane>,
    },
}

#[derive(Debug, Clone)]
struct Layer {
    compiled: Compiled,
    inputs: usize,
    outputs: usize,
    size: usize,
    /// Whether sums below 3q are squared as they are.
    lazy: bool,
}

impl Layer {
    const fn output_size(&self) -> usize {
        match self.compiled {
            Compiled::Sums { square: true, .. } => 2 * self.size - 1,
            _ => self.size,
        }
    }
}

/// Layers compiled for one prime.
#[derive(Debug, Clone)]
pub struct Program {
    prime: Prime,
    layers: Vec<Layer>,
}

/// What a thread needs to run a program.
#[derive(Debug, Default)]
pub struct Scratch {
    current: Vec<Lane>,
    next: Vec<Lane>,
    pub(super) tile: Vec<Lane>,
    pub(super) results: Vec<Lane>,
    /// Nanoseconds spent in each layer.
    pub nanoseconds: Vec<u64>,
}

impl Program {
    /// Compiles layers for `inputs` values of `size` polynomials, residues of the prime. `None` if a size is not among
    /// [`SIZES`], a list does not match its layer, or an input does not exist.
    pub fn new(prime: Prime, inputs: usize, size: usize, layers: Vec<LayerSpec>) -> Option<Self> {
        let (mut inputs, mut size) = (inputs, size);
        // All values are below this.
        let mut bound = prime.value();
        let mut compiled = Vec::with_capacity(layers.len());
        for spec in layers {
            if !SIZES.contains(&size) {
                return None;
            }
            let (layer, outputs) = match spec {
                LayerSpec::Sums {
                    sums,
                    order,
                    square,
                } => {
                    let outputs = sums.len();
                    (
                        compile_sums(&prime, inputs, bound, &sums, &order, square)?,
                        outputs,
                    )
                }
                LayerSpec::Weighted {
                    degree,
                    weights,
                    constants,
                } => compile_weighted(&prime, inputs, degree, &weights, &constants)?,
            };
            let layer = Layer {
                compiled: layer,
                inputs,
                outputs,
                size,
                lazy: prime.value() < LAZY_LIMIT,
            };
            bound = prime.value();
            if layer.output_size() != size {
                // See `square`: at most `size` products of two factors, divided by 2^52.
                let factor = u128::from(bound) * if layer.lazy { 3 } else { 1 };
                bound += ((factor * factor * size as u128) >> 52) as u64 + 2;
            }
            (inputs, size) = (outputs, layer.output_size());
            compiled.push(layer);
        }
        Some(Self {
            prime,
            layers: compiled,
        })
    }

    /// The prime.
    pub const fn prime(&self) -> Prime {
        self.prime
    }

    /// How many layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there is no layer.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// How many values come out, and of how many polynomials each.
    pub fn shape(&self) -> Option<(usize, usize)> {
        self.layers
            .last()
            .map(|layer| (layer.outputs, layer.output_size()))
    }

    /// Runs all layers on the coefficients `8 * chunk` to `8 * chunk + 7`; the results, reduced, are left at the end of
    /// `output`. `input` holds the values' polynomials in turn.
    #[inline(always)]
    pub(super) fn run_chunk<S: Simd>(
        &self,
        simd: S,
        chunk: usize,
        input: &[Lane],
        scratch: &mut Scratch,
        output: &mut [Lane],
    ) {
        let constants = self.prime.constants(simd);
        scratch.nanoseconds.resize(self.layers.len(), 0);
        for (index, layer) in self.layers.iter().enumerate() {
            let start = std::time::Instant::now();
            scratch
                .next
                .resize(layer.outputs * layer.output_size(), Lane::default());
            let current = if index == 0 { input } else { &scratch.current };
            match layer.size {
                2 => run_layer::<S, 2>(&constants, layer, chunk, current, &mut scratch.next),
                3 => run_layer::<S, 3>(&constants, layer, chunk, current, &mut scratch.next),
                5 => run_layer::<S, 5>(&constants, layer, chunk, current, &mut scratch.next),
                _ => run_layer::<S, 9>(&constants, layer, chunk, current, &mut scratch.next),
            }
            std::mem::swap(&mut scratch.current, &mut scratch.next);
            scratch.nanoseconds[index] += start.elapsed().as_nanos() as u64;
        }
        for (output, value) in output.iter_mut().zip(&scratch.current) {
            simd.store(constants.reduce(simd.load(value)), output);
        }
    }
}

/// Splits terms into those of weight 1, -1, other small ones, and, where 63 bits do not hold the sum, all as wide.
fn compile_sums(
    prime: &Prime,
    inputs: usize,
    bound: u64,
    sums: &[Sum],
    order: &[u32],
    square: bool,
) -> Option<Compiled> {
    let (mut plus, mut minus, mut scaled, mut wide) = (vec![], vec![], vec![], vec![]);
    let mut outputs = Vec::with_capacity(sums.len());
    let mut seen = vec![false; sums.len()];
    for &index in order {
        let index = index as usize;
        let sum = sums.get(index)?;
        if std::mem::replace(&mut seen[index], true) || sum.constant >= prime.value() {
            return None;
        }
        if sum.terms.iter().any(|&(input, _)| input as usize >= inputs) {
            return None;
        }
        let (mut positive, mut negative) = (0u128, 0u128);
        for &(_, weight) in &sum.terms {
            let magnitude = u128::from(weight.unsigned_abs()) * u128::from(bound);
            *(if weight < 0 {
                &mut negative
            } else {
                &mut positive
            }) += magnitude;
        }
        // A multiple of the prime keeps the sum from becoming negative.
        let start = negative.div_ceil(u128::from(prime.value())) * u128::from(prime.value());
        let is_wide = start + positive + u128::from(prime.value()) >= 1 << 63;
        for &(input, weight) in &sum.terms {
            match weight {
                0 => {}
                _ if is_wide => {
                    let residue = prime.residue(i128::from(weight));
                    wide.push((input, prime.multiply(residue, prime.radix())));
                }
                1 => plus.push(input),
                -1 => minus.push(input),
                _ => scaled.push((input, weight.cast_unsigned())),
            }
        }
        outputs.push(Output {
            index,
            plus: plus.len(),
            minus: minus.len(),
            scaled: scaled.len(),
            wide: wide.len(),
            start: if is_wide { 0 } else { start as u64 },
            constant: sum.constant,
        });
    }
    seen.into_iter().all(|seen| seen).then_some(Compiled::Sums {
        outputs,
        plus,
        minus,
        scaled,
        wide,
        square,
    })
}

/// Transposes plaintexts so that a chunk's words follow each other.
fn compile_weighted(
    prime: &Prime,
    inputs: usize,
    degree: usize,
    weights: &[u64],
    constants: &[u64],
) -> Option<(Compiled, usize)> {
    if degree == 0 || degree % LANES != 0 || constants.len() % degree != 0 {
        return None;
    }
    let outputs = constants.len() / degree;
    let is_residue = |&word: &u64| word < prime.value();
    if weights.len() != outputs * inputs * degree
        || !weights.iter().chain(constants).all(is_residue)
    {
        return None;
    }
    let transpose = |words: &[u64], factor: u64| -> Vec<Lane> {
        (0..degree / LANES)
            .flat_map(|chunk| {
                words.chunks(degree).map(move |row| {
                    Lane(std::array::from_fn(|lane| {
                        prime.multiply(row[chunk * LANES + lane], factor)
                    }))
                })
            })
            .collect()
    };
    Some((
        Compiled::Weighted {
            weights: transpose(weights, prime.radix()),
            constants: transpose(constants, 1),
        },
        outputs,
    ))
}

#[inline(always)]
fn run_layer<S: Simd, const SIZE: usize>(
    constants: &Constants<S>,
    layer: &Layer,
    chunk: usize,
    input: &[Lane],
    output: &mut [Lane],
) {
    let input = input.as_chunks::<SIZE>().0;
    match &layer.compiled {
        Compiled::Sums {
            outputs,
            plus,
            minus,
            scaled,
            wide,
            square,
        } => {
            let (mut plus_start, mut minus_start, mut scaled_start, mut wide_start) = (0, 0, 0, 0);
            for spec in outputs {
                let mut sums = narrow_sums::<S, SIZE>(
                    constants,
                    spec,
                    &plus[plus_start..spec.plus],
                    &minus[minus_start..spec.minus],
                    &scaled[scaled_start..spec.scaled],
                    input,
                );
                let wide = &wide[wide_start..spec.wide];
                if !wide.is_empty() {
                    let products = wide_sums::<S, SIZE>(constants, wide, input);
                    for (sum, product) in sums.iter_mut().zip(products) {
                        *sum = constants.simd.add(*sum, product);
                    }
                }
                // Loops, not `map`: its closure would not be inlined where the instructions are enabled.
                for sum in &mut sums {
                    *sum = if *square && layer.lazy {
                        constants.reduce_lazily(*sum)
                    } else {
                        constants.reduce(*sum)
                    };
                }
                if *square {
                    let size = 2 * SIZE - 1;
                    let at = &mut output[spec.index * size..(spec.index + 1) * size];
                    store_square::<S, SIZE>(constants, &sums, at);
                } else {
                    let at = &mut output[spec.index * SIZE..(spec.index + 1) * SIZE];
                    for (at, sum) in at.iter_mut().zip(sums) {
                        constants.simd.store(sum, at);
                    }
                }
                (plus_start, minus_start) = (spec.plus, spec.minus);
                (scaled_start, wide_start) = (spec.scaled, spec.wide);
            }
        }
        Compiled::Weighted {
            weights,
            constants: biases,
        } => {
            let simd = constants.simd;
            let outputs = output.as_chunks_mut::<SIZE>().0;
            let weights = weights.chunks_exact(layer.inputs.max(1));
            let weights = weights.skip(chunk * layer.outputs);
            let biases = biases.iter().skip(chunk * layer.outputs);
            for ((output, weights), bias) in outputs.iter_mut().zip(weights).zip(biases) {
                let mut products = [constants.zero; SIZE];
                weighted_sum::<S, SIZE>(constants, weights, input, &mut products);
                products[0] = simd.add(products[0], simd.load(bias));
                for (product, at) in products.into_iter().zip(output) {
                    simd.store(constants.reduce(product), at);
                }
            }
        }
    }
}

/// Sums below 2^63, by [`compile_sums`].
#[inline(always)]
fn narrow_sums<S: Simd, const SIZE: usize>(
    constants: &Constants<S>,
    spec: &Output,
    plus: &[u32],
    minus: &[u32],
    scaled: &[(u32, u64)],
    input: &[[Lane; SIZE]],
) -> [S::Vector; SIZE] {
    let simd = constants.simd;
    let mut sums = [simd.splat(spec.start); SIZE];
    sums[0] = simd.splat(spec.start + spec.constant);
    for &at in plus {
        for (sum, value) in sums.iter_mut().zip(&input[at as usize]) {
            *sum = simd.add(*sum, simd.load(value));
        }
    }
    for &at in minus {
        for (sum, value) in sums.iter_mut().zip(&input[at as usize]) {
            *sum = simd.sub(*sum, simd.load(value));
        }
    }
    for &(at, weight) in scaled {
        let weight = simd.splat(weight);
        for (sum, value) in sums.iter_mut().zip(&input[at as usize]) {
            *sum = simd.add(*sum, simd.mul(simd.load(value), weight));
        }
    }
    sums
}

/// The two halves of a sum of products, brought back below 2^52 and the prime.
#[inline(always)]
fn fold<S: Simd>(constants: &Constants<S>, high: &mut S::Vector, low: &mut S::Vector) {
    let simd = constants.simd;
    *high = constants.reduce(simd.add(*high, simd.shift_right(*low, 52)));
    *low = constants.low52(*low);
}

/// Sums of products with weights in Montgomery form, below 2^62.
///
/// Each product is below 2^51.2 * 2^50: between two folds the low halves add up to less than 2^12 * 2^52 and the high
/// ones to less than 2^12 * 2^49.2.
#[inline(always)]
fn wide_sums<S: Simd, const SIZE: usize>(
    constants: &Constants<S>,
    terms: &[(u32, u64)],
    input: &[[Lane; SIZE]],
) -> [S::Vector; SIZE] {
    let simd = constants.simd;
    let mut high = [constants.zero; SIZE];
    let mut low = [constants.zero; SIZE];
    for terms in terms.chunks(WIDE_TERMS) {
        for &(at, weight) in terms {
            let weight = simd.splat(weight);
            for (polynomial, value) in input[at as usize].iter().enumerate() {
                let value = simd.load(value);
                high[polynomial] = simd.mul_add_high(high[polynomial], value, weight);
                low[polynomial] = simd.mul_add_low(low[polynomial], value, weight);
            }
        }
        for (high, low) in high.iter_mut().zip(&mut low) {
            fold(constants, high, low);
        }
    }
    std::array::from_fn(|polynomial| constants.montgomery(high[polynomial], low[polynomial]))
}

/// As [`wide_sums`], with a weight for each coefficient.
#[inline(always)]
fn weighted_sum<S: Simd, const SIZE: usize>(
    constants: &Constants<S>,
    weights: &[Lane],
    input: &[[Lane; SIZE]],
    sums: &mut [S::Vector; SIZE],
) {
    let simd = constants.simd;
    let mut high = [constants.zero; SIZE];
    let mut low = [constants.zero; SIZE];
    for (weights, input) in weights.chunks(WIDE_TERMS).zip(input.chunks(WIDE_TERMS)) {
        for (weight, value) in weights.iter().zip(input) {
            let weight = simd.load(weight);
            for (polynomial, value) in value.iter().enumerate() {
                let value = simd.load(value);
                high[polynomial] = simd.mul_add_high(high[polynomial], value, weight);
                low[polynomial] = simd.mul_add_low(low[polynomial], value, weight);
            }
        }
        for (high, low) in high.iter_mut().zip(&mut low) {
            fold(constants, high, low);
        }
    }
    for (polynomial, sum) in sums.iter_mut().enumerate() {
        *sum = constants.montgomery(high[polynomial], low[polynomial]);
    }
}

/// The square of a polynomial in the secret key, with residues as coefficients, divided by 2^52.
#[inline(always)]
fn store_square<S: Simd, const SIZE: usize>(
    constants: &Constants<S>,
    values: &[S::Vector; SIZE],
    output: &mut [Lane],
) {
    let simd = constants.simd;
    let doubled: [S::Vector; SIZE] = std::array::from_fn(|i| simd.add(values[i], values[i]));
    for (power, output) in output.iter_mut().enumerate().take(2 * SIZE - 1) {
        let (mut high, mut low) = (constants.zero, constants.zero);
        let first = (power + 1).saturating_sub(SIZE);
        for i in first..=power / 2 {
            let j = power - i;
            let factor = if i == j { values[i] } else { doubled[i] };
            high = simd.mul_add_high(high, factor, values[j]);
            low = simd.mul_add_low(low, factor, values[j]);
        }
        simd.store(constants.montgomery(high, low), output);
    }
}
