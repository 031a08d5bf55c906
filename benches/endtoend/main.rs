//! The user's clock, from the bytes of images to classes: `cargo bench --bench endtoend`.
//!
//! Client and server are two processes on this machine, with a TCP connection on the loopback device between them. What
//! travels is bytes. The client's stages follow each other and make up the whole time; the server's lie within them: with
//! own encryption, the server expands what has arrived while the client encrypts the rest.
//!
//! Each row has the times of all stages, of the first request and of those that follow it, medians and quartiles, the
//! sizes of the messages, and the time with a line of a given rate, which is computed: the measured time and the bytes
//! over the rate. Every logit is compared with the twin's. Options, after `--`:
//!
//! | option | |
//! | --- | --- |
//! | `--network models/mnist-t17` | model directories, relative to the checkout's root |
//! | `--bound proven,observed` | bounds that the plaintext modulus must hold, see the benchmark `inference`; default proven |
//! | `--images 1,8192` | numbers of images in a request; default 1,8192 |
//! | `--scheme auto,batched,crops,diagonal,few-uploads,seal` | schemes; default auto: the cheapest for the number of images |
//! | `--client own,seal,pads` | whose encryption the client uses; default own, where it serves the scheme. With `pads`, images are sent in the clear less a pad that was prepared before; both sides keep their pads on the disk, in the system's folder for temporary files. This takes `--images 1` and a scheme with rotations |
//! | `--threads 1,2` | numbers of threads of each process. With 2, client and server share the same two processors; default 1,2 |
//! | `--backend ifma` | instructions of own kernels and own encryption: ifma, avx2 or portable; default the fastest. SEAL's transforms and the packing of residues use what the processor has |
//! | `--repeat N` | number of requests that count, after the first one; default 5 |
//! | `--out FILE` | path of the record; default `target/bench/endtoend.json` |

#[path = "../common/networks.rs"]
mod networks;
mod pads;
#[path = "../common/record.rs"]
mod record;
mod server;
mod stage;

use networks::Bound;
use num_bigint::BigInt;
use record::{Record, default_path};
use sealquant::engine::{Client, ClientSpec, CompactResponse, Contexts, Plan, Response};
use sealquant::experiment::Spread;
use sealquant::kernels::Backend;
use sealquant::network::{Network, Twin, argmax};
use sealquant::params::{BoundRule, Scheme, SelectOptions, select};
use sealquant::wire::{Limits, Message};
use serde::Serialize;
use stage::{Clock, receive, send};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Rates of lines, in bits per second, for which times are computed.
const LINES: [(&str, f64); 3] = [
    ("1 Gbit per second", 1e9),
    ("100 Mbit per second", 1e8),
    ("10 Mbit per second", 1e7),
];

/// The way in which the client sends its images.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// Encrypted by own code, where that serves the scheme.
    Own,
    /// Encrypted by SEAL.
    Seal,
    /// In the clear, less a pad.
    Pads,
}

impl Sender {
    /// Returns the name, if own encryption serves the scheme or not.
    const fn name(self, own: bool) -> &'static str {
        match (self, own) {
            (Self::Pads, _) => "pads",
            (_, true) => "own",
            (_, false) => "seal",
        }
    }
}

/// The measurements to make, and their number.
struct Options {
    networks: Vec<String>,
    bounds: Vec<Bound>,
    images: Vec<usize>,
    schemes: Vec<Option<Scheme>>,
    clients: Vec<Sender>,
    threads: Vec<usize>,
    backend: Backend,
    repeat: usize,
    out: PathBuf,
}

/// The choice that client and server share.
#[derive(Clone)]
struct Setting {
    network: String,
    bound: BoundRule,
    scheme: Option<Scheme>,
    images: usize,
    /// Allows one upload for all plain primes, which takes own encryption.
    shared_upload: bool,
}

impl Setting {
    /// Makes the plan, which both sides agree upon.
    fn plan(&self, network: &Network) -> Result<Plan, Box<dyn Error>> {
        let options = SelectOptions {
            bound: self.bound.clone(),
            scheme: self.scheme,
            images: Some(self.images),
            shared_upload: self.shared_upload,
            ..SelectOptions::default()
        };
        Ok(Plan::new(network, &select(network, &options)?)?)
    }
}

fn scheme(name: &str) -> Result<Option<Scheme>, String> {
    Ok(match name {
        "auto" => None,
        "seal" => Some(Scheme::Stock),
        "batched" => Some(Scheme::Batched),
        "crops" => Some(Scheme::Crops),
        "diagonal" => Some(Scheme::Diagonal),
        "few-uploads" => Some(Scheme::FewUploads),
        other => return Err(format!("no scheme {other}")),
    })
}

