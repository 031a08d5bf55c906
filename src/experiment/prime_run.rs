//! One image's run under one plaintext prime with the authors' schedule. Timings are made from such runs and can
//! continue from them.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::{Host, TimingError};
use crate::{
    circuit::OpCounts,
    data::sha256_hex,
    engine::{
        Client, Contexts, EngineError, LayerStats, Progress, Server,
        reference::{Part, ReferencePlan},
    },
    file::write_json,
    network::{Network, Twin},
    params::ReferenceParameters,
    seal,
};

/// The computation of a run and its input. Runs with equal settings are interchangeable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimeSetting {
    /// The network's name.
    pub network: String,
    /// SHA-256 of the network's file, in hexadecimal.
    pub network_sha256: String,
    /// SHA-256 of the image's bytes, in hexadecimal.
    pub image_sha256: String,
    /// The ring degree N.
    pub poly_modulus_degree: usize,
    /// The primes of q; the special prime is last.
    pub coeff_modulus: Vec<u64>,
    /// The plaintext modulus t.
    pub plain_modulus: u64,
    /// True if the masks of the authors' program are applied.
    pub masks: bool,
    /// Largest number of channels computed in each layer; `None` if all are computed.
    pub channels: Option<usize>,
    /// True if SEAL was compiled with Intel HEXL.
    pub hexl: bool,
    /// The processor's model.
    pub cpu: String,
}

/// The cost of one layer of the authors' schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimeLayer {
    /// Name of the layer.
    pub name: String,
    /// Wall time of the executed part, with the encoding of weights.
    pub seconds: f64,
    /// Processor time of the executed part, if the system reports it.
    pub cpu_seconds: Option<f64>,
    /// Operations that were executed.
    pub ops: OpCounts,
    /// Number of units (see [`Part`]) that were executed.
    pub units: u64,
    /// Number of units of the whole layer.
    pub all_units: u64,
    /// Rotations and products of the whole layer, by which the time is extrapolated.
    pub all_work: u64,
    /// Rotations and products that were executed.
    pub work: u64,
}

impl From<LayerStats> for PrimeLayer {
    fn from(stats: LayerStats) -> Self {
        let share = stats.share.unwrap_or_default();
        Self {
            name: stats.name,
            seconds: stats.seconds,
            cpu_seconds: stats.cpu_seconds,
            ops: stats.ops,
            units: share.units,
            all_units: share.all_units,
            all_work: share.all_work,
            work: share.work,
        }
    }
}

impl PrimeLayer {
    /// Returns the seconds of the executed part: processor time where it is known, otherwise wall time.
    pub fn measured_seconds(&self) -> f64 {
        self.cpu_seconds.unwrap_or(self.seconds)
    }

    /// Adds what was executed of the same layer under another plain prime.
    pub(super) fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.cpu_seconds = self.cpu_seconds.zip(other.cpu_seconds).map(|(a, b)| a + b);
        self.ops += other.ops;
        self.work += other.work;
    }

    /// Returns the seconds of the whole layer: processor time where it is known, otherwise wall time. They are measured
    /// if all of the layer ran, and otherwise extrapolated in proportion to its work.
    pub fn whole_seconds(&self) -> f64 {
        let seconds = self.measured_seconds();
        if self.work == 0 {
            seconds
        } else {
            seconds * self.all_work as f64 / self.work as f64
        }
    }
}

/// A finished run under one plaintext prime, on one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimeRun {
    /// The setting of the run.
    pub setting: PrimeSetting,
    /// Wall time of generating the keys.
    pub keygen_seconds: f64,
    /// Wall time of encrypting the image.
    pub encrypt_seconds: f64,
    /// Wall time of decrypting the logits.
    pub decrypt_seconds: f64,
    /// Times of the layers.
    pub layers: Vec<PrimeLayer>,
    /// Indices of the logits that differ from the twin's modulo t; `None` if only a part was computed or the noise
    /// hides them.
    pub wrong_logits: Option<Vec<usize>>,
    /// Noise budget left at the end, in bits. For a part it is the part's own, which is about that of the whole.
    pub noise_budget_bits: u32,
    /// The commit, with `-dirty` if files differ from it.
    pub git_commit: String,
    /// Time at which it ended: RFC 3339, UTC.
    pub time: String,
}

/// A network and an image that are to be timed with the authors' schedule.
#[derive(Debug, Clone, Copy)]
pub struct PrimeSubject<'a> {
    /// The network.
    pub network: &'a Network,
    /// The bytes of the image.
    pub image: &'a [u8],
    /// The part of each layer to compute.
    pub part: Part,
    /// True to apply the masks of the authors' program, for which the noise may leave no room.
    pub masks: bool,
}

