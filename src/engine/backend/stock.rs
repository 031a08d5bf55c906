//! The backend of stock SEAL calls: what any user of SEAL would write, without zero weights and with threads over
//! outputs.

use super::{Evaluate, PrimeKeys};
use crate::circuit::{Circuit, CircuitLayer, Op, OpCounts};
use crate::engine::error::{Doing, EngineError};
use crate::engine::plan::Plan;
use crate::engine::stats::{LayerStats, Progress, StageProgress, layer_stage};
use crate::modular::{centred, wide_residue};
use crate::network::{Term, WeightedSums};
use crate::seal::{Ciphertext, Context, Error, Evaluator, Plaintext, RelinKeys, SealErrorKind};
use num_bigint::BigInt;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// The evaluator of one plaintext modulus.
#[derive(Debug)]
pub(super) struct Stock {
    context: Context,
    evaluator: Evaluator,
    relin_keys: Option<RelinKeys>,
}

type Computed = Result<(Vec<Ciphertext>, OpCounts), EngineError>;

/// Accepts a transparent result.
///
/// SEAL computes such a result, then throws. The result is correct: a sum that cancels, such as that of a layer of
/// zeros, which the server knows from the weights anyway. Going on loses nothing secret, and later sums hide again.
pub(super) fn allow_transparent(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.seal_kind() == Some(SealErrorKind::TransparentCiphertext) => Ok(()),
        other => other,
    }
}

impl Stock {
    pub(super) fn new(
        context: &Context,
        relin_keys: Option<RelinKeys>,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            context: context.clone(),
            evaluator: Evaluator::new(context).doing(|| "setting up the server".to_owned())?,
            relin_keys,
        })
    }

    fn plain_modulus(&self) -> u64 {
        self.context.parameters().plain_modulus().value()
    }

    /// Returns the weight as a centred residue modulo t.
    fn centred(&self, weight: i64) -> i64 {
        centred(i128::from(weight), self.plain_modulus())
    }

    /// Makes a plaintext with the same value, below t, in every slot.
    fn constant(&self, value: u64) -> Result<Plaintext, Error> {
        Plaintext::from_coefficients(&self.context, &[value])
    }

    /// Makes a plaintext of a bias; `None` if it is 0 modulo t.
    fn bias(&self, bias: &BigInt) -> Result<Option<Plaintext>, Error> {
        let residue = wide_residue(bias, self.plain_modulus());
        (residue != 0).then(|| self.constant(residue)).transpose()
    }

    /// Computes weighted sums: additions and subtractions of values, which are multiplied by constants for weights
    /// other than 1 and -1.
    pub(super) fn sums(
        &self,
        name: &str,
        sums: &WeightedSums,
        inputs: &[Ciphertext],
        stage: &StageProgress<'_>,
    ) -> Computed {
        let doing = || format!("computing layer {name}");
        let mut constants = BTreeMap::new();
        for (terms, _) in sums.outputs() {
            for term in terms {
                let magnitude = self.centred(term.weight).unsigned_abs();
                if magnitude > 1 && !constants.contains_key(&magnitude) {
                    constants.insert(magnitude, self.constant(magnitude).doing(doing)?);
                }
            }
        }
        let outputs: Vec<_> = sums.outputs().collect();
        let computed: Vec<(Ciphertext, OpCounts)> = outputs
            .into_par_iter()
            .map(|(terms, bias)| {
                let computed = self.sum(terms, bias, inputs, &constants).doing(doing)?;
                stage.advance();
                Ok(computed)
            })
            .collect::<Result<_, EngineError>>()?;
        let ops = computed.iter().map(|(_, ops)| *ops).sum();
        Ok((
            computed.into_iter().map(|(output, _)| output).collect(),
            ops,
        ))
    }

    fn sum(
        &self,
        terms: &[Term],
        bias: &BigInt,
        inputs: &[Ciphertext],
        constants: &BTreeMap<u64, Plaintext>,
    ) -> Result<(Ciphertext, OpCounts), Error> {
        let mut ops = OpCounts::default();
        let mut total: Option<Ciphertext> = None;
        let mut product = Ciphertext::new()?;
        for term in terms {
            let input = &inputs[term.input as usize];
            let weight = self.centred(term.weight);
            if weight == 0 {
                continue;
            }
            // SEAL 4.0.0 multiplies by the constant -w as by t - w, with the noise of t - w. So the product is taken
            // with the magnitude, and the sign decides between addition and subtraction.
            let constant = constants.get(&weight.unsigned_abs());
            ops.constant_multiplications += u64::from(constant.is_some());
            let Some(total) = &mut total else {
                let mut first = input.try_clone()?;
                if let Some(constant) = constant {
                    self.multiply(&mut first, constant)?;
                }
                if weight < 0 {
                    allow_transparent(self.evaluator.negate_inplace(&mut first))?;
                    ops.additions += 1;
                }
                total = Some(first);
                continue;
            };
            let summand = match constant {
                None => input,
                Some(constant) => {
                    product.assign(input)?;
                    self.multiply(&mut product, constant)?;
                    &product
                }
            };
            allow_transparent(if weight > 0 {
                self.evaluator.add_inplace(total, summand)
            } else {
                self.evaluator.sub_inplace(total, summand)
            })?;
            ops.additions += 1;
        }
        let mut total = if let Some(total) = total {
            total
        } else {
            // Every weight is zero: subtract any input from itself to get a ciphertext of zero.
            let input = &inputs[0];
            let mut zero = input.try_clone()?;
            allow_transparent(self.evaluator.sub_inplace(&mut zero, input))?;
            ops.additions += 1;
            zero
        };
        if let Some(bias) = self.bias(bias)? {
            allow_transparent(self.evaluator.add_plain_inplace(&mut total, &bias))?;
            ops.plain_additions += 1;
        }
        Ok((total, ops))
    }

    fn multiply(&self, encrypted: &mut Ciphertext, constant: &Plaintext) -> Result<(), Error> {
        allow_transparent(self.evaluator.multiply_plain_inplace(encrypted, constant))
    }

    /// Squares values in place.
    pub(super) fn squares(
        &self,
        name: &str,
        mut values: Vec<Ciphertext>,
        relinearize: bool,
        stage: &StageProgress<'_>,
    ) -> Computed {
        let relin_keys = self.relin_keys.as_ref().filter(|_| relinearize);
        values.par_iter_mut().try_for_each(|value| {
            allow_transparent(self.evaluator.square_inplace(value))
                .and_then(|()| {
                    relin_keys.map_or(Ok(()), |keys| {
                        allow_transparent(self.evaluator.relinearize_inplace(value, keys))
                    })
                })
                .doing(|| format!("computing layer {name}"))?;
            stage.advance();
            Ok::<(), EngineError>(())
        })?;
        let count = values.len() as u64;
        let ops = OpCounts {
            squares: count,
            relinearizations: if relin_keys.is_some() { count } else { 0 },
            ..OpCounts::default()
        };
        Ok((values, ops))
    }

    /// Adds a plaintext.
    pub(super) fn add_plain(
        &self,
        encrypted: &mut Ciphertext,
        plain: &Plaintext,
    ) -> Result<(), EngineError> {
        allow_transparent(self.evaluator.add_plain_inplace(encrypted, plain))
            .doing(|| "masking the response".to_owned())
    }

    /// Drops primes until `primes` are left, which makes the response smaller.
    pub(super) fn shrink(&self, mut values: Vec<Ciphertext>, primes: usize) -> Computed {
        let mut ops = OpCounts::default();
        for value in &mut values {
            while value.coeff_modulus_size() > primes.max(1) {
                allow_transparent(self.evaluator.mod_switch_to_next_inplace(value))
                    .doing(|| "shrinking the response".to_owned())?;
                ops.mod_switches += 1;
            }
        }
        Ok((values, ops))
    }
}