fn client(name: &str) -> Result<Sender, String> {
    match name {
        "own" => Ok(Sender::Own),
        "seal" => Ok(Sender::Seal),
        "pads" => Ok(Sender::Pads),
        other => Err(format!("no client {other}")),
    }
}

/// Finds the instructions of this name, if this processor has them.
fn backend(name: &str) -> Result<Backend, String> {
    let mut backends = Backend::available().into_iter();
    let backend = backends.find(|backend| backend.name() == name);
    backend.ok_or_else(|| format!("no backend {name}"))
}

fn list<T, E>(text: &str, item: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, E> {
    text.split(',').map(item).collect()
}

impl Options {
    fn parse(given: &[String]) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            networks: vec!["models/mnist-t17".to_owned()],
            bounds: vec![Bound::Proven],
            images: vec![1, 8192],
            schemes: vec![None],
            clients: vec![Sender::Own],
            threads: vec![1, 2],
            backend: Backend::detect(),
            repeat: 5,
            out: default_path("endtoend"),
        };
        let mut arguments = given.iter();
        while let Some(name) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{name} needs a value"))
            };
            match name.as_str() {
                "--network" => options.networks = value()?.split(',').map(str::to_owned).collect(),
                "--bound" => options.bounds = list(value()?, str::parse)?,
                "--images" => options.images = list(value()?, str::parse)?,
                "--scheme" => options.schemes = list(value()?, scheme)?,
                "--client" => options.clients = list(value()?, client)?,
                "--threads" => options.threads = list(value()?, str::parse)?,
                "--backend" => options.backend = backend(value()?)?,
                "--repeat" => options.repeat = value()?.parse::<usize>()?.max(1),
                "--out" => options.out = value()?.into(),
                // Passed by cargo.
                "--bench" => {}
                other => return Err(format!("no option {other}").into()),
            }
        }
        Ok(options)
    }
}

/// The logits of each image.
type Logits = Vec<Vec<BigInt>>;

/// Milliseconds of each stage.
type Stages = BTreeMap<String, f64>;

/// A network with one scheme, number of images and number of threads. Times are milliseconds.
#[derive(Debug, Serialize)]
struct Row {
    network: String,
    /// The bound on the logits that t holds: `proven` or `observed`.
    bound: &'static str,
    kernels: &'static str,
    /// The client's encryption, `own` or `seal`, or `pads`.
    client: &'static str,
    /// Instructions of own kernels and own encryption.
    instructions: &'static str,
    layout: &'static str,
    images: usize,
    threads: usize,
    poly_modulus_degree: usize,
    coeff_modulus_bits: Vec<u32>,
    plain_moduli: Vec<u64>,
    /// Once for a client: keys, their way, and what the server makes of them.
    setup: Stages,
    /// From the first image's bytes to its class, in the first request.
    first: f64,
    first_stages: Stages,
    /// The same in the requests that follow.
    warm: Spread,
    stages: BTreeMap<String, Spread>,
    requests: usize,
    keys_bytes: usize,
    upload_bytes: usize,
    response_bytes: usize,
    /// The warm time with a line of this rate, without keys.
    on_lines: BTreeMap<&'static str, f64>,
    /// The cost of a pad beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    beforehand: Option<pads::Beforehand>,
}

impl Row {
    fn print(&self) {
        let stages = |stages: &mut dyn Iterator<Item = (&String, f64)>| {
            let stages = stages.map(|(name, ms)| format!("{name} {ms:.1}"));
            stages.collect::<Vec<_>>().join(", ")
        };
        println!(
            "{}, {} bound, {} kernels, {} encryption, {} layout, {} images, {} threads: {:.1} ms ({:.1}..{:.1}; first {:.1})",
            self.network,
            self.bound,
            self.kernels,
            self.client,
            self.layout,
            self.images,
            self.threads,
            self.warm.median,
            self.warm.lower,
            self.warm.upper,
            self.first
        );
        let warm = self
            .stages
            .iter()
            .map(|(name, spread)| (name, spread.median));
        println!("  {}", stages(&mut warm.into_iter()));
        let setup = self.setup.iter().map(|(name, ms)| (name, *ms));
        println!("  set-up: {}", stages(&mut setup.into_iter()));
        println!(
            "  up {} bytes, down {}, keys {}; {:.1?}",
            self.upload_bytes, self.response_bytes, self.keys_bytes, self.on_lines
        );
        if let Some(pads) = &self.beforehand {
            pads.print();
        }
    }
}

