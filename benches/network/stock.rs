//! Stock SEAL calls.

use num_bigint::BigInt;
use rayon::{ThreadPool, ThreadPoolBuilder};
use sealquant::circuit::{CircuitLayer, Op};
use sealquant::engine::{Client, Contexts, Plan, Request, Response, Server};
use sealquant::network::{Network, random_images};
use sealquant::params::{Scheme, SelectOptions, select};
use sealquant::seal::{Ciphertext, Context};
use sealquant_native_bench::network::{self as native, Layer};
use std::error::Error;
use std::ffi::c_void;

/// The arrays that a layer's pointers lead to.
#[derive(Default)]
struct Owned {
    kind: u32,
    starts: Vec<usize>,
    inputs: Vec<u32>,
    weights: Vec<i64>,
    biases: Vec<u64>,
}

/// The batched network for one plaintext modulus.
pub struct Stock {
    name: String,
    server: Server,
    request: Request,
    context: Context,
    /// The server's keys; the server holds them as long as it lives.
    relin_keys: *const c_void,
    layers: Vec<Owned>,
    response_primes: usize,
    native: Vec<Ciphertext>,
    engine: Option<Response>,
    /// A pool with one thread: the calling one.
    pool: ThreadPool,
}

/// Returns the residue around 0 and the residue from 0.
pub fn residues(value: &BigInt, t: u64) -> Result<(i64, u64), Box<dyn Error>> {
    let modulus = BigInt::from(t);
    let residue: u64 = (((value % &modulus) + &modulus) % &modulus).try_into()?;
    let centred = if 2 * u128::from(residue) > u128::from(t) {
        i64::try_from(residue)? - i64::try_from(t)?
    } else {
        i64::try_from(residue)?
    };
    Ok((centred, residue))
}

impl Stock {
    /// Prepares the first `layers` layers of a network by stock SEAL calls, for a batch of random images.
    pub fn new(network: &Network, layers: usize) -> Result<Self, Box<dyn Error>> {
        let options = SelectOptions {
            scheme: Some(Scheme::Stock),
            ..SelectOptions::default()
        };
        let selection = select(network, &options)?;
        let [t] = *selection.plain_moduli() else {
            return Err("this benchmark takes a network of one plaintext modulus".into());
        };
        let plan = Plan::new(network, &selection)?;
        let plan = plan.prefix(layers.min(plan.layers().len()), usize::MAX);
        let contexts = Contexts::new(plan.client_spec())?;
        let client = Client::new(plan.client_spec(), &contexts)?;
        let images = random_images(1, network, plan.batch_size());
        let request = client.encrypt(&images, &())?;
        let keys = client.evaluation_keys()?;
        let relin_keys = match keys.relin_keys() {
            [Some(keys)] => keys.as_seal_ptr(),
            _ => std::ptr::null(),
        };
        let lowered = plan
            .layers()
            .iter()
            .map(|layer| lower(layer.ops(), t))
            .collect::<Result<_, _>>()?;
        let outputs = plan.outputs();
        Ok(Self {
            name: format!(
                "stock calls, {} to {}, batch of {}: N = {}, q = {:?} bits, t = {t}",
                network.name(),
                plan.layers().last().map_or("", CircuitLayer::name),
                images.len(),
                selection.poly_modulus_degree(),
                selection.coeff_modulus_bits(),
            ),
            context: contexts.contexts().first().ok_or("no context")?.clone(),
            server: Server::new(&plan, &contexts, keys)?,
            request,
            relin_keys,
            layers: lowered,
            response_primes: plan.response_primes(),
            native: (0..outputs)
                .map(|_| Ciphertext::new())
                .collect::<Result<_, _>>()?,
            engine: None,
            pool: ThreadPoolBuilder::new()
                .num_threads(1)
                .use_current_thread()
                .build()?,
        })
    }
}

fn lower(ops: &[Op], t: u64) -> Result<Owned, Box<dyn Error>> {
    let mut owned = Owned::default();
    match ops {
        [Op::LinearCombination(sums)] => {
            owned.starts.push(0);
            for (terms, bias) in sums.outputs() {
                for term in terms {
                    let (weight, _) = residues(&term.weight.into(), t)?;
                    if weight != 0 {
                        owned.inputs.push(term.input);
                        owned.weights.push(weight);
                    }
                }
                owned.starts.push(owned.inputs.len());
                owned.biases.push(residues(bias, t)?.1);
            }
        }
        [Op::Squares] => owned.kind = 1,
        [Op::Squares, Op::Relinearize] => owned.kind = 2,
        _ => return Err("stock calls have no such layer".into()),
    }
    Ok(owned)
}

impl super::Schedule for Stock {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn native(&mut self) -> Result<(), Box<dyn Error>> {
        let layers: Vec<Layer> = self
            .layers
            .iter()
            .map(|layer| Layer {
                kind: layer.kind,
                outputs: layer.biases.len(),
                starts: layer.starts.as_ptr(),
                inputs: layer.inputs.as_ptr(),
                weights: layer.weights.as_ptr(),
                biases: layer.biases.as_ptr(),
            })
            .collect();
        let request = self.request.parts().first().ok_or("no request")?;
        let request = super::pointers(request);
        let response: Vec<*mut c_void> = self
            .native
            .iter_mut()
            .map(Ciphertext::as_seal_mut_ptr)
            .collect();
        // SAFETY: the pointers are to objects of these classes that this value holds. The keys are within the server,
        // which it also holds. The plan's own terms are indices into the output of the layer before.
        let done = unsafe {
            native::stock(
                self.context.as_seal_ptr(),
                self.relin_keys,
                &layers,
                &request,
                self.response_primes,
                &response,
            )
        };
        if done {
            Ok(())
        } else {
            Err("SEAL refused in C++".into())
        }
    }

    fn engine(&mut self) -> Result<(), Box<dyn Error>> {
        let evaluation = self
            .pool
            .install(|| self.server.evaluate(&self.request, &()))?;
        self.engine = Some(evaluation.response);
        Ok(())
    }

    fn is_equal(&self) -> bool {
        let engine = self.engine.as_ref().map(Response::parts);
        matches!(engine, Some([engine]) if super::same(engine, &self.native))
    }
}
