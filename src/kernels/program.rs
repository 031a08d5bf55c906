//! Consecutive layers compiled for one prime, to be executed on eight coefficients at a time.
//!
//! In NTT form, sums, products with integers or plaintexts, and squares of ciphertexts are computed coefficient by
//! coefficient and prime by prime. All layers are therefore computed on eight coefficients before the next eight, so
//! the values between layers stay in the processor's cache.
//!
//! Every value is a polynomial in the secret key with `size` coefficients; the square of a value of size s has size 2s
//! - 1. Squares are divided by 2^52 (Montgomery's reduction); the caller keeps account of that factor.

use super::prime::{LAZY_PRODUCTS, Prime, RADIX_BITS};
use super::simd::{LANES, Lane};

/// Sizes that values may have: fresh, and after one, two or three squares.
pub const SIZES: [usize; 4] = [2, 3, 5, 9];
/// Limit of primes for lazy squares: below it, twice three times a prime fits 52 bits with room to spare, and squares
/// stay below four times the prime.
const LAZY_LIMIT: u64 = 1 << 48;
/// Number of products of two coefficients that can be added up. In a square each product occurs twice or, as here, once
/// with a factor doubled. Factors of lazy squares are below 3q < 2^50 and 6q < 2^51, those of others below q < 2^50 and
/// 2q < 2^51.
const SUMMANDS_MAX: usize = LAZY_PRODUCTS / 2;

/// One weighted sum: pairs of an input and its weight, and a constant that is added to the first polynomial.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sum {
    /// Indices of the inputs, with their weights.
    pub terms: Vec<(u32, i64)>,
    /// Constant, as a residue.
    pub constant: u64,
}

/// The use of a layer's sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// The sums are the outputs.
    Keep,
    /// The squares of the sums are the outputs.
    Square,
    /// Each output is the sum of the squares of the sums with these indices. Sums without an output are not computed.
    Pool(Vec<Vec<u32>>),
}

/// A layer to compile.
#[derive(Debug, Clone)]
pub enum KernelLayer {
    /// Weighted sums, optionally squared, with the squares optionally added up.
    Sums {
        /// Weighted sums.
        sums: Vec<Sum>,
        /// Use of the sums.
        then: Then,
        /// Order in which to compute the outputs: outputs that read the same inputs should follow each other.
        order: Vec<u32>,
    },
    /// Sums of products with plaintexts.
    Weighted {
        /// N.
        degree: usize,
        /// N residues in NTT form for each output and each input.
        weights: Vec<u64>,
        /// N residues in NTT form for each output, added to the first polynomial.
        constants: Vec<u64>,
    },
}

/// The end of a compiled sum's terms in each of its layer's lists, and the value from which the sum starts.
#[derive(Debug, Clone)]
pub(super) struct ProgramOutput {
    /// Place where the output is stored.
    pub place: usize,
    /// True if this sum completes the output.
    pub last: bool,
    pub plus: usize,
    pub minus: usize,
    pub scaled: usize,
    pub wide: usize,
    pub start: u64,
    pub constant: u64,
}

/// The squaring of sums, and the adding up of the squares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Squares {
    None,
    Single,
    Pooled,
}

#[derive(Debug, Clone)]
pub(super) enum Compiled {
    Sums {
        outputs: Vec<ProgramOutput>,
        plus: Vec<u32>,
        minus: Vec<u32>,
        /// Weights modulo 2^64, for sums below 2^63.
        scaled: Vec<(u32, u64)>,
        /// Weights times 2^52, modulo the prime.
        wide: Vec<(u32, u64)>,
        squares: Squares,
    },
    Weighted {
        /// Weights times 2^52, modulo the prime: chunk after chunk of eight coefficients, with all inputs of each
        /// output in a chunk.
        weights: Vec<Lane>,
        /// Constants, chunk after chunk.
        constants: Vec<Lane>,
    },
}

#[derive(Debug, Clone)]
pub(super) struct CompiledLayer {
    pub compiled: Compiled,
    pub inputs: usize,
    pub outputs: usize,
    pub size: usize,
    /// True if sums below 3q are squared without full reduction.
    pub lazy: bool,
    /// True if sums of squares are reduced, because they would be too large for the next layer's products.
    pub reduced: bool,
}

