//! The execution of a compiled program on eight coefficients.

use super::prime::{Constants, LAZY_PRODUCTS};
use super::program::{Compiled, CompiledLayer, Program, ProgramOutput, SIZES, Scratch, Squares};
use super::simd::{Lane, Simd};

/// Number of coefficients of the largest square.
const PRODUCTS: usize = 2 * SIZES[SIZES.len() - 1] - 1;

impl Program {
    /// Runs all layers on the coefficients `8 * chunk` to `8 * chunk + 7`, and writes the reduced results to `output`.
    /// `input` holds the values' polynomials one after the other.
    #[inline(always)]
    pub(super) fn run_chunk<S: Simd>(
        &self,
        simd: S,
        chunk: usize,
        input: &[Lane],
        scratch: &mut Scratch,
        output: &mut [Lane],
    ) {
        let constants = self.prime().constants(simd);
        scratch.nanoseconds.resize(self.len(), 0);
        for (index, layer) in self.layers().iter().enumerate() {
            let start = std::time::Instant::now();
            let words = layer.outputs * layer.output_size();
            // Never shrink: the old content is overwritten, and a shrunk buffer would be filled again for the next
            // chunk.
            if scratch.next.len() < words {
                scratch.next.resize(words, Lane::default());
            }
            let current = if index == 0 { input } else { &scratch.current };
            let next = &mut scratch.next[..words];
            match layer.size {
                2 => run_layer::<S, 2>(&constants, layer, chunk, current, next),
                3 => run_layer::<S, 3>(&constants, layer, chunk, current, next),
                5 => run_layer::<S, 5>(&constants, layer, chunk, current, next),
                _ => run_layer::<S, 9>(&constants, layer, chunk, current, next),
            }
            std::mem::swap(&mut scratch.current, &mut scratch.next);
            scratch.nanoseconds[index] += start.elapsed().as_nanos() as u64;
        }
        for (output, value) in output.iter_mut().zip(&scratch.current) {
            simd.store(constants.reduce(simd.load(&value.0)), &mut output.0);
        }
    }
}

#[inline(always)]
fn run_layer<S: Simd, const SIZE: usize>(
    constants: &Constants<S>,
    layer: &CompiledLayer,
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
            squares,
        } => {
            let mut products = Products::new(constants);
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
                // Use loops, not `map`: its closure would not be inlined where the instructions are enabled.
                for sum in &mut sums {
                    *sum = if *squares != Squares::None && layer.lazy {
                        constants.reduce_lazily(*sum)
                    } else {
                        constants.reduce(*sum)
                    };
                }
                match squares {
                    Squares::None => {
                        let at = &mut output[spec.place * SIZE..(spec.place + 1) * SIZE];
                        for (at, sum) in at.iter_mut().zip(sums) {
                            constants.simd.store(sum, &mut at.0);
                        }
                    }
                    Squares::Single => {
                        products.add_square(constants, &sums);
                        products.store::<SIZE>(constants, spec.place, layer.reduced, output);
                        products.clear::<SIZE>(constants);
                    }
                    Squares::Pooled => {
                        products.add_square(constants, &sums);
                        if spec.last {
                            products.store::<SIZE>(constants, spec.place, layer.reduced, output);
                            products.clear::<SIZE>(constants);
                        }
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
                products[0] = simd.add(products[0], simd.load(&bias.0));
                for (product, at) in products.into_iter().zip(output) {
                    simd.store(constants.reduce(product), &mut at.0);
                }
            }
        }
    }
}

/// Computes sums that are known to stay below 2^63.
#[inline(always)]
fn narrow_sums<S: Simd, const SIZE: usize>(
    constants: &Constants<S>,
    spec: &ProgramOutput,
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
            *sum = simd.add(*sum, simd.load(&value.0));
        }
    }
    for &at in minus {
        for (sum, value) in sums.iter_mut().zip(&input[at as usize]) {
            *sum = simd.sub(*sum, simd.load(&value.0));
        }
    }
    for &(at, weight) in scaled {
        let weight = simd.splat(weight);
        for (sum, value) in sums.iter_mut().zip(&input[at as usize]) {
            *sum = simd.add(*sum, simd.mul(simd.load(&value.0), weight));
        }
    }
    sums
}

