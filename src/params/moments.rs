//! Root mean squares of the phases of a circuit's values, layer by layer, under fused kernels.
//!
//! A value is tracked as a weighted sum over a basis: the inputs or, after a square, the squares of the values before
//! it. As long as the basis is known down to the inputs, covariances are computed from the actual weights:
//!
//! - X_k are sums of inputs: E X_k conj(X_l) is at most c_kl = the scalar product of the rows times the noise's
//!   variance, plus the product of the messages, which may be the same everywhere.
//! - Y_i = sum of w_ik X_k^2: E Y_i conj(Y_j) <= K_ij = 2 sum over k, l of abs(w_ik w_jl) c_kl^2.
//! - Z = sum of v_i Y_i^2: E abs(Z)^2 <= 6 sum over i, j of abs(v_i v_j) K_ij^2. The reason is that E Y_i^2 conj(Y_j)^2
//!   is the sum over k, l, m, n of w_ik w_il w_jm w_jn (4 c_km^2 c_ln^2 + 4 c_kn^2 c_lm^2 + 16 c_km c_kn c_lm c_ln)
//!   (Wick). With magnitudes, the first two terms add up to 2 K_ij^2, and the last one is at most 4 K_ij^2 by Cauchy
//!   and Schwarz.
//!
//! All of this holds at a root of x^N + 1; in coefficients, each product has a factor N. After the third square,
//! magnitudes are added instead, and also where covariances would take too long to compute.
//!
//! In a convolution without padding, the windows of a channel are shifts of each other, and so are all covariances: one
//! window per channel is enough.

use super::rules::{self, Powers, product};
use crate::network::{Term, WeightedSums};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Largest number of multiplications that is spent on the covariances of a layer.
const WORK_MAX: f64 = 8e9;
/// Largest number of rows of a matrix of covariances.
const MATRIX_MAX: usize = 6000;
/// Largest number of terms of composed rows.
const TERMS_MAX: usize = 30_000_000;

/// Largest number of terms that is sorted to compose rows.
const COMPOSE_MAX: usize = 2 * TERMS_MAX;

/// The terms of a row: index and weight, sorted by index.
type SparseRow = Vec<(u32, f64)>;

/// The covariances that are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// All covariances.
    Full,
    /// Variances only, as if nothing had a covariance with anything else: a quick lower bound on the result of
    /// [`Detail::Full`].
    Least,
}

/// The noise of the ciphertexts with which a circuit begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fresh {
    /// The noise of encryption under t.
    Encrypted,
    /// The noise of a rounding, as when a prime was dropped.
    Dropped,
}

impl Fresh {
    /// Returns the variance of noise as a part of t^2.
    pub(super) fn variance(self, n: f64) -> f64 {
        match self {
            Self::Encrypted => rules::ERROR_VARIANCE,
            Self::Dropped => rules::rounding(n, 1.0, 1).powi(2),
        }
    }
}

/// The moments of a layer's values.
pub(super) struct Moments {
    t: f64,
    /// Variance of the inputs' noise.
    noise: f64,
    weighing: Weighing,
    detail: Detail,
    n: f64,
    /// Root mean square of each value's coefficients.
    pub deviations: Vec<f64>,
    /// Degree of the values in the fresh noise.
    pub degree: u32,
    /// Basis of the values, and the rows of their sums over it; `None` if that is no longer known.
    rows: Option<(Basis, Vec<SparseRow>)>,
    /// Contribution of biases to each value.
    biases: Vec<f64>,
    /// Size of the one coefficient that biases alone make of each value, at most, as if everything else were zero. The
    /// deviations spread it over all coefficients.
    pub constants: Vec<f64>,
    /// True if the windows of every layer so far are shifts of each other.
    uniform: bool,
    /// Number of windows to which the values belong.
    windows: usize,
}

enum Basis {
    Inputs(usize),
    Squares(First),
    FourthPowers(Second),
}

/// Sums of inputs, which were squared.
struct First {
    rows: Vec<SparseRow>,
    /// Rows that read each input.
    readers: Vec<SparseRow>,
    messages: Vec<f64>,
    /// Variance of the inputs' noise.
    noise: f64,
}

/// Sums of squares, which were squared again.
struct Second {
    first: First,
    rows: Vec<SparseRow>,
    biases: Vec<f64>,
}

/// The way weights count.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weighing {
    /// Weights count as they are: for all plaintext moduli above twice the largest weight.
    Exact,
    /// Weights count by their magnitudes, but at most this: a bound on the centred residues under all plaintext moduli
    /// up to twice this value, whatever their signs are there.
    AtMost(f64),
}

