//! One run: sends images through client and server, and compares every logit with the twin's.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use num_bigint::BigInt;
use thiserror::Error;

use super::record::{LayerRecord, Seconds, Sizes};
use crate::{
    engine::{
        Client, CompactRequestPart, Contexts, EngineError, LayerStats, Plan, Progress, RequestPart,
        Response, ResponsePart, Server,
    },
    network::{InputError, Network, Twin, argmax},
    wire::{Message, UploadSizes, WireError},
};

/// Number of a layer's results whose noise is measured.
const MEASURED_RESULTS: usize = 16;

/// Result of a run. Seconds, bytes and operations are totals over all batches.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// Class of each image: the index of its largest decrypted logit; the first one wins a tie.
    pub predictions: Vec<usize>,
    /// The logits of each image.
    pub decrypted: Vec<Vec<BigInt>>,
    /// Indices in the run of the images with at least one decrypted logit that differs from the twin's.
    pub mismatched_images: Vec<usize>,
    /// Number of logits that were compared with the twin's.
    pub logits: usize,
    /// Number of logits that differ from the twin's.
    pub twin_mismatches: usize,
    /// Number of batches.
    pub batches: usize,
    /// The client's encryption: `own` or `seal`.
    pub client: &'static str,
    /// Smallest invariant noise budget over all responses as they are decrypted, in bits.
    pub noise_budget_bits: u32,
    /// True if responses were compact: the rounding takes most of the budget that the evaluation leaves.
    pub compact_responses: bool,
    /// Wall-clock time of each stage.
    pub seconds: Seconds,
    /// Seconds that the server worked on each batch.
    pub batch_seconds: Vec<f64>,
    /// Server time and operations, layer by layer.
    pub layers: Vec<LayerRecord>,
    /// Sizes of the messages that a separate client and server would send.
    pub bytes: Sizes,
    /// Smallest noise budget measured after each layer, in bits, if requested; also that of the response before it is
    /// rounded, if it is.
    pub layer_noise: Vec<(String, u32)>,
}

/// Reasons for which a run stops.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClassifyError {
    /// There are no images to classify.
    #[error("no images to classify")]
    NoImages,
    /// An image is not what the network reads.
    #[error("image {index} of the run does not fit the network")]
    Image {
        /// Its index in the run.
        index: usize,
        /// The problem with it.
        #[source]
        source: InputError,
    },
    /// The twin refused an image.
    #[error("clear evaluation of the batch that starts at image {first} of the run")]
    Twin {
        /// The index of the batch's first image in the run.
        first: usize,
        /// The reason.
        #[source]
        source: InputError,
    },
    /// The engine failed.
    #[error("{stage}")]
    Engine {
        /// The work in progress.
        stage: &'static str,
        /// The reason.
        #[source]
        source: EngineError,
    },
    /// A message does not fit the plan.
    #[error("measuring the messages")]
    Wire(#[from] WireError),
}

/// Names the stage in an engine's error.
fn during(stage: &'static str) -> impl FnOnce(EngineError) -> ClassifyError {
    move |source| ClassifyError::Engine { stage, source }
}

/// Runs `work` and adds the seconds it takes to `total`.
fn timed<T>(total: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *total += start.elapsed().as_secs_f64();
    result
}

/// The encryption of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Encryption {
    /// This project's own, where it serves the plan.
    #[default]
    Own,
    /// SEAL's.
    Seal,
}

/// The part of a request that the server holds.
enum HeldRequest {
    Whole(RequestPart),
    /// One for all plain primes in a layout of many ciphertexts, which take much memory when they are expanded.
    Packed(CompactRequestPart),
}

impl HeldRequest {
    fn evaluate(
        &self,
        server: &Server,
        prime: usize,
        progress: &dyn Progress,
    ) -> Result<(ResponsePart, Vec<LayerStats>), EngineError> {
        match self {
            Self::Whole(part) => server.evaluate_shared(part, prime, progress),
            Self::Packed(part) => server.evaluate_packed(part, prime, progress),
        }
    }
}

