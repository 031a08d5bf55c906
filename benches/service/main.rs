//! The service under load: `cargo bench --bench service`.
//!
//! The service is a process of its own; clients call it over HTTP on the loopback device. Four measurements, each of whose
//! responses equals the twin in every logit:
//!
//! - one request after another, over HTTP and in this process, in turns: what HTTP adds;
//! - many requests from many connections: the times of the client's calls;
//! - the same while others send hostile bodies: mutated, cut off, too long, without end, to other deployments;
//! - the largest memory of the service's process after each of them.
//!
//! Options, after `--`:
//!
//! | option | |
//! | --- | --- |
//! | `--network models/mnist-t17` | a model directory, relative to the checkout's root |
//! | `--bound observed` | the bound that the plaintext modulus must hold, see the benchmark `inference`; default observed |
//! | `--rounds N` | requests one after another; default 100 |
//! | `--requests N` | requests under load; default 1000 |
//! | `--connections N` | connections under load; default 16 |
//! | `--hostile N` | hostile bodies; default 10000 |
//! | `--out FILE` | path of the record; default `target/bench/service.json` |

mod hostile;
#[path = "../common/networks.rs"]
mod networks;
#[path = "../common/record.rs"]
mod record;

use networks::Bound;
use num_bigint::BigInt;
use record::{Record, default_path};
use sealquant::deploy::{Deployment, SERVER_FOLDER, read_response, write_response};
use sealquant::engine::{Client, CompactKeys, Contexts, Request, Server};
use sealquant::experiment::Spread;
use sealquant::network::{Twin, random_images};
use sealquant::params::{SelectOptions, select};
use sealquant::service::{Remote, RemoteOptions, Service, ServiceLimits, ServiceOptions};
use sealquant::wire::{Limits, Message as _};
use serde::Serialize;
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Number of different images.
const IMAGES: usize = 20;
/// The variable with which this program is told to be the service, for the folder that it names.
const SERVE: &str = "SEALQUANT_BENCH_SERVE";

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Options {
    network: String,
    bound: Bound,
    rounds: usize,
    requests: usize,
    connections: usize,
    hostile: usize,
    out: PathBuf,
}

impl Options {
    fn parse(given: &[String]) -> Outcome<Self> {
        let mut options = Self {
            network: "models/mnist-t17".to_owned(),
            bound: Bound::Observed,
            rounds: 100,
            requests: 1000,
            connections: 16,
            hostile: 10_000,
            out: default_path("service"),
        };
        let mut arguments = given.iter();
        while let Some(name) = arguments.next() {
            if name == "--bench" {
                continue;
            }
            let value = arguments.next().ok_or(format!("{name} needs a value"))?;
            match name.as_str() {
                "--network" => options.network.clone_from(value),
                "--bound" => options.bound = value.parse()?,
                "--rounds" => options.rounds = value.parse()?,
                "--requests" => options.requests = value.parse()?,
                "--connections" => options.connections = value.parse()?,
                "--hostile" => options.hostile = value.parse()?,
                "--out" => options.out = value.into(),
                other => return Err(format!("no option {other}").into()),
            }
        }
        Ok(options)
    }
}

/// A measurement.
#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    network: String,
    requests: usize,
    connections: usize,
    /// Milliseconds of a call as the client sees it, without encryption and decryption.
    milliseconds: Spread,
    p95: f64,
    p99: f64,
    requests_per_second: f64,
    /// Hostile bodies that were refused meanwhile.
    hostile: usize,
    /// Logits that differ from the twin's.
    mismatches: usize,
    /// Largest memory of the service's process so far, in bytes.
    service_memory_bytes: Option<u64>,
}

/// The client's side: requests that are encrypted already, and what their logits must be.
struct Party {
    deployment: Deployment,
    contexts: Contexts,
    client: Client,
    keys: Vec<u8>,
    requests: Vec<Vec<u8>>,
    logits: Vec<Vec<BigInt>>,
}

