//! How much memory a run takes, before anything is allocated.

use super::options::{LayoutKind, Mode};
use super::selection::Selection;
use crate::layout::{Diagonal, DiagonalError, StageStep, Turn};
use crate::network::{CropError, Crops, LoweredLayer, LoweredOperation, Network};
use std::collections::BTreeMap;
use thiserror::Error;

/// Bytes of a residue in memory.
const WORD: u64 = 8;
/// Bytes of a weight in the lowered network, which client and server hold once each.
const TERM: u64 = 2 * 16;
/// Bytes of a weight compiled for one prime: an index, or an index and a factor.
const COMPILED_TERM: u64 = 8;

/// Why the memory of a run cannot be predicted: the layout does not serve the network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The packed layout has no place for it.
    #[error("the packed layout cannot serve this network")]
    Packed(#[from] CropError),
    /// The diagonal layout has none.
    #[error("the diagonal layout cannot serve this network")]
    Diagonal(#[from] DiagonalError),
}

/// Bytes that client and server hold in one process, predicted from the parameters.
///
/// Keys and ciphertexts are counted exactly: 8 bytes for each residue of each polynomial. They decide from about 100 MB
/// on; the program itself, the images and what the allocator keeps come on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryForecast {
    /// The evaluation keys, all random halves expanded.
    pub keys: u64,
    /// What the server makes once of weights and keys.
    pub constants: u64,
    /// The ciphertexts of a batch under one plaintext modulus, and its images as integers.
    pub request: u64,
    /// The same ciphertexts as they are sent, with seeds in place of random halves: held until they are expanded.
    pub sent: u64,
    /// The largest results that lie between two layers, or the response.
    pub results: u64,
}

impl MemoryForecast {
    /// Predicts the memory for batches of at most `images` images (full ones if `None`).
    ///
    /// # Errors
    /// [`MemoryError`] if the parameters' layout does not serve this network: they were chosen for another.
    pub fn new(
        network: &Network,
        selection: &Selection,
        images: Option<usize>,
    ) -> Result<Self, MemoryError> {
        Size {
            mode: selection.mode(),
            layout: selection.layout(),
            degree: selection.poly_modulus_degree(),
            primes: selection.coeff_modulus().len().saturating_sub(1),
            drops: selection.drops(),
            channels: selection.plain_moduli().len(),
        }
        .forecast(network, images)
    }

    /// The most that is held at once. The client's keys are gone once the server has made its constants of them.
    pub const fn peak(&self) -> u64 {
        let beside_request = larger(self.sent, self.results);
        let working = self.request.saturating_add(beside_request);
        self.constants.saturating_add(larger(self.keys, working))
    }
}

const fn larger(one: u64, other: u64) -> u64 {
    if one > other { one } else { other }
}

/// What of the parameters decides.
pub(super) struct Size<'a> {
    pub mode: Mode,
    pub layout: LayoutKind,
    pub degree: usize,
    /// Of the data.
    pub primes: usize,
    pub drops: &'a [usize],
    /// Plaintext moduli.
    pub channels: usize,
}

