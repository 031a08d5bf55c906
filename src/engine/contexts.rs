//! SEAL's contexts, made once for a plan, with the sizes of its messages.

use super::error::{Doing, EngineError};
use super::response_form::ResponseForm;
use super::spec::{ClientSpec, NeededKey};
use crate::seal::{Context, ParametersLiteral};

/// SEAL's contexts of a plan, one for each plain prime, with the sizes of the plan's messages. Making them takes
/// milliseconds to seconds, so make them once and share them: cloning is cheap.
#[derive(Debug, Clone)]
pub struct Contexts {
    of_primes: Vec<Context>,
    shared_upload: bool,
    batch_size: usize,
    inputs: usize,
    /// Number of values of an image.
    values: usize,
    outputs: usize,
    needs_relin_keys: bool,
    galois_elements: Vec<u32>,
    key_levels: Vec<usize>,
    response: ResponseForm,
}

impl Contexts {
    /// Makes the contexts of a plan. SEAL checks its own caps (of 2018) once more.
    ///
    /// # Errors
    /// [`EngineError::Seal`] if SEAL refuses the parameters.
    pub fn new(spec: &ClientSpec) -> Result<Self, EngineError> {
        let context = |&plain_modulus: &u64| {
            let literal = ParametersLiteral {
                poly_modulus_degree: spec.poly_modulus_degree,
                coeff_modulus: spec.coeff_modulus.clone(),
                plain_modulus,
                security: spec.security,
            };
            Context::from_literal(&literal)
                .doing(|| format!("setting up SEAL for the plaintext modulus {plain_modulus}"))
        };
        Ok(Self {
            of_primes: spec
                .plain_moduli
                .iter()
                .map(context)
                .collect::<Result<_, _>>()?,
            shared_upload: spec.shared_upload,
            batch_size: spec.batch_size(),
            inputs: spec.inputs(),
            values: spec.pad_values(),
            outputs: spec.outputs(),
            needs_relin_keys: spec.needs_relin_keys,
            galois_elements: spec.galois_elements.clone(),
            key_levels: spec.key_levels.clone(),
            response: spec.response.clone(),
        })
    }

    /// Takes contexts that were made elsewhere, in the batched layout: one for each plain prime, with the numbers of
    /// ciphertexts for each. This serves readers and writers of messages that know a plan's numbers only. Compact
    /// responses have two polynomials, with coefficients as wide as the first prime.
    ///
    /// # Errors
    /// [`EngineError::Contexts`] if there are none, or if they differ in more than the plain prime.
    pub fn from_contexts(
        contexts: Vec<Context>,
        inputs: usize,
        outputs: usize,
        needs_relin_keys: bool,
    ) -> Result<Self, EngineError> {
        let first = contexts.first().ok_or(EngineError::Contexts)?.parameters();
        let batch_size = first.poly_modulus_degree();
        let data_primes = contexts.first().map_or(0, Context::key_parts);
        let first_prime = contexts.first().map_or(0, |context| context.primes()[0]);
        let alike = contexts.iter().all(|context| {
            let parameters = context.parameters();
            parameters.poly_modulus_degree() == batch_size
                && parameters.coeff_modulus() == first.coeff_modulus()
        });
        if !alike {
            return Err(EngineError::Contexts);
        }
        Ok(Self {
            of_primes: contexts,
            shared_upload: false,
            batch_size,
            inputs,
            values: inputs,
            outputs,
            needs_relin_keys,
            galois_elements: Vec::new(),
            key_levels: vec![data_primes; usize::from(needs_relin_keys)],
            response: ResponseForm::as_wide_as(first_prime, batch_size),
        })
    }

    /// Returns an error unless these are the contexts of `spec`.
    pub(crate) fn check(&self, spec: &ClientSpec) -> Result<(), EngineError> {
        let is = |(context, &t): (&Context, &u64)| {
            let parameters = context.parameters();
            parameters.poly_modulus_degree() == spec.poly_modulus_degree
                && parameters.plain_modulus().value() == t
                && (parameters.coeff_modulus().iter())
                    .map(|prime| prime.value())
                    .eq(spec.coeff_modulus.iter().copied())
        };
        let mut pairs = self.of_primes.iter().zip(&spec.plain_moduli);
        let alike = self.of_primes.len() == spec.plain_moduli.len()
            && (self.inputs, self.outputs) == (spec.inputs(), spec.outputs())
            && self.shared_upload == spec.shared_upload
            && self.response == spec.response;
        if alike && pairs.all(is) {
            Ok(())
        } else {
            Err(EngineError::Contexts)
        }
    }

    /// Returns the contexts, one for each plain prime.
    pub fn contexts(&self) -> &[Context] {
        &self.of_primes
    }

    /// Returns the contexts of the parts of a request: one for each plain prime or, if one upload serves all of them, the
    /// first. The ciphertexts of such an upload are SEAL's under the first plain prime, but for their message.
    pub(crate) fn uploads(&self) -> &[Context] {
        let count = if self.shared_upload {
            1
        } else {
            self.of_primes.len()
        };
        self.of_primes.get(..count).unwrap_or_default()
    }

    /// True if one upload serves all plain primes.
    pub const fn shared_upload(&self) -> bool {
        self.shared_upload
    }

    /// Returns the contexts under which part `part` of a request is encrypted: one, or all.
    pub(crate) fn of_upload(&self, part: usize) -> &[Context] {
        if self.shared_upload {
            &self.of_primes
        } else {
            self.of_primes.get(part..=part).unwrap_or_default()
        }
    }

    /// Returns the number of images in a batch.
    pub const fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Returns the number of ciphertexts in each part of a request.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of values of an image.
    pub(crate) const fn values(&self) -> usize {
        self.values
    }

    /// Returns the plain primes.
    pub(crate) fn plain_moduli(&self) -> impl Iterator<Item = u64> {
        let contexts = self.of_primes.iter();
        contexts.map(|context| context.parameters().plain_modulus().value())
    }

    /// Returns the number of ciphertexts in a response, for each plain prime.
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Tells whether the server needs relinearisation keys.
    pub const fn needs_relin_keys(&self) -> bool {
        self.needs_relin_keys
    }

    /// Tells whether the server needs any keys.
    pub const fn needs_keys(&self) -> bool {
        self.needs_relin_keys || !self.galois_elements.is_empty()
    }

    /// Returns the keys that own kernels need, in the order in which they travel; `None` if the server needs whole keys.
    pub(crate) fn needed_keys(&self) -> Option<Vec<NeededKey>> {
        NeededKey::all(
            self.needs_relin_keys,
            &self.galois_elements,
            &self.key_levels,
        )
    }

    /// True if the plan's responses can be sent in few bits, see [`super::Response::compact`]: all plans whose response
    /// has noise budget to spare for that.
    pub const fn has_compact_responses(&self) -> bool {
        !self.response.widths.is_empty()
    }

    /// Returns how responses are shortened; `None` if they are not.
    pub(crate) fn response_form(&self) -> Option<&ResponseForm> {
        (!self.response.widths.is_empty()).then_some(&self.response)
    }

    /// Returns the Galois elements for which the server needs keys, in ascending order.
    pub fn galois_elements(&self) -> &[u32] {
        &self.galois_elements
    }
}