impl Weighing {
    fn of(self, weight: i64) -> f64 {
        match self {
            Self::Exact => weight as f64,
            Self::AtMost(most) => (weight.unsigned_abs() as f64).min(most),
        }
    }

    /// Tells whether a weight counts less than its magnitude.
    pub(super) fn caps(self, weight: i64) -> bool {
        matches!(self, Self::AtMost(most) if weight.unsigned_abs() as f64 > most)
    }
}

impl Moments {
    /// Sums the products of all values, each with a plaintext of at most `coefficients` coefficients, none of them above
    /// t / 2, and adds such a plaintext.
    pub(super) fn sum_of_products(&mut self, coefficients: usize) {
        let total: f64 = self.deviations.iter().sum();
        let constants: f64 = self.constants.iter().sum();
        self.deviations = vec![(total * (coefficients as f64).sqrt() + 1.0) * self.t / 2.0];
        self.constants = vec![(constants + 1.0) * self.t / 2.0];
        self.rows = None;
    }

    /// Returns the moments of fresh ciphertexts, whose messages are at most t / 2.
    pub(super) fn fresh(
        (inputs, fresh): (usize, Fresh),
        degree: usize,
        t: f64,
        weighing: Weighing,
        detail: Detail,
    ) -> Self {
        let noise = fresh.variance(degree as f64) * t * t;
        Self {
            t,
            noise,
            weighing,
            detail,
            n: degree as f64,
            deviations: vec![(noise + t * t / 4.0).sqrt(); inputs],
            degree: 1,
            rows: Some((Basis::Inputs(inputs), identity(inputs))),
            biases: vec![0.0; inputs],
            constants: vec![0.0; inputs],
            uniform: true,
            windows: 1,
        }
    }

    /// Squares every value.
    pub(super) fn square(&mut self) {
        let powers = Powers::errors(self.degree);
        let factor = product(self.n, powers, powers);
        for deviation in &mut self.deviations {
            *deviation = factor * deviation.powi(2);
        }
        for constant in &mut self.constants {
            *constant = constant.powi(2);
        }
        self.degree *= 2;
        let biases = std::mem::replace(&mut self.biases, vec![0.0; self.deviations.len()]);
        self.rows = match self.rows.take() {
            Some((Basis::Inputs(inputs), rows)) => {
                let first = First::new(inputs, rows, &biases, (self.t, self.noise));
                Some(Basis::Squares(first))
            }
            Some((Basis::Squares(first), rows)) => Some(Basis::FourthPowers(Second {
                first,
                rows,
                biases,
            })),
            _ => None,
        }
        .map(|basis| (basis, identity(self.deviations.len())));
    }

    /// Replaces the values by weighted sums of them.
    pub(super) fn sums(&mut self, sums: &WeightedSums) {
        let weighted = |values: &[f64]| -> Vec<f64> {
            let term = |input: u32, weight| self.weighing.of(weight).abs() * values[input as usize];
            sums.outputs()
                .map(|(terms, _)| terms.iter().map(|at| term(at.input, at.weight)).sum())
                .collect()
        };
        let worst = weighted(&self.deviations);
        // A bias is a constant polynomial below t / 2: one coefficient of N.
        let half = self.t / 2.0 / self.n.sqrt();
        self.constants = weighted(&self.constants)
            .iter()
            .map(|c| c + self.t / 2.0)
            .collect();
        self.biases = weighted(&self.biases).iter().map(|b| b + half).collect();
        self.uniform &= is_uniform(sums);
        self.windows = sums.windows();
        self.rows = self.rows.take().and_then(|(basis, rows)| {
            compose(sums, &rows, self.weighing).map(|rows| (basis, rows))
        });
        self.deviations = worst.iter().map(|worst| worst + half).collect();
        if let Some(computed) = self.computed() {
            for (deviation, computed) in self.deviations.iter_mut().zip(computed) {
                *deviation = deviation.min(computed);
            }
        } else {
            self.rows = None;
        }
    }