/// Divides a sum of products by 2^52, like [`Constants::montgomery`].
#[inline(always)]
fn divided<S: Simd>(constants: &Constants<S>, sum: S::Wide) -> S::Vector {
    let (high, low) = constants.simd.halves(sum);
    constants.montgomery(high, low)
}

/// Computes sums of products with weights in Montgomery form, below twice the prime.
///
/// Values are below 2^52 (see [`Program::new`]) and weights below the prime.
#[inline(always)]
fn wide_sums<S: Simd, const SIZE: usize>(
    constants: &Constants<S>,
    terms: &[(u32, u64)],
    input: &[[Lane; SIZE]],
) -> [S::Vector; SIZE] {
    let simd = constants.simd;
    let mut products = [simd.wide(); SIZE];
    for terms in terms.chunks(LAZY_PRODUCTS) {
        for &(at, weight) in terms {
            let weight = simd.splat(weight);
            for (product, value) in products.iter_mut().zip(&input[at as usize]) {
                *product = simd.mul_add(*product, simd.load(&value.0), weight);
            }
        }
        for product in &mut products {
            *product = constants.fold(*product);
        }
    }
    let mut sums = [constants.zero; SIZE];
    for (sum, product) in sums.iter_mut().zip(products) {
        *sum = divided(constants, product);
    }
    sums
}

/// Computes sums like [`wide_sums`], with a weight for each coefficient.
#[inline(always)]
fn weighted_sum<S: Simd, const SIZE: usize>(
    constants: &Constants<S>,
    weights: &[Lane],
    input: &[[Lane; SIZE]],
    sums: &mut [S::Vector; SIZE],
) {
    let simd = constants.simd;
    let mut products = [simd.wide(); SIZE];
    let inputs = input.chunks(LAZY_PRODUCTS);
    for (weights, input) in weights.chunks(LAZY_PRODUCTS).zip(inputs) {
        for (weight, value) in weights.iter().zip(input) {
            let weight = simd.load(&weight.0);
            for (product, value) in products.iter_mut().zip(value) {
                *product = simd.mul_add(*product, simd.load(&value.0), weight);
            }
        }
        for product in &mut products {
            *product = constants.fold(*product);
        }
    }
    for (sum, product) in sums.iter_mut().zip(products) {
        *sum = divided(constants, product);
    }
}

/// A sum of squares of polynomials in the secret key, with residues as coefficients.
///
/// [`Program::new`] refuses more squares than can be added up lazily.
struct Products<S: Simd>([S::Wide; PRODUCTS]);

impl<S: Simd> Products<S> {
    #[inline(always)]
    fn new(constants: &Constants<S>) -> Self {
        Self([constants.simd.wide(); PRODUCTS])
    }

    #[inline(always)]
    fn add_square<const SIZE: usize>(
        &mut self,
        constants: &Constants<S>,
        values: &[S::Vector; SIZE],
    ) {
        let simd = constants.simd;
        let mut doubled = *values;
        for value in &mut doubled {
            *value = simd.add(*value, *value);
        }
        for (power, sum) in self.0.iter_mut().take(2 * SIZE - 1).enumerate() {
            let first = (power + 1).saturating_sub(SIZE);
            for i in first..=power / 2 {
                let j = power - i;
                let factor = if i == j { values[i] } else { doubled[i] };
                *sum = simd.mul_add(*sum, factor, values[j]);
            }
        }
    }

    /// Resets the sums to zero, in place and only as far as they were used, because assigning the whole array would
    /// copy it.
    #[inline(always)]
    fn clear<const SIZE: usize>(&mut self, constants: &Constants<S>) {
        for sum in self.0.iter_mut().take(2 * SIZE - 1) {
            *sum = constants.simd.wide();
        }
    }

    /// Stores the sum divided by 2^52 at its place, reduced if `reduced` is true.
    #[inline(always)]
    fn store<const SIZE: usize>(
        &self,
        constants: &Constants<S>,
        place: usize,
        reduced: bool,
        output: &mut [Lane],
    ) {
        let size = 2 * SIZE - 1;
        let output = &mut output[place * size..(place + 1) * size];
        for (output, sum) in output.iter_mut().zip(&self.0) {
            let mut value = divided(constants, *sum);
            if reduced {
                value = constants.reduce(value);
            }
            constants.simd.store(value, &mut output.0);
        }
    }
}