impl PrimeSubject<'_> {
    /// Returns the setting of a run under plaintext prime `t` with these parameters.
    pub fn setting(&self, parameters: &ReferenceParameters, t: u64) -> PrimeSetting {
        PrimeSetting {
            network: self.network.name().to_owned(),
            network_sha256: sha256_hex(self.network.to_json().as_bytes()),
            image_sha256: sha256_hex(self.image),
            poly_modulus_degree: parameters.poly_modulus_degree,
            coeff_modulus: parameters.coeff_modulus.clone(),
            plain_modulus: t,
            masks: self.masks,
            channels: match self.part {
                Part::Whole => None,
                Part::Channels(channels) => Some(channels),
            },
            hexl: seal::HEXL,
            cpu: Host::now().cpu,
        }
    }

    /// Runs the image through the network under plaintext prime `t`, which is one of the parameters' primes, on the
    /// calling thread.
    ///
    /// # Errors
    /// [`TimingError::Engine`] if the layout does not support a layer, if the noise budget does not suffice (except
    /// with masks, where that is the finding) or if SEAL refuses; [`TimingError::Input`] if the image does not fit.
    /// Logits that differ from the twin's are not an error; they are listed.
    pub fn run(
        &self,
        parameters: &ReferenceParameters,
        t: u64,
        progress: &dyn Progress,
    ) -> Result<PrimeRun, TimingError> {
        let quantized = self.network.quantize_image(self.image)?;
        let of_prime = parameters.clone().with_plain_modulus(t);
        let plan = if self.masks {
            ReferencePlan::with_masks(self.network, of_prime)?
        } else {
            ReferencePlan::new(self.network, of_prime)?
        };

        let start = Instant::now();
        let spec = plan.client_spec();
        let contexts = Contexts::new(spec)?;
        let client = Client::new(spec, &contexts)?;
        let server = Server::reference(&plan, &contexts, client.evaluation_keys()?, self.part)?;
        let keygen_seconds = start.elapsed().as_secs_f64();

        let images = [quantized];
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let alone = alone.map_err(|_| EngineError::Internal("no pool of one thread"))?;
        let start = Instant::now();
        let request = alone.install(|| client.encrypt(&images, &()))?;
        let encrypt_seconds = start.elapsed().as_secs_f64();

        let evaluation = server.evaluate(&request, progress)?;

        let noise_budget_bits = client.noise_budget_bits(&evaluation.response)?;
        let start = Instant::now();
        let wrong_logits = match self.part {
            Part::Channels(_) => None,
            Part::Whole if self.masks && noise_budget_bits == 0 => None,
            Part::Whole => {
                let logits = client.decrypt(&evaluation.response, 1)?;
                let expected = Twin::new(self.network).logits(&images[0])?;
                Some(wrong_logits(&logits.concat(), &expected, parameters, t))
            }
        };
        let decrypt_seconds = start.elapsed().as_secs_f64();
        let host = Host::now();
        Ok(PrimeRun {
            setting: self.setting(parameters, t),
            keygen_seconds,
            encrypt_seconds,
            decrypt_seconds,
            layers: evaluation.layers.into_iter().map(Into::into).collect(),
            wrong_logits,
            noise_budget_bits,
            git_commit: host.git_commit,
            time: host.time,
        })
    }
}

/// Returns the indices of logits modulo `t` that are not the twin's, or that the plaintext primes together are too
/// small to tell apart.
fn wrong_logits(
    logits: &[BigInt],
    expected: &[BigInt],
    parameters: &ReferenceParameters,
    t: u64,
) -> Vec<usize> {
    let product: BigInt = parameters.plain_moduli.iter().copied().product();
    let zero = BigInt::ZERO;
    (0..expected.len().max(logits.len()))
        .filter(|&logit| {
            let (Some(found), Some(wanted)) = (logits.get(logit), expected.get(logit)) else {
                return true;
            };
            (found - wanted) % t != zero || BigInt::from(wanted.magnitude() * 2_u32) >= product
        })
        .collect()
}

impl PrimeSetting {
    /// Returns the name of the file in `directory` that stores such a run.
    fn file(&self, directory: &Path) -> Result<PathBuf, TimingError> {
        let text = serde_json::to_vec(self).map_err(std::io::Error::from);
        let digest = sha256_hex(&text.map_err(TimingError::file("name", directory))?);
        let (degree, t) = (self.poly_modulus_degree, self.plain_modulus);
        Ok(directory.join(format!("n{degree}-t{t}-{}.json", &digest[..16])))
    }

    /// Reads the finished run with this setting that `directory` stores, if there is one.
    ///
    /// # Errors
    /// [`TimingError::File`] for a file that cannot be read, is truncated, or holds another run.
    pub fn kept(&self, directory: &Path) -> Result<Option<PrimeRun>, TimingError> {
        let path = self.file(directory)?;
        let read = || -> std::io::Result<PrimeRun> {
            let run: PrimeRun = serde_json::from_slice(&std::fs::read(&path)?)?;
            let other = "it holds another run than its name says; delete it";
            let same = (run.setting == *self).then_some(run);
            same.ok_or_else(|| std::io::Error::other(other))
        };
        match read() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            run => Ok(Some(run.map_err(TimingError::file("read", &path))?)),
        }
    }
}

impl PrimeRun {
    /// Stores the run in `directory`, where [`PrimeSetting::kept`] finds it.
    ///
    /// # Errors
    /// [`TimingError::File`].
    pub fn keep(&self, directory: &Path) -> Result<(), TimingError> {
        let path = self.setting.file(directory)?;
        write_json(&path, self).map_err(TimingError::file("write", &path))
    }

    /// Returns the seconds of evaluating what was computed: processor time if it is known, else wall time.
    pub fn seconds(&self) -> f64 {
        let layers = self.layers.iter();
        layers.map(PrimeLayer::measured_seconds).sum()
    }
}
