//! Sparse weighted sums.

use num_bigint::BigInt;

/// One term of a sum: a weight and the input that it multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Index into the flat input.
    pub input: u32,
    /// The weight.
    pub weight: i64,
}

/// A sparse integer matrix with a bias for each row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeightedSums {
    terms: Vec<Term>,
    /// End of each output's terms in `terms`.
    ends: Vec<usize>,
    /// Biases; each one serves `run` outputs in a row.
    biases: Vec<BigInt>,
    run: usize,
    windows: usize,
}

impl WeightedSums {
    /// Returns the number of outputs.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Tells whether there are no outputs.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the number of terms in all outputs together.
    pub fn term_count(&self) -> usize {
        self.terms.len()
    }

    /// Iterates over the outputs in flat order: the terms and the bias of each.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = (&[Term], &BigInt)> {
        self.ends.iter().enumerate().map(|(output, &end)| {
            let start = output.checked_sub(1).map_or(0, |before| self.ends[before]);
            (&self.terms[start..end], &self.biases[output / self.run])
        })
    }

    /// Returns the number of windows of the input to which the outputs belong: output `o` reads window `o % windows`.
    /// It is 1 if every output may read every input.
    pub fn windows(&self) -> usize {
        self.windows.max(1)
    }

    /// Keeps only the first `outputs` outputs.
    pub fn truncate(&mut self, outputs: usize) {
        self.ends.truncate(outputs);
        self.biases.truncate(outputs.div_ceil(self.run.max(1)));
        self.terms
            .truncate(self.ends.last().copied().unwrap_or_default());
        if !outputs.is_multiple_of(self.windows()) {
            self.windows = 1;
        }
    }

    /// Tells which outputs stay if only those of `read` are needed. All channels that stay keep the same windows: those
    /// that any channel needs.
    pub fn staying(&self, read: &[bool]) -> Vec<bool> {
        let run = self.run.max(1);
        let mut windows = vec![false; run];
        for (output, _) in read.iter().enumerate().filter(|(_, read)| **read) {
            windows[output % run] = true;
        }
        let channels = read.chunks(run).map(|read| read.contains(&true));
        channels
            .flat_map(|stays| windows.iter().map(move |window| stays && *window))
            .collect()
    }

    /// Tells which of `inputs` inputs the outputs that stay read: at least one.
    pub fn reads(&self, stay: &[bool], inputs: usize) -> Vec<bool> {
        let mut read = vec![false; inputs];
        let outputs = self.outputs().zip(stay).filter(|(_, stays)| **stays);
        for term in outputs.flat_map(|((terms, _), _)| terms) {
            read[term.input as usize] = true;
        }
        // Sums without terms take their parameters from some ciphertext.
        if let (false, Some(first)) = (read.contains(&true), read.first_mut()) {
            *first = true;
        }
        read
    }

    /// Returns the outputs that stay, as [`staying`](Self::staying) finds them, with inputs numbered without those that
    /// go.
    #[must_use]
    pub fn without(&self, stay: &[bool], inputs: &[bool]) -> Self {
        let mut next = 0;
        let number = |&stays: &bool| {
            let number = next;
            next += u32::from(stays);
            number
        };
        let numbers: Vec<u32> = inputs.iter().map(number).collect();
        let outputs = || self.outputs().zip(stay).filter(|(_, stays)| **stays);
        let channels = stay.chunks(self.run.max(1));
        let of_channel = |channel: &[bool]| channel.iter().filter(|stays| **stays).count();
        let run = channels.map(of_channel).max().unwrap_or(0).max(1);
        let biases = outputs().step_by(run);
        let biases = biases.map(|((_, bias), _)| bias.clone()).collect();
        let mut rest = Self {
            windows: if self.windows() > 1 { run } else { 1 },
            ..Self::of_channels(run, biases, self.terms.len())
        };
        for ((terms, _), _) in outputs() {
            rest.push(terms.iter().map(|term| Term {
                input: numbers[term.input as usize],
                ..*term
            }));
        }
        rest
    }

    /// Makes sums without outputs yet, for `biases.len()` channels of `windows` outputs each, with room for `terms`
    /// terms.
    pub(super) fn of_channels(windows: usize, biases: Vec<BigInt>, terms: usize) -> Self {
        Self {
            terms: Vec::with_capacity(terms),
            ends: Vec::with_capacity(biases.len() * windows),
            biases,
            run: windows,
            windows,
        }
    }

    /// Makes the sums of a linear layer with these weights, `[outputs, inputs]`, flat.
    pub(super) fn dense(weight: &[i64], bias: &[BigInt]) -> Self {
        let inputs = weight.len() / bias.len().max(1);
        let mut sums = Self::of_channels(1, bias.to_vec(), weight.len());
        for row in weight.chunks(inputs.max(1)) {
            let terms = (0..)
                .zip(row)
                .map(|(input, &weight)| Term { input, weight });
            sums.push(terms.filter(|term| term.weight != 0));
        }
        sums
    }

    /// Computes the outputs exactly, for inputs of any width.
    #[cfg(test)]
    pub(crate) fn evaluate<'a>(&self, input: impl Fn(usize) -> &'a BigInt) -> Vec<BigInt> {
        let sum = |(terms, bias): (&[Term], &BigInt)| {
            let products = terms
                .iter()
                .map(|term| input(term.input as usize) * term.weight);
            bias + products.sum::<BigInt>()
        };
        self.outputs().map(sum).collect()
    }

    /// Appends an output.
    pub(super) fn push(&mut self, terms: impl Iterator<Item = Term>) {
        self.terms.extend(terms);
        self.ends.push(self.terms.len());
    }
}