impl CompiledLayer {
    pub const fn output_size(&self) -> usize {
        match self.compiled {
            Compiled::Sums {
                squares: Squares::Single | Squares::Pooled,
                ..
            } => 2 * self.size - 1,
            _ => self.size,
        }
    }
}

/// Layers compiled for one prime.
#[derive(Debug, Clone)]
pub struct Program {
    prime: Prime,
    layers: Vec<CompiledLayer>,
}

/// The working memory of a thread that runs a program.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) current: Vec<Lane>,
    pub(super) next: Vec<Lane>,
    pub(super) tile: Vec<Lane>,
    pub(super) results: Vec<Lane>,
    /// Nanoseconds spent in each layer.
    pub nanoseconds: Vec<u64>,
}

impl Program {
    /// Compiles layers for `inputs` values of `size` polynomials, which are residues of the prime. Returns `None` if a
    /// size is not in [`SIZES`], a list does not match its layer, an input does not exist, or the number of squares
    /// that are added up, times the size of a value, exceeds 1,024. Sums may have any number of terms.
    pub fn new(prime: Prime, inputs: usize, size: usize, layers: Vec<KernelLayer>) -> Option<Self> {
        let (mut inputs, mut size) = (inputs, size);
        // All values are below this bound.
        let mut bound = prime.value();
        // Place where each value is stored: a layer's outputs follow each other in the order of their computation.
        let mut places: Vec<u32> = (0..inputs as u32).collect();
        let mut compiled = Vec::with_capacity(layers.len());
        let mut layers = layers.into_iter().peekable();
        while let Some(spec) = layers.next() {
            if !SIZES.contains(&size) {
                return None;
            }
            let lazy = prime.value() < LAZY_LIMIT;
            let mut summands = 1;
            let (layer, outputs) = match spec {
                KernelLayer::Sums { sums, then, order } => {
                    let in_order = !matches!(layers.peek(), Some(KernelLayer::Sums { .. }));
                    let groups = Groups::new(then, sums.len(), &order, in_order)?;
                    summands = groups.largest();
                    if summands * size > SUMMANDS_MAX {
                        return None;
                    }
                    let layer = compile_sums(&prime, &places, bound, &sums, &groups)?;
                    let outputs = groups.places.len();
                    places = groups.places;
                    (layer, outputs)
                }
                KernelLayer::Weighted {
                    degree,
                    weights,
                    constants,
                } => {
                    let layer = compile_weighted(&prime, inputs, degree, &weights, &constants)?;
                    places = (0..layer.1 as u32).collect();
                    layer
                }
            };
            let mut layer = CompiledLayer {
                compiled: layer,
                inputs,
                outputs,
                size,
                lazy,
                reduced: false,
            };
            bound = prime.value();
            if layer.output_size() != size {
                // See `add_square`: each square takes at most `size` products of two factors, divided by 2^52.
                let factor = u128::from(bound) * if lazy { 3 } else { 1 };
                bound += ((factor * factor * (size * summands) as u128) >> RADIX_BITS) as u64 + 2;
                // Factors of products must be below 2^52.
                if bound >> RADIX_BITS != 0 {
                    layer.reduced = true;
                    bound = prime.value();
                }
            }
            (inputs, size) = (outputs, layer.output_size());
            compiled.push(layer);
        }
        Some(Self {
            prime,
            layers: compiled,
        })
    }

    /// Returns the prime.
    pub const fn prime(&self) -> Prime {
        self.prime
    }

    pub(super) fn layers(&self) -> &[CompiledLayer] {
        &self.layers
    }

    /// Returns the number of layers.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Tells whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Returns the number of output values, and the number of polynomials of each.
    pub fn shape(&self) -> Option<(usize, usize)> {
        self.layers
            .last()
            .map(|layer| (layer.outputs, layer.output_size()))
    }
}