/// The server's process, which ends with this value.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the server's process and connects to it.
fn start(
    setting: &Setting,
    threads: usize,
    backend: Backend,
) -> Result<(Served, TcpStream), Box<dyn Error>> {
    let magnitude = match &setting.bound {
        BoundRule::Proven => "proven".to_owned(),
        BoundRule::Observed { magnitude, .. } => magnitude.to_string(),
    };
    let scheme = match setting.scheme {
        None => "auto",
        Some(Scheme::Stock) => "seal",
        Some(scheme) => scheme.layout(),
    };
    let mut served = Command::new(std::env::current_exe()?)
        .args(["--serve", &setting.network, &magnitude, scheme])
        .args([setting.images.to_string(), threads.to_string()])
        .args([backend.name(), &setting.shared_upload.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .map(Served)?;
    let printed = served.0.stdout.take().ok_or("no output of the server")?;
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(printed), &mut line)?;
    let connection = TcpStream::connect(("127.0.0.1", line.trim().parse::<u16>()?))?;
    connection.set_nodelay(true)?;
    Ok((served, connection))
}

/// One request: its stages, its sizes up and down, and the time from bytes to classes.
struct Request {
    stages: Stages,
    bytes: [usize; 2],
    milliseconds: f64,
}

/// A client: its keys and its connection to the server.
struct Party<'a> {
    network: &'a Network,
    contexts: Contexts,
    client: Client,
    /// True for the client's own encryption.
    compact: bool,
    /// The client's pads, if it sends images with them.
    pads: Option<pads::Secrets>,
    connection: TcpStream,
}

impl Party<'_> {
    /// Has so many pads prepared, with which images are sent from then on.
    fn make_pads(
        &mut self,
        spec: &ClientSpec,
        count: usize,
    ) -> Result<pads::Beforehand, Box<dyn Error>> {
        let secrets = pads::Secrets::new(spec)?;
        let beforehand = secrets.fill(self, count)?;
        self.pads = Some(secrets);
        Ok(beforehand)
    }

    /// Has images classified; returns their logits, too.
    fn classify(&mut self, images: &[Vec<u8>]) -> Result<(Request, Logits), Box<dyn Error>> {
        let mut clock = Clock::start("client: ");
        let pixels = images.iter();
        let quantized = pixels
            .map(|image| self.network.quantize_image(image))
            .collect::<Result<Vec<_>, _>>()?;
        clock.lap("quantise");
        let sent = if let Some(pads) = &self.pads {
            let image = quantized.first().ok_or("no image")?;
            let secret = pads.store.take()?;
            clock.lap("take pad");
            let masked = self.client.mask_image(secret, image)?;
            let message = masked.to_wire(&self.contexts)?;
            clock.lap("mask, write");
            self.connection.write_all(&server::MASKED)?;
            send(&mut self.connection, &message)?;
            message.len() as u64
        } else if self.compact {
            self.connection.write_all(&server::COMPACT)?;
            let (client, contexts) = (&self.client, &self.contexts);
            client.send_compact(contexts, &quantized, &(), &mut self.connection)?
        } else {
            let sent = self.client.encrypt_seeded(&quantized, &())?;
            clock.lap("encrypt");
            let message = sent.to_wire(&self.contexts)?;
            clock.lap("write");
            self.connection.write_all(&server::SEEDED)?;
            send(&mut self.connection, &message)?;
            message.len() as u64
        };
        clock.lap(if self.compact && self.pads.is_none() {
            "encrypt, send"
        } else {
            "send"
        });
        let returned = receive(&mut self.connection)?;
        let of_server: Stages = serde_json::from_slice(&receive(&mut self.connection)?)?;
        clock.lap("wait");
        let (contexts, limits) = (&self.contexts, Limits::default());
        let response = if self.compact && contexts.has_compact_responses() {
            CompactResponse::from_wire(contexts, &returned, &limits)?.expand(contexts)?
        } else {
            Response::from_wire(contexts, &returned, &limits)?
        };
        clock.lap("read");
        let logits = self.client.decrypt(&response, images.len())?;
        let classes: Vec<usize> = logits.iter().map(|logits| argmax(logits)).collect();
        clock.lap("decrypt");
        std::hint::black_box(classes);
        let (mut stages, milliseconds) = clock.stages();
        stages.extend(of_server);
        let request = Request {
            stages,
            bytes: [usize::try_from(sent)?, returned.len()],
            milliseconds,
        };
        Ok((request, logits))
    }
}

