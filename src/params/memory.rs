//! Predicts the memory of a run before anything is allocated.

use super::options::Scheme;
use super::selection::Parameters;
use crate::circuit::{Circuit, Op, levels};

/// Size of a residue in memory, in bytes.
const WORD: u64 = 8;
/// Size of a weight in the lowered network, in bytes: the plan holds it, and once more each evaluator of stock calls.
const TERM: u64 = 2 * 16;
/// Size of a weight compiled for one prime, in bytes: an index, or an index and a factor.
const COMPILED_TERM: u64 = 8;

/// The predicted bytes that client and server hold in one process.
///
/// Keys and ciphertexts are counted exactly: 8 bytes for each residue of each polynomial. They dominate from about 100
/// MB on. The program itself, the images, and memory that the allocator keeps come on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryForecast {
    /// Evaluation keys: SEAL's with all random halves expanded; those of own kernels as they travel, unpacked.
    pub keys: u64,
    /// Constants that the server makes once from weights and keys.
    pub constants: u64,
    /// Ciphertexts of a batch under one plaintext modulus, or those of a shared upload as they are sent, and its images
    /// as integers.
    pub request: u64,
    /// Request ciphertexts as they are sent, with seeds instead of random halves; held until they are expanded.
    pub sent: u64,
    /// The largest intermediate results between two layers, or the response.
    pub results: u64,
}

impl MemoryForecast {
    /// Predicts the memory of a circuit for batches of at most `images` images (full ones if `None`) of `values` values.
    pub(crate) fn new(
        parameters: &Parameters,
        circuit: &Circuit,
        values: usize,
        images: Option<usize>,
    ) -> Self {
        RunSize {
            scheme: parameters.scheme(),
            degree: parameters.poly_modulus_degree(),
            primes: parameters.coeff_modulus().len().saturating_sub(1),
            drops: parameters.drops(),
            plain_primes: parameters.plain_moduli().len(),
            shared: parameters.shared_upload(),
        }
        .forecast(circuit, values, images)
    }

    /// Returns the largest number of bytes held at once. The client's keys are freed once the server has made its
    /// constants from them.
    pub const fn peak(&self) -> u64 {
        let beside_request = larger(self.sent, self.results);
        let working = self.request.saturating_add(beside_request);
        self.constants.saturating_add(larger(self.keys, working))
    }
}

/// Returns the rows that [`Op::FromShared`] makes of a request, if the circuit begins with it.
fn rows_of_shared(circuit: &Circuit, levels: &[usize]) -> Option<usize> {
    let mut steps = circuit.walk(levels).flat_map(|(_, steps)| steps);
    let step = steps.find(|step| *step.op == Op::FromShared)?;
    Some(step.ciphertexts * step.polynomials * step.keep)
}

const fn larger(one: u64, other: u64) -> u64 {
    if one > other { one } else { other }
}

/// The parameters that decide the memory.
pub(super) struct RunSize<'a> {
    pub scheme: Scheme,
    pub degree: usize,
    /// Number of data primes.
    pub primes: usize,
    pub drops: &'a [usize],
    /// Number of plaintext moduli.
    pub plain_primes: usize,
    /// True if one upload serves all plaintext moduli: it is kept as it travels.
    pub shared: bool,
}