    /// Computes the deviations from covariances; `None` if these are not known or take too long.
    fn computed(&self) -> Option<Vec<f64>> {
        let (basis, rows) = self.rows.as_ref()?;
        // One window of each channel is enough if all windows are the same.
        let step = if self.uniform { self.windows.max(1) } else { 1 };
        let chosen: Vec<&SparseRow> = rows.iter().step_by(step).collect();
        let biases = self.biases.iter().step_by(step);
        let deviations: Vec<f64> = match basis {
            Basis::Inputs(_) => {
                let deviation = |(row, bias): (&&SparseRow, &f64)| {
                    let noise: f64 = row.iter().map(|(_, w)| w * w).sum();
                    let message: f64 = row.iter().map(|(_, w)| w.abs() * self.t / 2.0).sum();
                    (self.noise.sqrt() * noise.sqrt()).hypot(message + bias)
                };
                chosen.iter().zip(biases).map(deviation).collect()
            }
            Basis::Squares(first) if self.detail == Detail::Least => {
                with_biases(&first.least(&chosen, self.n), biases)
            }
            Basis::FourthPowers(second) if self.detail == Detail::Least => {
                with_biases(&second.least(&chosen, self.n), biases)
            }
            Basis::Squares(first) => with_biases(&first.variances(&chosen, self.n)?, biases),
            Basis::FourthPowers(second) => with_biases(&second.variances(&chosen, self.n)?, biases),
        };
        let all = deviations
            .into_iter()
            .flat_map(|deviation| std::iter::repeat_n(deviation, step));
        Some(all.collect())
    }
}

fn with_biases<'a>(variances: &[f64], biases: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    let values = variances.iter().zip(biases);
    values
        .map(|(variance, bias)| variance.sqrt() + bias)
        .collect()
}

/// Returns the rows in which each value is itself.
fn identity(count: usize) -> Vec<SparseRow> {
    (0..count as u32).map(|index| vec![(index, 1.0)]).collect()
}

/// Computes the rows of sums of sums; `None` if they would be too long.
fn compose(sums: &WeightedSums, rows: &[SparseRow], weighing: Weighing) -> Option<Vec<SparseRow>> {
    let length = |input: u32| rows.get(input as usize).map_or(0, Vec::len);
    let lengths =
        |(terms, _): (&[Term], _)| -> usize { terms.iter().map(|term| length(term.input)).sum() };
    if sums.outputs().map(lengths).sum::<usize>() > COMPOSE_MAX {
        return None;
    }
    let mut total = 0;
    sums.outputs()
        .map(|(terms, _)| {
            let mut row: SparseRow = Vec::new();
            for term in terms {
                let weight = weighing.of(term.weight);
                let inner = rows.get(term.input as usize)?;
                row.extend(inner.iter().map(|(index, w)| (*index, w * weight)));
            }
            row.sort_unstable_by_key(|(index, _)| *index);
            row.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0.0 };
                same
            });
            total += row.len();
            (total <= TERMS_MAX).then_some(row)
        })
        .collect()
}

/// Tells whether the windows of every channel read the same weights at positions that are shifts of each other.
fn is_uniform(sums: &WeightedSums) -> bool {
    let windows = sums.windows();
    let mut first = None;
    sums.outputs().enumerate().all(|(output, (terms, _))| {
        if output % windows == 0 {
            first = Some(terms);
        }
        let Some(first) = first else { return false };
        let shift = |terms: &[Term]| terms.first().map_or(0, |term| term.input);
        let (here, there) = (shift(terms), shift(first));
        terms.len() == first.len()
            && terms.iter().zip(first).all(|(a, b)| {
                a.weight == b.weight && a.input.wrapping_sub(here) == b.input.wrapping_sub(there)
            })
    })
}

/// Sums over the rows of a sparse matrix, by column, with a list of the columns that may not be zero.
struct Touched {
    sums: Vec<f64>,
    columns: Vec<u32>,
}

impl Touched {
    fn new(columns: usize) -> Self {
        Self {
            sums: vec![0.0; columns],
            columns: Vec::new(),
        }
    }

    /// Adds a number that is not 0.
    fn add(&mut self, column: u32, value: f64) {
        let sum = &mut self.sums[column as usize];
        if *sum == 0.0 {
            self.columns.push(column);
        }
        *sum += value;
    }

    /// Passes the non-zero sums to `each`, and clears them.
    fn drain(&mut self, mut each: impl FnMut(u32, f64)) {
        for column in self.columns.drain(..) {
            // A column whose sum became zero on the way may be listed twice.
            each(column, std::mem::take(&mut self.sums[column as usize]));
        }
    }
}

impl First {
    fn new(inputs: usize, rows: Vec<SparseRow>, biases: &[f64], (t, noise): (f64, f64)) -> Self {
        let mut readers = vec![SparseRow::new(); inputs];
        for (index, row) in rows.iter().enumerate() {
            for (input, weight) in row {
                readers[*input as usize].push((index as u32, *weight));
            }
        }
        let message = |(row, bias): (&SparseRow, &f64)| {
            bias + row.iter().map(|(_, w)| w.abs() * t / 2.0).sum::<f64>()
        };
        Self {
            messages: rows.iter().zip(biases).map(message).collect(),
            readers,
            rows,
            noise,
        }
    }

