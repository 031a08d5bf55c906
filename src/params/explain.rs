//! A choice of parameters in words.

use super::options::{BoundRule, Scheme};
use super::selection::Parameters;
use crate::network::Abbreviated;

impl Parameters {
    /// Explains the choice in words, one sentence per string.
    pub fn explain(&self) -> Vec<String> {
        let bits = self.coeff_modulus_bits();
        let total: u32 = bits.iter().sum();
        let (special, data) = bits.split_last().map_or((0, &[][..]), |(s, d)| (*s, d));
        let mut sentences = vec![match &self.bound.rule {
            BoundRule::Proven => format!(
                "Every input the quantiser can produce gives logits of at most {} in magnitude (proven by interval \
                 arithmetic): signed integers of {} bits.",
                Abbreviated(&self.bound.magnitude),
                self.bound.bits
            ),
            BoundRule::Observed { source, .. } => format!(
                "The logits reach {} in magnitude on {source} (observed, not proven): signed integers of {} bits. \
                 Other inputs may exceed it and wrap around without notice.",
                Abbreviated(&self.bound.magnitude),
                self.bound.bits
            ),
        }];
        sentences.push(match self.plain_moduli.as_slice() {
            [t] => format!("The plaintext modulus t = {t} is the smallest batching prime above twice that."),
            several => format!(
                "No single plaintext modulus of that size leaves noise budget at this degree: {} primes hold it \
                 together by the Chinese remainder theorem, t = {}; the circuit runs once for each.",
                several.len(),
                several
                    .iter()
                    .map(u64::to_string)
                    .collect::<Vec<_>>()
                    .join(" * ")
            ),
        });
        if self.shared_upload {
            sentences.push(
                "One upload serves all of these primes: the client encrypts modulo their product, and the server makes a \
                 ciphertext for each prime of it and drops one data prime, which takes off the noise."
                    .to_owned(),
            );
        }
        let degree = self.poly_modulus_degree;
        let layout = self.scheme.layout();
        sentences.push(if self.scheme.is_stock() {
            format!(
                "N = {degree} is the smallest degree that has room for the noise; it is also the number of images in a \
                 batch."
            )
        } else {
            format!(
                "{}. Own kernels square in BGV form {}",
                if self.scheme_given {
                    format!(
                        "The {layout} layout was asked for; in it N = {degree} is the cheapest for the images"
                    )
                } else {
                    format!("The {layout} layout and N = {degree} are the cheapest for the images")
                },
                if self.scheme.rotates() {
                    "and drop primes as noise grows: the server needs relinearisation and Galois keys."
                } else {
                    "and relinearise nothing: the server needs no keys, and the response has more polynomials."
                }
            )
        });
        let cap = self
            .standard
            .max_coeff_modulus_bits(self.poly_modulus_degree)
            .unwrap_or(0);
        sentences.push(format!(
            "q has {} data primes of {} bits and a special prime of {special} bits{}: {total} bits, within the cap of {cap} bits for {}.",
            data.len(),
            data.iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            match self.scheme {
                Scheme::Stock | Scheme::Diagonal | Scheme::FewUploads => " for key switching",
                Scheme::Batched | Scheme::Crops => ", which SEAL demands and nothing uses",
            },
            self.standard
        ));
        if let Some(last) = self.predicted_noise.last() {
            sentences.push(format!(
                "The response keeps {} data prime{} and a noise budget of at least {:.0} bits, with a failure \
                 probability below 2^-40 for the whole response, over all keys.",
                self.response_primes,
                if self.response_primes == 1 { "" } else { "s" },
                last.budget_bits.floor()
            ));
        }
        sentences
    }
}