impl RunSize<'_> {
    pub(super) fn forecast(
        &self,
        circuit: &Circuit,
        values: usize,
        images: Option<usize>,
    ) -> MemoryForecast {
        let (mut forecast, batch) = match self.scheme {
            Scheme::Diagonal | Scheme::FewUploads => (self.diagonal(circuit), 1),
            Scheme::Crops | Scheme::Batched | Scheme::Stock => {
                let batch = images.map_or(self.degree, |images| images.min(self.degree));
                (self.sums(circuit), batch)
            }
        };
        forecast.request += (batch * values) as u64 * WORD;
        forecast
    }

    /// Returns the number of primes under which the batched and crop layouts compute their layers.
    fn layer_primes(&self) -> usize {
        let dropped = self.drops.first().copied().unwrap_or(0);
        self.primes.saturating_sub(dropped)
    }

    /// Returns the size of a polynomial under one prime.
    const fn row(&self) -> u64 {
        self.degree as u64 * WORD
    }

    /// Returns the size of a ciphertext of `polynomials` polynomials under all data primes.
    const fn ciphertext(&self, polynomials: usize) -> u64 {
        (polynomials * self.primes) as u64 * self.row()
    }

    /// Returns the size of SEAL's key for one rotation or for relinearisation: a pair of polynomials for each data
    /// prime, under all primes.
    const fn key(&self) -> u64 {
        (self.primes * 2 * (self.primes + 1)) as u64 * self.row()
    }

    /// Predicts the memory of weighted sums and squares, with one ciphertext per value.
    fn sums(&self, circuit: &Circuit) -> MemoryForecast {
        let layer_primes = self.layer_primes();
        let ciphertext = |polynomials: usize| (polynomials * layer_primes) as u64 * self.row();
        let (mut terms, mut plaintexts) = (0, 0);
        // Stock calls hold what a layer reads (except the request) and what it makes.
        let (mut between, mut largest) = (0, 0);
        for step in circuit.walk(&[]).flat_map(|(_, steps)| steps) {
            let values = step.ciphertexts as u64;
            match step.op {
                Op::LinearCombination(sums) => {
                    terms += sums.term_count() as u64;
                    let before = between;
                    between = sums.len() as u64 * ciphertext(step.polynomials);
                    largest = largest.max(before + between);
                }
                // Squares are in place; stock calls relinearise them one by one if they are squared again.
                Op::Squares => {
                    between = values * ciphertext(2 * step.polynomials - 1);
                    largest = largest.max(between);
                }
                Op::Relinearize => between = values * ciphertext(2),
                // One plaintext for each result of the preceding layers, under each prime.
                Op::SumOfProducts { products, .. } => {
                    plaintexts = (products.len() * layer_primes * self.plain_primes) as u64;
                }
                _ => {}
            }
        }
        let outputs = circuit.outputs().last().copied().unwrap_or(0);
        let response = outputs as u64 * ciphertext(circuit.polynomials());
        // Where a prime of the request is dropped: what is dropped of each polynomial, and the rows of one prime.
        let dropping = if layer_primes < self.primes {
            2 * (2 * circuit.inputs()) as u64 * self.row()
        } else {
            0
        };
        let relinearizes = circuit.relinearizes(&[]).is_some();
        let (keys, results, compiled) = match self.scheme {
            Scheme::Stock if relinearizes => (self.plain_primes as u64 * self.key(), largest, 0),
            Scheme::Stock => (0, largest, 0),
            // Layers are computed coefficient by coefficient, so only the results are held: once as rows of all primes,
            // once more while they are assembled, and those of one prime while they are computed.
            _ => (
                0,
                2 * response + response / (layer_primes as u64).max(1) + dropping,
                terms * COMPILED_TERM * (layer_primes * self.plain_primes) as u64,
            ),
        };
        let sent = circuit.inputs() as u64 * self.ciphertext(1);
        MemoryForecast {
            keys,
            constants: terms * TERM + compiled + plaintexts * self.row(),
            request: if self.shared {
                sent
            } else {
                circuit.inputs() as u64 * self.ciphertext(2)
            },
            sent: if self.shared { 0 } else { sent },
            results,
        }
    }

    /// Predicts the memory of products with plaintexts and of rotations.
    fn diagonal(&self, circuit: &Circuit) -> MemoryForecast {
        let levels = levels(self.primes, self.drops);
        // Rows of plaintexts under the primes of their operation.
        let steps = circuit.walk(&levels).flat_map(|(_, steps)| steps);
        let rows: usize = steps
            .map(|step| match step.op {
                Op::PlainProducts(sums) => step.level * sums.iter().map(Vec::len).sum::<usize>(),
                Op::LinearTransform { giants, .. } => {
                    let diagonals = giants.iter().map(|giant| giant.diagonals.len());
                    (step.level + 1) * diagonals.sum::<usize>()
                }
                Op::AddPlain(plaintexts) => step.level * plaintexts.len(),
                _ => 0,
            })
            .sum();
        // A linear transform holds copies of what it reads, the digits, and the sum of each giant step.
        let steps = circuit.walk(&levels).flat_map(|(_, steps)| steps);
        let transforms = steps.filter_map(|step| match step.op {
            Op::LinearTransform { giants, .. } => {
                let (level, pairs) = (step.level, step.ciphertexts + giants.len());
                Some(level * (level + 1) + 2 * (level + 1) * pairs)
            }
            _ => None,
        });
        let transform = transforms.max().unwrap_or(0) as u64 * self.row();
        // Ciphertexts under one plain prime of a request that serves several, which stay until the first sums are made.
        let taken = rows_of_shared(circuit, &levels).unwrap_or(0) as u64 * self.row();
        // The sums before the first square, and those that are being squared, decomposed and summed.
        let outputs = circuit.outputs();
        let ends = [outputs.first(), outputs.last()].into_iter().flatten();
        let sums = (ends.max().unwrap_or(&0) + 4) as u64 * self.ciphertext(3);
        // One set of keys serves all plain primes.
        let keys = circuit.rotations(&levels).into_values();
        let keys = keys.chain(circuit.relinearizes(&levels));
        let keys = keys.map(|level| level * (level + 1)).sum::<usize>() as u64;
        let plain_primes = self.plain_primes as u64;
        MemoryForecast {
            keys: keys * self.row(),
            constants: (plain_primes * rows as u64 + 2 * keys) * self.row(),
            request: circuit.inputs() as u64 * self.ciphertext(2),
            sent: circuit.inputs() as u64 * self.ciphertext(1),
            results: sums.max(transform) + taken,
        }
    }
}
