//! A client's specification as it is written in a file.

use super::response_form::ResponseForm;
use super::spec::{ClientSpec, Upload};
use crate::bits::width;
use crate::network::InputSpec;
use crate::packing::{SlotMap, SlotMapError, SlotMapLiteral};
use crate::params::SecurityStandard;
use crate::seal::{CIPHERTEXT_SIZES, SecurityLevel};
use serde::{Deserialize, Serialize};

/// Largest number of plain primes: each takes a part of every message.
const MAX_PLAIN_PRIMES: usize = 64;

/// A client's specification that has not been checked: what travels from a server's owner to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSpecLiteral {
    poly_modulus_degree: usize,
    coeff_modulus: Vec<u64>,
    plain_moduli: Vec<u64>,
    /// The table that caps q.
    security: SecurityStandard,
    input: InputSpec,
    slot_map: SlotMapLiteral,
    corrections: Vec<u64>,
    relin_keys: bool,
    galois_elements: Vec<u32>,
    key_levels: Vec<usize>,
    response_primes: usize,
    response_widths: Vec<u32>,
    takes_pads: bool,
    shared_upload: bool,
}

/// A fault of a specification: the field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientSpecError {
    /// A number is impossible.
    #[error("{field}: {problem}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// Description of the fault.
        problem: String,
    },
    /// The slot map is impossible.
    #[error(transparent)]
    SlotMap(#[from] SlotMapError),
}

impl ClientSpec {
    /// Returns the specification as it is written; `standard` is the table by which q was chosen. `None` unless own
    /// kernels evaluate.
    pub fn to_literal(&self, standard: SecurityStandard) -> Option<ClientSpecLiteral> {
        self.needed_keys()?;
        Some(ClientSpecLiteral {
            poly_modulus_degree: self.poly_modulus_degree,
            coeff_modulus: self.coeff_modulus.clone(),
            plain_moduli: self.plain_moduli.clone(),
            security: standard,
            input: self.input.clone(),
            slot_map: self.slot_map.to_literal(),
            corrections: self.corrections.clone(),
            relin_keys: self.needs_relin_keys,
            galois_elements: self.galois_elements.clone(),
            key_levels: self.key_levels.clone(),
            response_primes: self.response.primes,
            response_widths: self.response.widths.clone(),
            takes_pads: self.takes_pads,
            shared_upload: self.shared_upload,
        })
    }

    /// Checks a specification that comes from someone else. SEAL checks the primes once more, in [`super::Contexts::new`].
    ///
    /// # Errors
    /// [`ClientSpecError`] naming the field: parameters that are not secure by the table they name, or numbers that fit
    /// no plan.
    pub fn from_literal(literal: &ClientSpecLiteral) -> Result<Self, ClientSpecError> {
        let field = |field, problem: &str| {
            Err(ClientSpecError::Field {
                field,
                problem: problem.to_owned(),
            })
        };
        let degree = literal.poly_modulus_degree;
        let bits: u32 = literal
            .coeff_modulus
            .iter()
            .map(|&prime| width(prime))
            .sum();
        match literal.security.max_coeff_modulus_bits(degree) {
            None => {
                return field(
                    "poly_modulus_degree",
                    "must be a power of two, 1024 to 32768",
                );
            }
            Some(cap) if bits > cap => {
                return Err(ClientSpecError::Field {
                    field: "coeff_modulus",
                    problem: format!(
                        "{bits} bits are not secure: at most {cap} are, at N = {degree}"
                    ),
                });
            }
            Some(_) => {}
        }
        let data = literal.coeff_modulus.len().saturating_sub(1);
        if data == 0 || literal.coeff_modulus.iter().any(|&prime| prime < 2) {
            return field("coeff_modulus", "must be two primes or more");
        }
        let primes = &literal.plain_moduli;
        if !(1..=MAX_PLAIN_PRIMES).contains(&primes.len()) || primes.iter().any(|&t| t < 2) {
            return field("plain_moduli", "must be 1 to 64 primes");
        }
        let pairs = literal.corrections.iter().zip(primes);
        if literal.corrections.len() != primes.len() || !pairs.clone().all(|(c, t)| c < t) {
            return field("corrections", "must be a residue for each plain prime");
        }
        let elements = &literal.galois_elements;
        let odd = |&element: &u32| element % 2 == 1 && (element as usize) < 2 * degree;
        if !elements.iter().all(odd) || !elements.is_sorted_by(|a, b| a < b) {
            return field("galois_elements", "must be odd, below 2 N, and ascending");
        }
        let keys = usize::from(literal.relin_keys) + elements.len();
        let levels = &literal.key_levels;
        if levels.len() != keys || !levels.iter().all(|level| (1..=data).contains(level)) {
            return field("key_levels", "must be a number of data primes for each key");
        }
        if !(1..=data).contains(&literal.response_primes) {
            return field("response_primes", "must be 1 to the number of data primes");
        }
        let widths = &literal.response_widths;
        let fits = widths.is_empty() || CIPHERTEXT_SIZES.contains(&widths.len());
        if !fits || !widths.iter().all(|width| (1..=60).contains(width)) {
            return field(
                "response_widths",
                "must be 1 to 60 bits for each polynomial",
            );
        }
        let slot_map = SlotMap::from_literal(&literal.slot_map, literal.input.shape.len())?;
        if slot_map.slots() != degree {
            return field("slot_map", "must have as many slots as N");
        }
        Ok(Self {
            poly_modulus_degree: degree,
            coeff_modulus: literal.coeff_modulus.clone(),
            plain_moduli: primes.clone(),
            security: SecurityLevel::Bits128,
            input: literal.input.clone(),
            upload: Upload::SecretNtt,
            takes_pads: literal.takes_pads,
            shared_upload: literal.shared_upload,
            corrections: literal.corrections.clone(),
            needs_relin_keys: literal.relin_keys,
            galois_elements: elements.clone(),
            key_levels: levels.clone(),
            response: ResponseForm {
                primes: literal.response_primes,
                widths: widths.clone(),
                coefficients: slot_map.response_coefficients(),
            },
            slot_map,
        })
    }
}