impl Size<'_> {
    pub(super) fn forecast(
        &self,
        network: &Network,
        images: Option<usize>,
    ) -> Result<MemoryForecast, MemoryError> {
        let mut forecast = match self.layout {
            LayoutKind::Batched => self.sums(&network.lower(), network.input().shape.len(), None),
            LayoutKind::Packed => {
                let crops = Crops::new(network)?;
                let mut forecast = self.sums(
                    &crops.network.lower(),
                    crops.network.input().shape.len(),
                    Some(1),
                );
                // A plaintext for each result of the layers before, under each prime.
                let plaintexts = (crops.network.classes() * self.primes * self.channels) as u64;
                forecast.constants += plaintexts * self.row();
                forecast
            }
            LayoutKind::Diagonal => self.diagonal(&Diagonal::new(network, self.degree)?),
        };
        let batch = match self.layout {
            LayoutKind::Diagonal => 1,
            LayoutKind::Packed | LayoutKind::Batched => {
                images.map_or(self.degree, |images| images.min(self.degree))
            }
        };
        forecast.request += (batch * network.input().shape.len()) as u64 * WORD;
        Ok(forecast)
    }

    /// A polynomial under one prime.
    const fn row(&self) -> u64 {
        self.degree as u64 * WORD
    }

    /// A ciphertext of so many polynomials under all data primes.
    const fn ciphertext(&self, polynomials: usize) -> u64 {
        (polynomials * self.primes) as u64 * self.row()
    }

    /// SEAL's key for one rotation, or for relinearising: a pair of polynomials for each data prime, under all primes.
    const fn key(&self) -> u64 {
        (self.primes * 2 * (self.primes + 1)) as u64 * self.row()
    }

    /// Sums and squares, a ciphertext for each value; `responses` of them come out of a last sum, if there is one.
    fn sums(
        &self,
        layers: &[LoweredLayer],
        inputs: usize,
        responses: Option<usize>,
    ) -> MemoryForecast {
        let all_squares = layers
            .iter()
            .filter(|layer| matches!(layer.operation, LoweredOperation::Square { .. }))
            .count();
        let (mut terms, mut squares) = (0, 0);
        let (mut size, mut values) = (2, inputs);
        // Stock calls hold what a layer reads, but for the request, and what it makes.
        let (mut between, mut largest) = (0, 0);
        for layer in layers {
            let before = between;
            match &layer.operation {
                LoweredOperation::Sums(sums) => {
                    terms += sums.term_count() as u64;
                    values = sums.len();
                    between = values as u64 * self.ciphertext(size);
                    largest = largest.max(before + between);
                }
                LoweredOperation::Square { .. } => {
                    squares += 1;
                    size = 2 * size - 1;
                    // In place; stock calls relinearise one by one what is squared once more.
                    between = values as u64 * self.ciphertext(size);
                    largest = largest.max(between);
                    if self.mode == Mode::Stock && squares < all_squares {
                        size = 2;
                        between = values as u64 * self.ciphertext(size);
                    }
                }
            }
        }
        let response = responses.unwrap_or(values) as u64 * self.ciphertext(size);
        let (keys, results, compiled) = match self.mode {
            // Relinearisation behind all squares but the last.
            Mode::Stock if squares > 1 => (self.channels as u64 * self.key(), largest, 0),
            Mode::Stock => (0, largest, 0),
            // Layers are computed coefficient by coefficient: only the results are held, once as rows of all primes,
            // once more as they are put together, and those of one prime as they are computed.
            Mode::Fast => (
                0,
                2 * response + response / (self.primes as u64).max(1),
                terms * COMPILED_TERM * (self.primes * self.channels) as u64,
            ),
        };
        MemoryForecast {
            keys,
            constants: terms * TERM + compiled,
            request: inputs as u64 * self.ciphertext(2),
            sent: inputs as u64 * self.ciphertext(1),
            results,
        }
    }

    /// Products with plaintexts, rotations.
    fn diagonal(&self, layout: &Diagonal) -> MemoryForecast {
        // The data primes of the request, then after each layer.
        let mut levels = vec![self.primes];
        for &drop in self.drops {
            let level = levels.last().map_or(1, |level| level.saturating_sub(drop));
            levels.push(level.max(1));
        }
        let level = |step: usize| levels.get(step).or(levels.last()).copied().unwrap_or(1);
        // Rows of plaintexts under the primes that their stage has; for each rotation the most primes of its stages.
        let mut rows = 0;
        let mut turns: BTreeMap<Turn, usize> = BTreeMap::new();
        let stages = layout.stages();
        for (index, stage) in stages.iter().enumerate() {
            let level = level(2 * index);
            match &stage.step {
                StageStep::First { outputs } => {
                    let products = outputs.iter().map(|output| output.products.len() + 1);
                    rows += level * products.sum::<usize>();
                }
                StageStep::Rotated {
                    pool,
                    babies,
                    giants,
                    folds,
                    ..
                } => {
                    let diagonals: usize = giants.iter().map(|giant| giant.diagonals.len()).sum();
                    rows += (level + 1) * diagonals + level;
                    let moved = giants.iter().map(|giant| &giant.turn);
                    for &turn in pool
                        .iter()
                        .chain(folds)
                        .flatten()
                        .chain(babies)
                        .chain(moved)
                    {
                        let most = turns.entry(turn).or_default();
                        *most = level.max(*most);
                    }
                }
                StageStep::Last { responses, .. } => rows += level * 2 * responses.len(),
            }
        }
        turns.remove(&Turn::NONE);
        // Squares but the last are relinearised, the first of them under the most primes.
        let relin = (stages.len() > 2).then(|| level(1));
        let keys = turns.len() + usize::from(relin.is_some());
        for level in turns.into_values().chain(relin) {
            rows += level * 2 * (level + 1);
        }
        let (responses, _) = layout.responses();
        let channels = self.channels as u64;
        MemoryForecast {
            keys: channels * keys as u64 * self.key(),
            constants: channels * rows as u64 * self.row(),
            request: layout.uploads() as u64 * self.ciphertext(2),
            sent: layout.uploads() as u64 * self.ciphertext(1),
            // The sums before the first square, and what is squared, decomposed and summed of them at a time.
            results: (layout.first_outputs().max(responses) + 4) as u64 * self.ciphertext(3),
        }
    }
}