/// Encrypts a batch for one plain prime, and expands it as the server does; or for all plain primes.
fn request(
    (client, contexts, own): (&Client, &Contexts, bool),
    (images, prime): (&[Vec<i64>], usize),
    progress: &dyn Progress,
    seconds: &mut Seconds,
) -> Result<HeldRequest, ClassifyError> {
    let (encrypting, expanding) = ("encrypting the images", "expanding the request");
    if own {
        let encrypt = || client.encrypt_compact_part(images, prime, progress);
        let sent = timed(&mut seconds.encrypt, encrypt).map_err(during(encrypting))?;
        if contexts.shared_upload() && contexts.galois_elements().is_empty() {
            return Ok(HeldRequest::Packed(sent));
        }
        let expand = || sent.expand(contexts).map(HeldRequest::Whole);
        timed(&mut seconds.expand, expand).map_err(during(expanding))
    } else {
        let encrypt = || client.encrypt_seeded_part(images, prime, progress);
        let sent = timed(&mut seconds.encrypt, encrypt).map_err(during(encrypting))?;
        let expand = || sent.expand(contexts).map(HeldRequest::Whole);
        timed(&mut seconds.expand, expand).map_err(during(expanding))
    }
}

/// Gives the response to the client in the form in which it is sent, and decrypts it: returns the logits and the noise
/// budget.
fn deliver(
    (client, contexts, compact): (&Client, &Contexts, bool),
    response: &Response,
    images: usize,
    seconds: &mut Seconds,
    bytes: &mut Sizes,
) -> Result<(Vec<Vec<BigInt>>, u32), ClassifyError> {
    let decrypting = "decrypting the logits";
    if !compact {
        bytes.response += response.wire_bytes(contexts)?;
        let decrypt = || client.decrypt_measured(response, images);
        return timed(&mut seconds.decrypt, decrypt).map_err(during(decrypting));
    }
    let compact = timed(&mut seconds.evaluate, || response.compact(contexts))
        .map_err(during("shortening the response"))?;
    bytes.response += compact.wire_bytes(contexts)?;
    timed(&mut seconds.decrypt, || {
        client.decrypt_measured(&compact.expand(contexts)?, images)
    })
    .map_err(during(decrypting))
}

