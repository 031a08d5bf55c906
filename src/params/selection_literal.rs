//! Chosen parameters as they are written in a file, so that a server need not choose them again.

use super::options::{BoundRule, Scheme};
use super::security::SecurityStandard;
use super::selection::{Bound, Parameters};
use super::stock_noise::LayerNoise;
use crate::bits::width;
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

/// Parameters as they are written. Real numbers and wide integers are text, so that each comes back exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParametersRecord {
    scheme: Scheme,
    scheme_given: bool,
    security: SecurityStandard,
    /// Largest magnitude of a logit.
    magnitude: String,
    /// The data on which the magnitude was observed; absent if it is proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed_on: Option<String>,
    poly_modulus_degree: usize,
    plain_moduli: Vec<u64>,
    coeff_modulus: Vec<u64>,
    drops: Vec<usize>,
    response_primes: usize,
    shared_upload: bool,
    /// Name and budget, in bits, of each layer.
    noise: Vec<(String, String)>,
}

/// The name of the field that is impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("parameters.{0} is not possible")]
pub struct ParametersError(&'static str);

impl Parameters {
    /// Returns the parameters as they are written.
    pub fn to_record(&self) -> ParametersRecord {
        let noise = |layer: &LayerNoise| (layer.name.clone(), format!("{:?}", layer.budget_bits));
        ParametersRecord {
            scheme: self.scheme,
            scheme_given: self.scheme_given,
            security: self.standard,
            magnitude: self.bound.magnitude.to_string(),
            observed_on: match &self.bound.rule {
                BoundRule::Observed { source, .. } => Some(source.clone()),
                BoundRule::Proven => None,
            },
            poly_modulus_degree: self.poly_modulus_degree,
            plain_moduli: self.plain_moduli.clone(),
            coeff_modulus: self.coeff_modulus.clone(),
            drops: self.drops.clone(),
            response_primes: self.response_primes,
            shared_upload: self.shared_upload,
            noise: self.predicted_noise.iter().map(noise).collect(),
        }
    }

    /// Reads parameters back. That they suit the network is not checked again: it was when they were chosen.
    ///
    /// # Errors
    /// [`ParametersError`] for what no choice gives, among that a q that is not secure by the table it names, and a t
    /// that does not hold the bound.
    pub fn from_record(record: &ParametersRecord) -> Result<Self, ParametersError> {
        let refuse = |field| Err(ParametersError(field));
        let magnitude = record.magnitude.parse::<BigInt>();
        let magnitude = magnitude.map_err(|_| ParametersError("magnitude"))?;
        let product: BigInt = record.plain_moduli.iter().product();
        if record.plain_moduli.is_empty() || product <= BigInt::from(2) * &magnitude {
            return refuse("plain_moduli");
        }
        let cap = record
            .security
            .max_coeff_modulus_bits(record.poly_modulus_degree);
        let bits = record.coeff_modulus.iter().map(|&prime| width(prime)).sum();
        if cap.is_none_or(|cap| cap < bits) {
            return refuse("coeff_modulus");
        }
        let data = record.coeff_modulus.len().saturating_sub(1);
        let dropped = record.drops.iter().copied().fold(0, usize::saturating_add);
        if dropped >= data.max(1) {
            return refuse("drops");
        }
        if !(1..=data).contains(&record.response_primes) {
            return refuse("response_primes");
        }
        let noise = |(name, bits): &(String, String)| {
            Some(LayerNoise {
                name: name.clone(),
                budget_bits: bits.parse().ok()?,
            })
        };
        let noise: Option<Vec<LayerNoise>> = record.noise.iter().map(noise).collect();
        Ok(Self {
            scheme: record.scheme,
            scheme_given: record.scheme_given,
            standard: record.security,
            bound: Bound::new(
                match &record.observed_on {
                    None => BoundRule::Proven,
                    Some(source) => BoundRule::Observed {
                        magnitude: magnitude.clone(),
                        source: source.clone(),
                    },
                },
                magnitude,
            ),
            poly_modulus_degree: record.poly_modulus_degree,
            plain_moduli: record.plain_moduli.clone(),
            coeff_modulus: record.coeff_modulus.clone(),
            drops: record.drops.clone(),
            response_primes: record.response_primes,
            shared_upload: record.shared_upload,
            predicted_noise: noise.ok_or(ParametersError("noise"))?,
        })
    }
}
