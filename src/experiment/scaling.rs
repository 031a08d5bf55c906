//! Measures how the server's time grows: one point of a curve.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Host, Spread, classify::mismatches};
use crate::{
    clock,
    engine::{Client, Contexts, EngineError, Plan, Server},
    network::{InputError, Network, Twin},
    params::Parameters,
};

/// The quantity that is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Number of images evaluated at once.
    Images,
    /// Bits of a weight, including the sign.
    WeightBits,
    /// Bits of the logits, which t (or the product of several) must hold.
    PlainBits,
    /// Number of worker threads.
    Threads,
}

impl Axis {
    /// All axes.
    pub const ALL: [Self; 4] = [
        Self::Images,
        Self::WeightBits,
        Self::PlainBits,
        Self::Threads,
    ];

    /// Returns the name used in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::WeightBits => "weight-bits",
            Self::PlainBits => "plain-bits",
            Self::Threads => "threads",
        }
    }

    /// Returns a description in words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::WeightBits => "bits of a weight",
            Self::PlainBits => "bits of the logits",
            Self::Threads => "threads",
        }
    }
}

/// One measured point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalingPoint {
    /// The quantity that is varied.
    pub axis: Axis,
    /// Its value at this point.
    pub value: u64,
    /// The network's name.
    pub network: String,
    /// Number of images in total.
    pub images: usize,
    /// Number of batches.
    pub batches: usize,
    /// Number of worker threads.
    pub threads: usize,
    /// The server's kernels: `own` or `seal`.
    pub kernels: String,
    /// Arrangement of images in ciphertexts.
    pub layout: String,
    /// The ring degree N.
    pub poly_modulus_degree: usize,
    /// Bits of each prime of q; the special prime is last.
    pub coeff_modulus_bits: Vec<u32>,
    /// The plaintext modulus t; several if the circuit runs once for each.
    pub plain_moduli: Vec<u64>,
    /// Wall seconds of the server's evaluation of all images: the quartiles of each batch's repetitions, after one
    /// warm-up that does not count, added up over the batches.
    pub seconds: Spread,
    /// Processor seconds of all threads: the median of each batch's repetitions, added up over the batches, if the
    /// system tells it.
    pub cpu_seconds: Option<f64>,
    /// Wall seconds of the client's encryption of all images, once.
    pub encrypt_seconds: f64,
    /// Largest memory the process used at any time, in bytes, if the system tells it: client, server and twin together.
    pub peak_memory_bytes: Option<u64>,
    /// Number of logits that differ from the twin's, over all images.
    pub twin_mismatches: usize,
    /// Smallest noise budget left, in bits.
    pub noise_budget_bits: u32,
}

/// Scaling curves and the machine they were measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalingRecord {
    /// The command line, without the program's directory.
    pub command: String,
    /// Number of evaluations of each point.
    pub repeat: usize,
    /// The points.
    pub points: Vec<ScalingPoint>,
    /// The machine and the program.
    #[serde(flatten)]
    pub host: Host,
}

/// Reasons for which a point could not be measured.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScalingError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An image does not fit the network.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// Encrypts quantised images, evaluates them once to warm up and then `repeat` times (at least once), decrypts the
/// result and compares it with the twin's. Uses the current rayon pool. It should run alone in its process: memory is
/// counted from the process's start.
///
/// # Errors
/// [`ScalingError::Engine`] if the network does not fit the selection or SEAL refuses, [`ScalingError::Input`] if an
/// image does not fit the network. Logits that differ from the twin's are not an error; they are counted.
pub fn measure_scaling(
    axis: Axis,
    value: u64,
    network: &Network,
    selection: &Parameters,
    images: &[Vec<i64>],
    repeat: usize,
) -> Result<ScalingPoint, ScalingError> {
    let plan = Plan::new(network, selection)?;
    let contexts = Contexts::new(plan.client_spec())?;
    let client = Client::new(plan.client_spec(), &contexts)?;
    let server = Server::new(&plan, &contexts, client.evaluation_keys()?)?;
    let mut point = ScalingPoint {
        axis,
        value,
        network: network.name().to_owned(),
        images: images.len(),
        batches: 0,
        threads: rayon::current_num_threads(),
        kernels: selection.scheme().kernels().to_owned(),
        layout: selection.scheme().layout().to_owned(),
        poly_modulus_degree: selection.poly_modulus_degree(),
        coeff_modulus_bits: selection.coeff_modulus_bits(),
        plain_moduli: selection.plain_moduli().to_vec(),
        seconds: Spread::default(),
        cpu_seconds: Some(0.0),
        encrypt_seconds: 0.0,
        peak_memory_bytes: None,
        twin_mismatches: 0,
        noise_budget_bits: u32::MAX,
    };
    for batch in images.chunks(plan.batch_size().max(1)) {
        let start = Instant::now();
        let request = client.encrypt(batch, &())?;
        point.encrypt_seconds += start.elapsed().as_secs_f64();
        let (mut wall, mut processor) = (Vec::new(), Vec::new());
        let mut response = None;
        for run in 0..=repeat.max(1) {
            let (start, cpu) = (Instant::now(), clock::process_cpu_seconds());
            let evaluation = server.evaluate(&request, &())?;
            let seconds = start.elapsed().as_secs_f64();
            let cpu = clock::between(cpu, clock::process_cpu_seconds());
            // The first run is a warm-up.
            if run > 0 {
                wall.push(seconds);
                processor.push(cpu);
            }
            response = Some(evaluation.response);
        }
        point.batches += 1;
        point.seconds += Spread::of(wall);
        let processor: Option<Vec<f64>> = processor.into_iter().collect();
        let median = processor.map(|all| Spread::of(all).median);
        point.cpu_seconds = point.cpu_seconds.zip(median).map(|(a, b)| a + b);
        let Some(response) = response else { continue };
        let expected = Twin::new(network).logits_batch(batch)?;
        let (decrypted, budget) = client.decrypt_measured(&response, batch.len())?;
        point.noise_budget_bits = point.noise_budget_bits.min(budget);
        point.twin_mismatches += mismatches(&decrypted.concat(), &expected.concat());
    }
    point.peak_memory_bytes = Host::peak_memory_bytes();
    Ok(point)
}