/// The sums that make up each output, in the order of their computation.
struct Groups {
    /// Place and sums of each output, in the order of computation.
    computed: Vec<(usize, Vec<u32>)>,
    /// Place where each output is stored.
    places: Vec<u32>,
    squares: Squares,
}

impl Groups {
    /// Makes the groups; `None` if a sum does not exist, or `order` does not name each output once. With `in_order`,
    /// outputs are stored in their own order, otherwise in the order of computation.
    fn new(then: Then, sums: usize, order: &[u32], in_order: bool) -> Option<Self> {
        let (mut groups, squares) = match then {
            Then::Keep | Then::Square => (
                (0..sums as u32).map(|sum| vec![sum]).collect(),
                if then == Then::Keep {
                    Squares::None
                } else {
                    Squares::Single
                },
            ),
            Then::Pool(groups) => (groups, Squares::Pooled),
        };
        if order.len() != groups.len() || groups.iter().any(Vec::is_empty) {
            return None;
        }
        let mut places = vec![0; groups.len()];
        let mut computed = Vec::with_capacity(groups.len());
        for (number, &output) in order.iter().enumerate() {
            // A group that was already taken is empty.
            let group = std::mem::take(groups.get_mut(output as usize)?);
            if group.is_empty() || group.iter().any(|&sum| sum as usize >= sums) {
                return None;
            }
            let place = if in_order { output as usize } else { number };
            places[output as usize] = place as u32;
            computed.push((place, group));
        }
        Some(Self {
            computed,
            places,
            squares,
        })
    }

    fn largest(&self) -> usize {
        let sizes = self.computed.iter().map(|(_, group)| group.len());
        sizes.max().unwrap_or(1)
    }

    /// Iterates over the sums in the order of computation: place, whether the sum completes its output, and index.
    fn sums(&self) -> impl Iterator<Item = (usize, bool, usize)> {
        self.computed.iter().flat_map(|(place, group)| {
            let last = group.len() - 1;
            let sums = group.iter().enumerate();
            sums.map(move |(number, &sum)| (*place, number == last, sum as usize))
        })
    }
}

/// Splits terms into those of weight 1, of weight -1, and other small ones; if 63 bits do not hold the sum, all of them
/// are wide.
fn compile_sums(
    prime: &Prime,
    places: &[u32],
    bound: u64,
    sums: &[Sum],
    groups: &Groups,
) -> Option<Compiled> {
    let (mut plus, mut minus, mut scaled, mut wide) = (vec![], vec![], vec![], vec![]);
    let mut outputs = Vec::with_capacity(sums.len());
    for (place, last, index) in groups.sums() {
        let sum = sums.get(index)?;
        if sum.constant >= prime.value() {
            return None;
        }
        // Sort the terms in the order in which the inputs lie.
        let mut terms = Vec::with_capacity(sum.terms.len());
        for &(input, weight) in &sum.terms {
            terms.push((*places.get(input as usize)?, weight));
        }
        terms.sort_unstable_by_key(|&(place, _)| place);
        let (mut positive, mut negative) = (0u128, 0u128);
        for &(_, weight) in &terms {
            let magnitude = u128::from(weight.unsigned_abs()) * u128::from(bound);
            let total = if weight < 0 {
                &mut negative
            } else {
                &mut positive
            };
            *total = total.saturating_add(magnitude);
        }
        // Start from a multiple of the prime, so that the sum does not become negative.
        let q = u128::from(prime.value());
        let narrow = negative
            .checked_next_multiple_of(q)
            .filter(|start| start.saturating_add(positive).saturating_add(q) < 1 << 63);
        let (start, is_wide) = (narrow.unwrap_or(0), narrow.is_none());
        for (input, weight) in terms {
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
        outputs.push(ProgramOutput {
            place,
            last,
            plus: plus.len(),
            minus: minus.len(),
            scaled: scaled.len(),
            wide: wide.len(),
            start: start as u64,
            constant: sum.constant,
        });
    }
    Some(Compiled::Sums {
        outputs,
        plus,
        minus,
        scaled,
        wide,
        squares: groups.squares,
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
    if degree == 0 || !degree.is_multiple_of(LANES) || !constants.len().is_multiple_of(degree) {
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