    /// Adds w (c_kl^2 - M_k^2 M_l^2) to `sums` for all l, where M are the messages: this is zero unless the rows share
    /// an input.
    fn add_shared(&self, k: u32, w: f64, dots: &mut Touched, sums: &mut Touched) {
        for &(input, weight) in &self.rows[k as usize] {
            for &(reader, other) in &self.readers[input as usize] {
                dots.add(reader, weight * other);
            }
        }
        let message = self.messages[k as usize];
        dots.drain(|l, dot| {
            let noise = self.noise * dot.abs();
            let shared = noise * (noise + 2.0 * message * self.messages[l as usize]);
            if w * shared != 0.0 {
                sums.add(l, w * shared);
            }
        });
    }

    /// Returns the sum over k of abs(w_k) M_k^2.
    fn message(&self, row: &SparseRow) -> f64 {
        let message = |&(k, w): &(u32, f64)| w.abs() * self.messages[k as usize].powi(2);
        row.iter().map(message).sum()
    }

    /// Estimates the multiplications for the covariances of rows with `terms` terms in all, with `others` rows each.
    fn work(&self, terms: usize, others: f64) -> f64 {
        let count = self.rows.iter().map(Vec::len).sum::<usize>() as f64;
        let shared =
            count / self.rows.len().max(1) as f64 * count / self.readers.len().max(1) as f64;
        terms as f64 * (shared + others)
    }

    /// Returns K_ij of a row with the other rows, each given with its [`First::message`].
    fn covariances(
        &self,
        row: &SparseRow,
        others: &[(&SparseRow, f64)],
        n: f64,
        (dots, shared): &mut (Touched, Touched),
    ) -> Vec<f64> {
        for &(k, w) in row {
            self.add_shared(k, w.abs(), dots, shared);
        }
        let message = self.message(row);
        let covariance = |(other, of_other): &(&SparseRow, f64)| {
            let shared = other
                .iter()
                .map(|&(l, w)| w.abs() * shared.sums[l as usize]);
            2.0 * n * (message * of_other + shared.sum::<f64>())
        };
        let covariances = others.iter().map(covariance).collect();
        shared.drain(|_, _| ());
        covariances
    }

    fn scratch(&self) -> (Touched, Touched) {
        (Touched::new(self.rows.len()), Touched::new(self.rows.len()))
    }

    /// Returns a lower bound on K_ii of each row: the terms with k = l.
    fn least(&self, rows: &[&SparseRow], n: f64) -> Vec<f64> {
        let own: Vec<f64> = self
            .rows
            .iter()
            .zip(&self.messages)
            .map(|(row, message)| {
                let dot: f64 = row.iter().map(|(_, w)| w * w).sum();
                self.noise * dot + message * message
            })
            .collect();
        let least = |row: &&SparseRow| {
            let squares = row.iter().map(|&(k, w)| (w * own[k as usize]).powi(2));
            2.0 * n * squares.sum::<f64>()
        };
        rows.iter().map(least).collect()
    }

    /// Returns K_ii of each row.
    fn variances(&self, rows: &[&SparseRow], n: f64) -> Option<Vec<f64>> {
        let terms: usize = rows.iter().map(|row| row.len()).sum();
        if self.work(terms, 1.0) > WORK_MAX {
            return None;
        }
        let variances = rows.par_iter().map_init(
            || self.scratch(),
            |scratch, row| {
                let itself = [(*row, self.message(row))];
                self.covariances(row, &itself, n, scratch).iter().sum()
            },
        );
        Some(variances.collect())
    }
}

impl Second {
    /// Returns a lower bound on [`Second::variances`]: the terms with i = j.
    fn least(&self, rows: &[&SparseRow], n: f64) -> Vec<f64> {
        let all: Vec<&SparseRow> = self.rows.iter().collect();
        let own = self.first.least(&all, n);
        let least = |row: &&SparseRow| {
            let squares = row.iter().map(|&(i, v)| (v * own[i as usize]).powi(2));
            6.0 * n * squares.sum::<f64>()
        };
        rows.iter().map(least).collect()
    }