/// Measures one setting on a number of threads.
fn measure(
    setting: &Setting,
    network: &Network,
    (sender, threads): (Sender, usize),
    backend: Backend,
    repeat: usize,
) -> Result<Row, Box<dyn Error>> {
    let plan = setting.plan(network)?;
    let images = networks::image_bytes(&setting.network, setting.images.min(plan.batch_size()))?;
    let (_served, mut connection) = start(setting, threads, backend)?;
    let spec = plan.client_spec();

    let mut clock = Clock::start("client: ");
    let contexts = Contexts::new(spec)?;
    clock.lap("contexts");
    let client = Client::new(spec, &contexts)?.with_backend(backend);
    let own = sender != Sender::Seal && client.is_compact();
    let keys = if own {
        let keys = client.compact_keys()?;
        clock.lap("make keys");
        keys.to_wire(&contexts)?
    } else {
        let keys = client.evaluation_keys_seeded()?;
        clock.lap("make keys");
        keys.to_wire(&contexts)?
    };
    clock.lap("write keys");
    connection.write_all(if own {
        &server::COMPACT
    } else {
        &server::SEEDED
    })?;
    send(&mut connection, &keys)?;
    let of_server: Stages = serde_json::from_slice(&receive(&mut connection)?)?;
    let (mut setup, _) = clock.stages();
    setup.extend(of_server);

    let mut party = Party {
        network,
        contexts,
        compact: own,
        pads: None,
        client,
        connection,
    };
    let compact = party.compact;
    // A pad for each request, the first one included.
    let beforehand = match sender {
        Sender::Pads => Some(party.make_pads(spec, repeat + 1)?),
        Sender::Own | Sender::Seal => None,
    };
    let twin = Twin::new(network);
    let quantized = images.iter();
    let quantized = quantized.map(|image| network.quantize_image(image));
    let expected = twin.logits_batch(&quantized.collect::<Result<Vec<_>, _>>()?)?;
    let mut requests = Vec::with_capacity(repeat + 1);
    for _ in 0..=repeat {
        let (request, logits) = party.classify(&images)?;
        if logits != expected {
            return Err("the logits differ from the twin's".into());
        }
        requests.push(request);
    }
    let first = requests.remove(0);
    let of_stage = |name: &String| {
        let times = requests
            .iter()
            .filter_map(|request| request.stages.get(name));
        Spread::of(times.copied().collect())
    };
    let warm = Spread::of(
        requests
            .iter()
            .map(|request| request.milliseconds)
            .collect(),
    );
    let [upload_bytes, response_bytes] = first.bytes;
    let bits = 8.0 * (upload_bytes + response_bytes) as f64;
    let parameters = plan.parameters();
    Ok(Row {
        network: network.name().to_owned(),
        bound: setting.bound.name(),
        kernels: parameters.scheme().kernels(),
        client: sender.name(compact),
        instructions: backend.name(),
        layout: parameters.scheme().layout(),
        images: images.len(),
        threads,
        poly_modulus_degree: parameters.poly_modulus_degree(),
        coeff_modulus_bits: parameters.coeff_modulus_bits(),
        plain_moduli: parameters.plain_moduli().to_vec(),
        setup,
        first: first.milliseconds,
        stages: first
            .stages
            .keys()
            .map(|name| (name.clone(), of_stage(name)))
            .collect(),
        first_stages: first.stages,
        on_lines: LINES
            .map(|(name, rate)| (name, warm.median + bits / rate * 1e3))
            .into(),
        warm,
        requests: repeat,
        keys_bytes: keys.len(),
        upload_bytes,
        response_bytes,
        beforehand,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, of_server @ ..] = given.as_slice()
        && flag == "--serve"
    {
        return server::serve(of_server);
    }
    let options = Options::parse(&given)?;
    sealquant::experiment::check_record_path(&options.out)?;
    let mut rows = Vec::new();
    for name in &options.networks {
        let (network, _) = networks::network(name, 100)?;
        for &bound in &options.bounds {
            let bound = networks::bound(name, &network, bound, 0)?;
            for &images in &options.images {
                for &scheme in &options.schemes {
                    let setting = Setting {
                        network: name.clone(),
                        bound: bound.clone(),
                        scheme,
                        images,
                        shared_upload: true,
                    };
                    for (sender, threads) in options.clients.iter().flat_map(|&sender| {
                        options
                            .threads
                            .iter()
                            .map(move |&threads| (sender, threads))
                    }) {
                        let pool = rayon::ThreadPoolBuilder::new()
                            .num_threads(threads)
                            .build()?;
                        let setting = Setting {
                            shared_upload: sender != Sender::Seal,
                            ..setting.clone()
                        };
                        // Errors without Send cannot leave the pool.
                        let measured = pool.install(|| {
                            measure(
                                &setting,
                                &network,
                                (sender, threads),
                                options.backend,
                                options.repeat,
                            )
                            .map_err(|error| error.to_string())
                        });
                        let row = measured?;
                        row.print();
                        rows.push(row);
                    }
                }
            }
        }
    }
    Record::new(given, rows).write(&options.out)
}