impl Party {
    fn new(options: &Options) -> Outcome<Self> {
        let load = || -> Result<_, Box<dyn Error>> {
            let (network, _) = networks::network(&options.network, 20)?;
            let bound = networks::bound(&options.network, &network, options.bound, IMAGES)?;
            Ok((network, bound))
        };
        let (network, bound) = load().map_err(|error| error.to_string())?;
        let images = random_images(7, &network, IMAGES);
        let logits = Twin::new(&network).logits_batch(&images)?;
        let select_options = SelectOptions {
            bound,
            images: Some(1),
            ..SelectOptions::default()
        };
        let parameters = select(&network, &select_options)?;
        let deployment = Deployment::new(network, parameters, Vec::new());
        let plan = deployment.plan()?;
        let contexts = Contexts::new(plan.client_spec())?;
        let client = Client::new(plan.client_spec(), &contexts)?;
        let keys = client.compact_keys()?.to_wire(&contexts)?;
        let requests = images.iter().map(|image| {
            let mut request = Vec::new();
            client.send_compact(&contexts, std::slice::from_ref(image), &(), &mut request)?;
            Ok(request)
        });
        Ok(Self {
            requests: requests.collect::<Outcome<_>>()?,
            deployment,
            contexts,
            client,
            keys,
            logits,
        })
    }

    fn call(&self, remote: &Remote, at: usize) -> Outcome<Vec<u8>> {
        let answer = remote.evaluate(
            self.deployment.id(),
            Some(&self.keys),
            &self.requests[at],
            1 << 30,
        )?;
        Ok(answer.response)
    }

    /// Returns the number of logits of a response that differ from the twin's.
    fn mismatches(&self, response: &[u8], at: usize) -> Outcome<usize> {
        let response = read_response(&self.contexts, response, &Limits::default())?;
        let logits = self.client.decrypt(&response, 1)?;
        let expected = self.logits[at]
            .iter()
            .map(Some)
            .chain(std::iter::repeat(None));
        Ok(logits[0]
            .iter()
            .zip(expected)
            .filter(|(a, b)| Some(*a) != *b)
            .count())
    }
}

/// The process of the service.
struct ServiceProcess {
    child: Child,
    address: String,
}