    /// Returns 6 sum over i, j of abs(v_i v_j) K_ij^2 for each row v.
    fn variances(&self, rows: &[&SparseRow], n: f64) -> Option<Vec<f64>> {
        let used: BTreeSet<u32> = rows
            .iter()
            .flat_map(|row| row.iter().map(|(index, _)| *index))
            .collect();
        let used: Vec<u32> = used.into_iter().collect();
        let count = used.len();
        let terms = used.iter().map(|&i| self.rows[i as usize].len()).sum();
        let pairs: f64 = rows.iter().map(|row| (row.len() as f64).powi(2)).sum();
        if count > MATRIX_MAX || self.first.work(terms, count as f64) + pairs > WORK_MAX {
            return None;
        }
        let others: Vec<(&SparseRow, f64)> = used
            .iter()
            .map(|&i| &self.rows[i as usize])
            .map(|row| (row, self.first.message(row)))
            .collect();
        let matrix: Vec<Vec<f64>> = others
            .par_iter()
            .map_init(
                || self.first.scratch(),
                |scratch, (row, _)| self.first.covariances(row, &others, n, scratch),
            )
            .collect();
        let deviations: Vec<f64> = (0..count).map(|i| matrix[i][i].sqrt()).collect();
        let bias = |i: usize| self.biases[used[i] as usize];
        let squared = |i: usize, j: usize| {
            let biases = bias(i) * deviations[j] + bias(j) * deviations[i] + bias(i) * bias(j);
            (matrix[i][j] + biases).powi(2)
        };
        let matrix: Vec<Vec<f64>> = (0..count)
            .into_par_iter()
            .map(|i| (0..count).map(|j| squared(i, j)).collect())
            .collect();
        let variance = |row: &&SparseRow| {
            let places: Vec<(usize, f64)> = row
                .iter()
                .filter_map(|(index, w)| Some((used.binary_search(index).ok()?, w.abs())))
                .collect();
            let sum = |&(i, v): &(usize, f64)| {
                v * places.iter().map(|&(j, w)| w * matrix[i][j]).sum::<f64>()
            };
            6.0 * n * places.iter().map(sum).sum::<f64>()
        };
        Some(rows.par_iter().map(variance).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{LoweredOperation, NetworkBuilder, Shape};

    /// Returns the deviations of the last values of linear layers, with a square before each of them except the first.
    fn deviations(inputs: usize, weights: &[Vec<i64>], t: f64) -> Vec<f64> {
        let mut network = NetworkBuilder::new("sums", Shape::vector(inputs)).uniform_bits(1);
        for (index, weight) in weights.iter().enumerate() {
            if index > 0 {
                network = network.square();
            }
            let outputs = weight.len() / network.shape().len();
            network = network.linear(outputs, weight.clone());
        }
        let network = network.build().unwrap();
        let inputs = (inputs, Fresh::Encrypted);
        let mut moments = Moments::fresh(inputs, 1024, t, Weighing::Exact, Detail::Full);
        for layer in network.lower() {
            match &layer.operation {
                LoweredOperation::Sums(sums) => moments.sums(sums),
                LoweredOperation::Square => moments.square(),
            }
        }
        moments.deviations
    }

    fn diagonal(count: usize) -> Vec<i64> {
        (0..count * count)
            .map(|at| i64::from(at % (count + 1) == 0))
            .collect()
    }

    #[test]
    fn equal_values_add_up_and_independent_ones_less() {
        let t = 65_537.0;
        for squares in 1..=2 {
            let layers = |inputs: usize, outputs: usize, first: Vec<i64>| {
                let mut weights = vec![first];
                for _ in 1..squares {
                    weights.push(diagonal(outputs));
                }
                weights.push(vec![1; outputs]);
                deviations(inputs, &weights, t)[0]
            };
            let one = layers(1, 1, vec![1]);
            let equal = layers(1, 16, vec![1; 16]) / one;
            let apart = layers(16, 16, diagonal(16)) / one;
            assert!((equal - 16.0).abs() < 0.01, "{squares} squares: {equal}");
            assert!((4.0..8.0).contains(&apart), "{squares} squares: {apart}");
        }
    }

    #[test]
    fn covariances_of_squares_are_those_of_wicks_theorem() {
        // (x + y)^2 and (x - y)^2 of independent inputs, as forms; at this t, only noise counts.
        let t = 65_537.0;
        let n = 1024.0_f64;
        let noise = rules::ERROR_VARIANCE * f64::powi(t, 2);
        let message = f64::powi(t, 2);
        let deviation = deviations(2, &[vec![1, 1, 1, -1], vec![1, 1]], t)[0];
        // Rows of norm 2 with a scalar product of 0; the messages are t and the bias.
        let message = message * (1.0 + 0.5 / n.sqrt()).powi(2);
        let (own, shared) = (2.0 * noise + message, message);
        let expected = (2.0 * n * (2.0 * own * own + 2.0 * shared * shared)).sqrt();
        assert!(
            (deviation / expected - 1.0).abs() < 1e-3,
            "{deviation} {expected}"
        );
    }
}