/// Classifies images under encryption by a plan of the network, in as many batches as they need, and compares every
/// decrypted logit with exact clear evaluation. Each image has as many bytes as the network's input has values.
///
/// With `layer_noise`, the first batch is evaluated once more up to each layer, to measure the noise of a few results
/// there.
///
/// Client and server run in one process here, but they share nothing except evaluation keys, requests and responses.
/// These are handed over without being serialised. Requests hold seeds in place of random polynomials, and the server
/// expands them, as it would expand a request from the wire; the sizes are those of such messages.
///
/// # Errors
/// [`ClassifyError`]: no images, an image of the wrong size, or a failure of client or server. A logit that differs
/// from the twin's is not an error; it is counted.
#[expect(clippy::too_many_lines, reason = "one step after the other")]
pub fn classify(
    network: &Network,
    (plan, contexts, encryption): (&Plan, &Contexts, Encryption),
    images: &[&[u8]],
    layer_noise: bool,
    progress: &dyn Progress,
) -> Result<Classified, ClassifyError> {
    if images.is_empty() {
        return Err(ClassifyError::NoImages);
    }
    let (mut seconds, mut bytes) = (Seconds::default(), Sizes::default());
    progress.update("making keys", 0, 1);
    let (client, keys) = timed(&mut seconds.keygen, || {
        let client = Client::new(plan.client_spec(), contexts)?;
        let keys = match encryption {
            Encryption::Own => client.evaluation_keys()?,
            // SEAL's, whose random halves the server expands.
            Encryption::Seal => client.evaluation_keys_seeded()?.expand(contexts)?,
        };
        Ok((client, keys))
    })
    .map_err(during("making keys"))?;
    let sent = UploadSizes::of(contexts)?;
    let own = encryption == Encryption::Own && client.is_compact();
    let compact_keys = sent.compact_keys.filter(|_| own);
    bytes.keys = compact_keys.unwrap_or(sent.evaluation_keys);
    let upload = if own {
        sent.compact_request
    } else {
        sent.request
    };
    progress.update("making keys", 1, 1);
    progress.update("preparing the server", 0, 1);
    let server = timed(&mut seconds.setup, || Server::new(plan, contexts, keys))
        .map_err(during("preparing the server"))?;
    let twin = timed(&mut seconds.twin, || Twin::new(network));
    progress.update("preparing the server", 1, 1);

    let mut run = Classified {
        predictions: Vec::with_capacity(images.len()),
        decrypted: Vec::new(),
        mismatched_images: Vec::new(),
        logits: 0,
        twin_mismatches: 0,
        batches: 0,
        client: if own { "own" } else { "seal" },
        noise_budget_bits: u32::MAX,
        compact_responses: own && contexts.has_compact_responses(),
        seconds,
        batch_seconds: Vec::new(),
        layers: Vec::new(),
        bytes,
        layer_noise: Vec::new(),
    };
    let batches = images.chunks(plan.batch_size().max(1));
    let primes = contexts.contexts().len();
    let shared = contexts.shared_upload();
    let total = batches.len();
    let all_parts = (total * primes) as u64;
    for batch in batches {
        let first = run.predictions.len();
        let within = Batch::new(progress, run.batches, total);
        let quantized = timed(&mut run.seconds.encrypt, || quantize(network, batch, first))?;
        run.bytes.upload += upload;
        let mut parts = Vec::new();
        let evaluated = run.seconds.evaluate;
        // One plaintext modulus after the other, so that only one's ciphertexts are in memory, or those that all share.
        let mut upload = None;
        for prime in 0..primes {
            progress.part((run.batches * primes + prime) as u64, all_parts);
            let of = (&client, contexts, own);
            let request = match upload.take().filter(|_| shared) {
                Some(request) => request,
                None => request(of, (&quantized, prime), &within, &mut run.seconds)?,
            };
            let (response, layers) = timed(&mut run.seconds.evaluate, || {
                request.evaluate(&server, prime, &within)
            })
            .map_err(during("evaluating the network"))?;
            if layer_noise && run.batches == 0 {
                measure_layers(
                    (plan, contexts),
                    &client,
                    (&request, prime),
                    &mut run.layer_noise,
                    progress,
                )?;
            }
            upload = Some(request);
            parts.push(response);
            add_layers(&mut run.layers, layers);
        }
        drop(upload);
        let response =
            Response::from_parts(parts).map_err(during("putting the response together"))?;
        if layer_noise && run.batches == 0 && run.compact_responses {
            let measured = client.noise_budget_bits(&response);
            let measured = measured.map_err(during("measuring the noise of the response"))?;
            run.layer_noise.push(("response".to_owned(), measured));
        }
        let of = (&client, contexts, run.compact_responses);
        let (seconds, bytes) = (&mut run.seconds, &mut run.bytes);
        let (decrypted, budget) = deliver(of, &response, batch.len(), seconds, bytes)?;
        run.noise_budget_bits = run.noise_budget_bits.min(budget);
        run.batch_seconds.push(run.seconds.evaluate - evaluated);

        let expected = timed(&mut run.seconds.twin, || {
            in_the_clear(&twin, &quantized, &within)
        })
        .map_err(|source| ClassifyError::Twin { first, source })?;
        run.compare(first, &decrypted, &expected);
        run.decrypted.extend(decrypted);
        run.batches += 1;
    }
    progress.part(all_parts, all_parts);
    Ok(run)
}

impl Classified {
    /// Compares the decrypted logits of a batch with the twin's. Its first image has index `first` in the run.
    fn compare(&mut self, first: usize, decrypted: &[Vec<BigInt>], expected: &[Vec<BigInt>]) {
        for (index, expected) in expected.iter().enumerate() {
            let actual = decrypted.get(index).map_or(&[][..], Vec::as_slice);
            let differing = mismatches(actual, expected);
            self.logits += expected.len();
            self.twin_mismatches += differing;
            if differing > 0 {
                self.mismatched_images.push(first + index);
            }
            self.predictions.push(argmax(actual));
        }
    }
}

/// Adds the batch's number to the names of the stages, if there are several batches.
struct Batch<'a> {
    progress: &'a dyn Progress,
    label: String,
}