impl ServiceProcess {
    fn start(folder: &Path) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(SERVE, folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let output = child.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self {
            child,
            address: address.trim().to_owned(),
        })
    }

    /// Returns the largest memory of the process, if the system tells it (Linux does).
    fn memory(&self) -> Option<u64> {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
        let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(1024 * kibibytes)
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the deployment in a folder, as a process of its own.
fn serve(folder: &Path) -> Outcome<()> {
    let options = ServiceOptions {
        key_store: folder.join("store").display().to_string(),
        tokens: None,
        queue: None,
        tls: None,
        limits: ServiceLimits::default(),
    };
    let service = Service::new(&[folder.join(SERVER_FOLDER)], &options)?;
    service.run("127.0.0.1:0".parse()?, |address| {
        println!("http://{address}");
    })?;
    Ok(())
}

fn row(what: &'static str, options: &Options, mut times: Vec<f64>, seconds: f64) -> Row {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get((part * times.len() as f64) as usize).copied();
    Row {
        what,
        network: options.network.clone(),
        requests: times.len(),
        connections: 1,
        p95: at(0.95).unwrap_or_default(),
        p99: at(0.99).unwrap_or_default(),
        requests_per_second: times.len() as f64 / seconds,
        milliseconds: Spread::of(times),
        hostile: 0,
        mismatches: 0,
        service_memory_bytes: None,
    }
}

/// Measures calls one after another: over HTTP, and the same work in this process.
fn in_turns(options: &Options, party: &Party, process: &ServiceProcess) -> Outcome<Vec<Row>> {
    let remote = Remote::new(&process.address, RemoteOptions::default())?;
    let plan = party.deployment.plan()?;
    let limits = Limits::default();
    let keys = CompactKeys::from_wire(&party.contexts, &party.keys, &limits)?;
    let server = Server::new(&plan, &party.contexts, keys.into_keys(&party.contexts))?;
    let mut request = Request::default();
    let (mut http, mut here, mut mismatches) = (Vec::new(), Vec::new(), [0, 0]);
    for round in 0..=options.rounds {
        let at = round % IMAGES;
        let start = Instant::now();
        let response = party.call(&remote, at)?;
        let over_http = start.elapsed();
        mismatches[0] += party.mismatches(&response, at)?;

        let start = Instant::now();
        request.read_compact(&party.contexts, party.requests[at].as_slice(), &limits)?;
        let evaluation = server.evaluate(&request, &())?;
        let response = write_response(&party.contexts, &evaluation.response)?;
        let in_process = start.elapsed();
        mismatches[1] += party.mismatches(&response, at)?;
        // The first round uploads keys and fills caches.
        if round > 0 {
            http.push(over_http.as_secs_f64() * 1e3);
            here.push(in_process.as_secs_f64() * 1e3);
        }
    }
    let rows = [
        ("one after another, in process", here),
        ("one after another, over HTTP", http),
    ];
    let rows = rows.into_iter().zip([mismatches[1], mismatches[0]]);
    Ok(rows
        .map(|((what, times), mismatches)| {
            let seconds = times.iter().sum::<f64>() / 1e3;
            Row {
                mismatches,
                service_memory_bytes: process.memory(),
                ..row(what, options, times, seconds)
            }
        })
        .collect())
}

/// Measures requests from many connections, while so many hostile bodies arrive.
fn under_load(
    what: &'static str,
    options: &Options,
    (party, process): (&Party, &ServiceProcess),
    hostile: usize,
) -> Outcome<Row> {
    let next = AtomicUsize::new(0);
    let attacked = AtomicBool::new(hostile == 0);
    let answers = Mutex::new(Vec::new());
    let start = Instant::now();
    let mut seconds = 0.0;
    let refused = std::thread::scope(|scope| {
        let enemy = scope.spawn(|| {
            let refused = hostile::send(process, party, hostile);
            attacked.store(true, Ordering::Relaxed);
            refused
        });
        let clients: Vec<_> = (0..options.connections)
            .map(|_| {
                scope.spawn(|| -> Outcome<()> {
                    let remote = Remote::new(&process.address, RemoteOptions::default())?;
                    loop {
                        let request = next.fetch_add(1, Ordering::Relaxed);
                        if request >= options.requests && attacked.load(Ordering::Relaxed) {
                            return Ok(());
                        }
                        let begin = Instant::now();
                        let response = party.call(&remote, request % IMAGES)?;
                        let time = begin.elapsed().as_secs_f64() * 1e3;
                        let mut answers = answers.lock().map_err(|_| "a client failed")?;
                        answers.push((request % IMAGES, time, response));
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().map_err(|_| "a client failed")??;
        }
        seconds = start.elapsed().as_secs_f64();
        enemy.join().map_err(|_| "a hostile sender failed")?
    })?;
    let answers = answers.into_inner().map_err(|_| "a client failed")?;
    let mut mismatches = 0;
    for (at, _, response) in &answers {
        mismatches += party.mismatches(response, *at)?;
    }
    let times = answers.iter().map(|(_, time, _)| *time).collect();
    Ok(Row {
        connections: options.connections,
        hostile: refused,
        mismatches,
        service_memory_bytes: process.memory(),
        ..row(what, options, times, seconds)
    })
}

fn main() -> Outcome<()> {
    if let Some(folder) = std::env::var_os(SERVE) {
        return serve(Path::new(&folder));
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = Options::parse(&arguments)?;
    let party = Party::new(&options)?;
    let folder = tempfile::tempdir()?;
    party.deployment.save(folder.path())?;
    let process = ServiceProcess::start(folder.path())?;
    let mut rows = in_turns(&options, &party, &process)?;
    let both = (&party, &process);
    rows.push(under_load("under load", &options, both, 0)?);
    rows.push(under_load(
        "under load and attack",
        &options,
        both,
        options.hostile,
    )?);
    for row in &rows {
        let Spread {
            lower,
            median,
            upper,
        } = row.milliseconds;
        println!(
            "{}: {} requests, {} connections: {median:.2} ms ({lower:.2}..{upper:.2}), p95 {:.2}, p99 {:.2}, {:.1} a second; \
             {} hostile bodies refused; {} mismatches; service at most {:.0} MB",
            row.what,
            row.requests,
            row.connections,
            row.p95,
            row.p99,
            row.requests_per_second,
            row.hostile,
            row.mismatches,
            row.service_memory_bytes.unwrap_or(0) as f64 / 1e6,
        );
    }
    let wrong: usize = rows.iter().map(|row| row.mismatches).sum();
    let record = Record::new(arguments, rows).write(&options.out);
    record.map_err(|error| error.to_string())?;
    if wrong > 0 {
        return Err(format!("{wrong} logits differ from the twin's").into());
    }
    Ok(())
}