/// The evaluator of a plan by stock SEAL calls, under one plaintext modulus.
#[derive(Debug)]
pub(super) struct StockEvaluator {
    stock: Stock,
    circuit: Arc<Circuit>,
}

impl StockEvaluator {
    pub(super) fn new(
        context: &Context,
        plan: &Plan,
        relin_keys: Option<RelinKeys>,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            stock: Stock::new(context, relin_keys)?,
            circuit: plan.shared_circuit(),
        })
    }
}

impl Evaluate for StockEvaluator {
    fn for_client(&self, keys: PrimeKeys) -> Result<Box<dyn Evaluate>, EngineError> {
        Ok(Box::new(Self {
            stock: Stock::new(&self.stock.context, keys.relin)?,
            circuit: Arc::clone(&self.circuit),
        }))
    }

    fn stats(&self) -> Vec<LayerStats> {
        let layers = self.circuit.layers().iter().map(CircuitLayer::name);
        LayerStats::named(layers.chain(["response"]))
    }

    fn evaluate(
        &self,
        inputs: &[Ciphertext],
        response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        if inputs.iter().any(Ciphertext::is_ntt_form) {
            return Err(Error::WrongForm {
                operation: "stock evaluation",
                object: "ciphertext of the request",
                expected: "coefficient form: encrypt it for SEAL's kernels",
            })
            .doing(|| "reading the request".to_owned());
        }
        let stock = &self.stock;
        // The request is only borrowed; the results of a layer are consumed by the next layer.
        let mut values: Option<Vec<Ciphertext>> = None;
        let all = self.circuit.layers().len();
        let planned = self.circuit.layers().iter().zip(self.circuit.outputs());
        for (index, ((layer, count), stats)) in planned.zip(stats.iter_mut()).enumerate() {
            let start = Instant::now();
            let name = layer_stage(index, all, layer.name(), suffix);
            let stage = StageProgress::new(progress, &name, count);
            let (outputs, ops) = match layer.ops() {
                [Op::LinearCombination(sums)] => {
                    let inputs = values.as_deref().unwrap_or(inputs);
                    stock.sums(layer.name(), sums, inputs, &stage)?
                }
                [Op::Squares, then @ ..] => {
                    let relinearize = then.contains(&Op::Relinearize);
                    stock.squares(layer.name(), owned(values, inputs)?, relinearize, &stage)?
                }
                _ => {
                    return Err(EngineError::Internal(
                        "the circuit has operations that the stock backend does not compute",
                    ));
                }
            };
            values = Some(outputs);
            stats.ops += ops;
            stats.seconds += start.elapsed().as_secs_f64();
        }
        let start = Instant::now();
        let (response, ops) = stock.shrink(owned(values, inputs)?, response_primes)?;
        if let Some(stats) = stats.last_mut() {
            stats.ops += ops;
            stats.seconds += start.elapsed().as_secs_f64();
        }
        Ok(response)
    }
}

/// Returns the results of the previous layer, or copies of the request's ciphertexts.
fn owned(
    values: Option<Vec<Ciphertext>>,
    inputs: &[Ciphertext],
) -> Result<Vec<Ciphertext>, EngineError> {
    match values {
        Some(values) => Ok(values),
        None => inputs
            .iter()
            .map(Ciphertext::try_clone)
            .collect::<Result<_, _>>()
            .doing(|| "copying the request".to_owned()),
    }
}