impl<'a> Batch<'a> {
    /// Labels the batch of this number, counted from 0.
    fn new(progress: &'a dyn Progress, number: usize, batches: usize) -> Self {
        let label = match batches {
            1 => String::new(),
            _ => format!("batch {}/{batches}, ", number + 1),
        };
        Self { progress, label }
    }
}

impl Progress for Batch<'_> {
    fn update(&self, stage: &str, done: u64, total: u64) {
        let stage = format!("{}{stage}", self.label);
        self.progress.update(&stage, done, total);
    }
}

/// Computes the twin's logits.
fn in_the_clear(
    twin: &Twin,
    images: &[Vec<i64>],
    progress: &dyn Progress,
) -> Result<Vec<Vec<BigInt>>, InputError> {
    let (done, total) = (AtomicU64::new(0), images.len() as u64);
    progress.update("twin", 0, total);
    twin.logits_batch_observed(images, |finished| {
        let finished = finished as u64;
        let done = done.fetch_add(finished, Ordering::Relaxed) + finished;
        progress.update("twin", done, total);
    })
}

/// Adds the layers' times and operations to the totals.
fn add_layers(totals: &mut Vec<LayerRecord>, layers: Vec<LayerStats>) {
    for (index, layer) in layers.into_iter().enumerate() {
        match totals.get_mut(index) {
            Some(total) => {
                total.seconds += layer.seconds;
                total.ops += layer.ops;
            }
            None => totals.push(LayerRecord {
                name: layer.name,
                seconds: layer.seconds,
                ops: layer.ops,
            }),
        }
    }
}

/// Measures the noise budget of a few results of each layer, and keeps the smallest in `budgets`.
fn measure_layers(
    (plan, contexts): (&Plan, &Contexts),
    client: &Client,
    (request, prime): (&HeldRequest, usize),
    budgets: &mut Vec<(String, u32)>,
    progress: &dyn Progress,
) -> Result<(), ClassifyError> {
    let during = || during("measuring the noise after each layer");
    let total = plan.layers().len() as u64;
    for (index, layer) in plan.layers().iter().enumerate() {
        progress.update("noise of layers", index as u64, total);
        let prefix = plan.prefix(index + 1, MEASURED_RESULTS);
        let keys = client.evaluation_keys().map_err(during())?;
        let server = Server::new(&prefix, contexts, keys).map_err(during())?;
        let (response, _) = request.evaluate(&server, prime, &()).map_err(during())?;
        let bits = client.part_budget_bits(&response).map_err(during())?;
        match budgets.get_mut(index) {
            Some((_, least)) => *least = (*least).min(bits),
            None => budgets.push((layer.name().to_owned(), bits)),
        }
    }
    progress.update("noise of layers", total, total);
    Ok(())
}

fn quantize(
    network: &Network,
    batch: &[&[u8]],
    first: usize,
) -> Result<Vec<Vec<i64>>, ClassifyError> {
    let quantize = |(index, pixels): (usize, &&[u8])| {
        network
            .quantize_image(pixels)
            .map_err(|source| ClassifyError::Image {
                index: first + index,
                source,
            })
    };
    batch.iter().enumerate().map(quantize).collect()
}

/// Counts the logits that differ, are missing or are not expected.
pub(super) fn mismatches(actual: &[BigInt], expected: &[BigInt]) -> usize {
    let equal = actual.iter().zip(expected).filter(|(a, b)| a == b).count();
    actual.len().max(expected.len()) - equal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_spurious_logit_is_a_mismatch() {
        let big = |values: &[i64]| values.iter().copied().map(BigInt::from).collect::<Vec<_>>();
        assert_eq!(mismatches(&big(&[1, -2]), &big(&[1, -2])), 0);
        assert_eq!(mismatches(&big(&[1, 2]), &big(&[1, -2])), 1);
        assert_eq!(mismatches(&big(&[1]), &big(&[1, -2])), 1);
        assert_eq!(mismatches(&[], &big(&[1, -2])), 2);
        assert_eq!(mismatches(&big(&[1, -2, 0]), &big(&[1, -2])), 1);
    }
}
