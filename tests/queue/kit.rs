//! A client of a deployment, and services and workers as processes of their own.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use num_bigint::BigInt;
use sealquant::{
    deploy::{Deployment, SERVER_FOLDER, read_response},
    engine::{Client, Contexts},
    network::{Network, NetworkBuilder, Shape, Twin, random_images},
    params::{Scheme, SelectOptions, select},
    service::{Answer, Remote, RemoteError, RemoteOptions},
    wire::{Limits, Message as _},
};

/// A small network, whose diagonal layout needs keys.
pub fn small(bias: i64) -> Network {
    NetworkBuilder::new("small", Shape::vector(3))
        .uniform_bits(2)
        .linear(2, [2, -1, 0, -1, 1, 3])
        .bias([1, bias])
        .square()
        .linear(2, [1, -1, 0, 1])
        .bias([0, -1])
        .square()
        .linear(2, [1, -2, 0, 1])
        .bias([0, -4])
        .build()
        .unwrap()
}

/// A client, with its deployment in a folder.
pub struct Party {
    pub folder: tempfile::TempDir,
    pub deployment: Deployment,
    contexts: Contexts,
    client: Client,
    pub keys: Option<Vec<u8>>,
    pub requests: Vec<Vec<u8>>,
    logits: Vec<Vec<BigInt>>,
}

impl Party {
    /// Encrypts so many images for a network.
    pub fn new(network: Network, scheme: Scheme, images: usize) -> Self {
        let options = SelectOptions {
            scheme: Some(scheme),
            images: Some(1),
            ..SelectOptions::default()
        };
        let images = random_images(3, &network, images);
        let logits = Twin::new(&network).logits_batch(&images).unwrap();
        let parameters = select(&network, &options).unwrap();
        let deployment = Deployment::new(network, parameters, Vec::new());
        let folder = tempfile::tempdir().unwrap();
        deployment.save(folder.path()).unwrap();
        let plan = deployment.plan().unwrap();
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        let keys = contexts
            .needs_keys()
            .then(|| client.compact_keys().unwrap().to_wire(&contexts).unwrap());
        let requests = images.iter().map(|image| {
            let mut request = Vec::new();
            let images = std::slice::from_ref(image);
            client
                .send_compact(&contexts, images, &(), &mut request)
                .unwrap();
            request
        });
        Self {
            requests: requests.collect(),
            folder,
            deployment,
            contexts,
            client,
            keys,
            logits,
        }
    }

    pub fn server(&self) -> PathBuf {
        self.folder.path().join(SERVER_FOLDER)
    }

    /// Sends a request; the response must equal the clear in every logit. Returns the size of the keys that were uploaded.
    pub fn call(&self, remote: &Remote, at: usize) -> u64 {
        let answer = self.ask(remote, &self.requests[at]).unwrap();
        let response = read_response(&self.contexts, &answer.response, &Limits::default()).unwrap();
        let logits = self.client.decrypt(&response, 1).unwrap();
        assert_eq!(logits[0], self.logits[at], "image {at}");
        answer.key_bytes
    }

    pub fn ask(&self, remote: &Remote, request: &[u8]) -> Result<Answer, RemoteError> {
        let id = self.deployment.id();
        remote.evaluate(id, self.keys.as_deref(), request, 1 << 30)
    }
}

/// A process of the program, whose log goes to a file.
pub struct Program {
    child: Child,
    /// The first line of standard output.
    pub said: String,
    log: PathBuf,
}

impl Program {
    /// Starts a service or a worker; it is ready when it has said a line.
    pub fn start(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_sealquant"));
        Self::start_as(program, folder, name, arguments)
    }

    fn start_as(mut command: Command, folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let log = folder.join(name);
        let mut child = command
            .args(arguments)
            .env("RUST_LOG", "sealquant=debug")
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut said).unwrap();
        let program = Self { child, said, log };
        assert!(!program.said.is_empty(), "{}", program.log());
        program
    }

    /// Starts a service with a queue.
    pub fn serve(folder: &Path, queue: &str, parties: &[&Party], more: &[&str]) -> Self {
        let queue = [&["--queue", queue], more].concat();
        let program = Command::new(env!("CARGO_BIN_EXE_sealquant"));
        Self::serve_as(program, folder, parties, &queue)
    }

    /// Starts a service that evaluates by itself, with a folder for keys, and with so many files that it may open.
    pub fn serve_alone(folder: &Path, keys: &Path, parties: &[&Party], files: u32) -> Self {
        let mut program = Command::new("sh");
        program.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]);
        program.arg(env!("CARGO_BIN_EXE_sealquant"));
        let more = ["--key-store", keys.to_str().unwrap(), "--stall", "2"];
        Self::serve_as(program, folder, parties, &more)
    }

    fn serve_as(program: Command, folder: &Path, parties: &[&Party], more: &[&str]) -> Self {
        let servers: Vec<PathBuf> = parties.iter().map(|party| party.server()).collect();
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
        for server in &servers {
            arguments.extend(["--deployment", server.to_str().unwrap()]);
        }
        Self::start_as(program, folder, "service", &[&arguments, more].concat())
    }

    pub fn worker(folder: &Path, name: &str, queue: &str, party: &Party, more: &[&str]) -> Self {
        let server = party.server();
        let server = server.to_str().unwrap();
        let arguments = ["worker", "--queue", queue, "--deployment", server];
        Self::start(folder, name, &[&arguments, more].concat())
    }

    pub fn remote(&self, patience: Duration) -> Remote {
        let options = RemoteOptions {
            patience,
            ..RemoteOptions::default()
        };
        Remote::new(self.address(), options).unwrap()
    }

    /// Returns where a service serves.
    pub fn address(&self) -> &str {
        self.said.trim().trim_start_matches("serving at ")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log holds a text.
    pub fn wait_for(&self, text: &str) {
        wait(|| self.log().contains(text), text);
    }

    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status();
        assert!(status.unwrap().success());
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops the process as systems do.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until something holds, for at most a minute.
pub fn wait(holds: impl Fn() -> bool, what: &str) {
    let end = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < end, "waited too long for: {what}");
        sleep(Duration::from_millis(50));
    }
}

/// Returns the numbers of jobs, requests and responses that NATS holds, and of jobs that workers have.
pub fn held(url: &str) -> [u64; 4] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        let context = async_nats::jetstream::new(client);
        let mut jobs = context.get_stream("sealquant-jobs").await.unwrap();
        let state = jobs.info().await.unwrap().state.clone();
        let mut taken = 0;
        let mut consumers = jobs.consumers();
        while let Some(consumer) = futures_util::StreamExt::next(&mut consumers).await {
            taken += consumer.unwrap().num_ack_pending as u64;
        }
        let mut held = [state.messages, 0, 0, taken];
        for (at, bucket) in ["sealquant-requests", "sealquant-responses"]
            .into_iter()
            .enumerate()
        {
            let bucket = context.get_object_store(bucket).await.unwrap();
            let objects = bucket.list().await.unwrap();
            held[at + 1] = futures_util::StreamExt::count(objects).await as u64;
        }
        held
    })
}
