//! The authors' schedule, for a part of each layer.

use super::stock::residues;
use num_bigint::BigInt;
use sealquant::engine::reference::{Part, ReferencePlan, ReferenceStep};
use sealquant::engine::{Client, Contexts, EvaluationKeys, Request, Response, Server};
use sealquant::network::{Network, observed_bounds, random_images};
use sealquant::params::ReferenceParameters;
use sealquant::seal::{Ciphertext, Context};
use sealquant_native_bench::network::{self as native, PaperLayer};
use std::error::Error;

/// The arrays that a layer's pointers lead to.
#[derive(Default)]
struct Owned {
    kind: u32,
    units: usize,
    all_units: usize,
    starts: Vec<usize>,
    inputs: Vec<u32>,
    rotations: Vec<u32>,
    weights: Vec<i64>,
    factors: Vec<u64>,
    period: usize,
    biases: Vec<u64>,
    rows: usize,
}

/// The schedule for one image and one plaintext modulus.
pub struct Paper {
    name: String,
    server: Server,
    keys: EvaluationKeys,
    request: Request,
    context: Context,
    layers: Vec<Owned>,
    native: Vec<Ciphertext>,
    engine: Option<Response>,
}

impl Paper {
    /// Prepares `channels` channels of each layer at N = 8192 with SEAL's default primes, for a random image.
    pub fn new(network: &Network, channels: usize) -> Result<Self, Box<dyn Error>> {
        let images = random_images(1, network, 1);
        let magnitude = observed_bounds(network, &images)?.output().magnitude();
        let parameters = ReferenceParameters::seal_default(8192, 1, &magnitude)?;
        let [t] = *parameters.plain_moduli else {
            return Err("this benchmark takes one plaintext modulus".into());
        };
        let plan = ReferencePlan::new(network, parameters)?;
        let contexts = Contexts::new(plan.client_spec())?;
        let client = Client::new(plan.client_spec(), &contexts)?;
        // The same keys for both sides.
        let keys = client.evaluation_keys_seeded()?;
        let of_server = keys.expand(&contexts)?;
        let layers = plan
            .layers()
            .iter()
            .map(|layer| lower(&layer.step, channels, t))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: format!(
                "the authors' schedule, {}, {channels} channels of each layer: N = 8192, q = {:?} bits, t = {t}",
                network.name(),
                plan.parameters().coeff_modulus_bits(),
            ),
            request: client.encrypt(&images, &())?,
            server: Server::reference(&plan, &contexts, of_server, Part::Channels(channels))?,
            keys: keys.expand(&contexts)?,
            context: contexts.contexts().first().ok_or("no context")?.clone(),
            layers,
            native: vec![Ciphertext::new()?],
            engine: None,
        })
    }
}

fn lower(step: &ReferenceStep, channels: usize, t: u64) -> Result<Owned, Box<dyn Error>> {
    let mut owned = Owned {
        starts: vec![0],
        ..Owned::default()
    };
    match step {
        ReferenceStep::Convolution {
            channels: outputs,
            mask: None,
        } => {
            owned.all_units = outputs.len();
            for (taps, bias) in outputs {
                for tap in taps {
                    let (weight, _) = residues(&tap.weight.into(), t)?;
                    if weight != 0 {
                        owned.inputs.push(u32::try_from(tap.input)?);
                        owned.rotations.push(u32::try_from(tap.rotation)?);
                        owned.weights.push(weight);
                    }
                }
                owned.starts.push(owned.inputs.len());
                owned.biases.push(residues(bias, t)?.1);
            }
        }
        ReferenceStep::Square(count) => {
            owned.kind = 1;
            owned.all_units = *count;
        }
        ReferenceStep::Linear(linear) => {
            owned.kind = 2;
            owned.all_units = linear.diagonals.len();
            owned.period = linear.period;
            owned.rows = linear.rows;
            for diagonals in &linear.diagonals {
                for (rotation, factors) in diagonals {
                    owned.rotations.push(u32::try_from(*rotation)?);
                    for &factor in factors {
                        owned.factors.push(residues(&factor.into(), t)?.1);
                    }
                }
                owned.starts.push(owned.rotations.len());
            }
            let zeros = std::iter::repeat_n(BigInt::ZERO, linear.rows - linear.biases.len());
            for bias in linear.biases.iter().cloned().chain(zeros) {
                owned.biases.push(residues(&bias, t)?.1);
            }
        }
        _ => return Err("the loops in C++ have no such layer".into()),
    }
    owned.units = owned.all_units.min(channels.max(1));
    Ok(owned)
}

impl super::Schedule for Paper {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn native(&mut self) -> Result<(), Box<dyn Error>> {
        let layers: Vec<PaperLayer> = self
            .layers
            .iter()
            .map(|layer| PaperLayer {
                kind: layer.kind,
                units: layer.units,
                all_units: layer.all_units,
                starts: layer.starts.as_ptr(),
                inputs: layer.inputs.as_ptr(),
                rotations: layer.rotations.as_ptr(),
                weights: layer.weights.as_ptr(),
                factors: layer.factors.as_ptr(),
                period: layer.period,
                biases: layer.biases.as_ptr(),
                rows: layer.rows,
            })
            .collect();
        let request = super::pointers(self.request.parts().first().ok_or("no request")?);
        let (relin_keys, galois_keys) = (self.keys.relin_keys(), self.keys.galois_keys());
        let ([Some(relin_keys)], [Some(galois_keys)]) = (relin_keys, galois_keys) else {
            return Err("no keys".into());
        };
        let response = self.native.first_mut().ok_or("no response")?;
        // SAFETY: the pointers are to objects of these classes that this value holds. The plan's own taps are indices
        // into the output of the layer before, of which the part hands on copies.
        let done = unsafe {
            native::paper(
                self.context.as_seal_ptr(),
                relin_keys.as_seal_ptr(),
                galois_keys.as_seal_ptr(),
                &layers,
                &request,
                response.as_seal_mut_ptr(),
            )
        };
        if done {
            Ok(())
        } else {
            Err("SEAL refused in C++".into())
        }
    }

    fn engine(&mut self) -> Result<(), Box<dyn Error>> {
        self.engine = Some(self.server.evaluate(&self.request, &())?.response);
        Ok(())
    }

    fn is_equal(&self) -> bool {
        let engine = self.engine.as_ref().map(Response::parts);
        let part = engine.and_then(<[_]>::first);
        part.is_some_and(|part| super::same(part, &self.native))
    }
}
