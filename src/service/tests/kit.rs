//! A service on a free port of this machine, and calls to it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::mpsc,
    thread::JoinHandle,
    time::Duration,
};

use num_bigint::BigInt;

use crate::{
    deploy::{Deployment, DeploymentId, read_response},
    engine::{Client, Contexts, Plan},
    network::{NetworkBuilder, Shape, Twin},
    params::{Scheme, SelectOptions, select},
    service::{
        Remote, RemoteOptions, Service, ServiceError, ServiceLimits, ServiceOptions, StopHandle,
    },
    wire::{Limits, Message as _},
};

/// Makes a small network for a layout.
pub(super) fn deployment(scheme: Scheme) -> Deployment {
    chosen(&SelectOptions {
        scheme: Some(scheme),
        images: Some(1),
        ..SelectOptions::default()
    })
}

/// Makes a small network with the parameters that these options give.
pub(super) fn chosen(options: &SelectOptions) -> Deployment {
    let network = NetworkBuilder::new("small", Shape::vector(3))
        .uniform_bits(2)
        .linear(2, [2, -1, 0, -1, 1, 3])
        .bias([1, 0])
        .square()
        .linear(2, [1, -1, 0, 1])
        .bias([0, -1])
        .square()
        .linear(2, [1, -2, 0, 1])
        .bias([0, -4])
        .build()
        .unwrap();
    let parameters = select(&network, options).unwrap();
    Deployment::new(network, parameters, vec!["no".to_owned(), "yes".to_owned()])
}

/// A client of a deployment, with its keys as they travel.
pub(super) struct Party {
    pub deployment: Deployment,
    pub plan: Plan,
    pub contexts: Contexts,
    pub client: Client,
    pub keys: Option<Vec<u8>>,
}

impl Party {
    pub fn new(scheme: Scheme) -> Self {
        Self::of(deployment(scheme))
    }

    pub fn of(deployment: Deployment) -> Self {
        let plan = deployment.plan().unwrap();
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        let keys = contexts
            .needs_keys()
            .then(|| client.compact_keys().unwrap().to_wire(&contexts).unwrap());
        Self {
            deployment,
            plan,
            contexts,
            client,
            keys,
        }
    }

    pub fn id(&self) -> DeploymentId {
        self.deployment.id()
    }

    pub fn request(&self, images: &[Vec<i64>]) -> Vec<u8> {
        let mut request = Vec::new();
        self.client
            .send_compact(&self.contexts, images, &(), &mut request)
            .unwrap();
        request
    }

    pub fn decrypt(&self, response: &[u8], images: usize) -> Vec<Vec<BigInt>> {
        let response = read_response(&self.contexts, response, &Limits::default()).unwrap();
        self.client.decrypt(&response, images).unwrap()
    }

    /// Sends images and compares every logit with exact evaluation; returns the size of the keys that were uploaded.
    pub fn classify(&self, remote: &Remote, images: &[Vec<i64>]) -> u64 {
        let request = self.request(images);
        let answer = remote
            .evaluate(self.id(), self.keys.as_deref(), &request, 1 << 20)
            .unwrap();
        let twin = Twin::new(self.deployment.network());
        assert_eq!(
            self.decrypt(&answer.response, images.len()),
            twin.logits_batch(images).unwrap()
        );
        assert!(answer.timing.contains("evaluate;dur="), "{}", answer.timing);
        answer.key_bytes
    }
}

/// A service that runs.
pub(super) struct Running {
    pub address: SocketAddr,
    pub scheme: &'static str,
    stop: StopHandle,
    thread: Option<JoinHandle<Result<(), ServiceError>>>,
    pub folder: tempfile::TempDir,
}

impl Running {
    pub fn new(deployments: &[&Deployment], limits: ServiceLimits) -> Self {
        Self::start(deployments, tempfile::tempdir().unwrap(), |options| {
            options.limits = limits;
        })
    }

    /// Starts a service in a folder, in which an earlier one may have run.
    pub fn start(
        deployments: &[&Deployment],
        folder: tempfile::TempDir,
        change: impl FnOnce(&mut ServiceOptions),
    ) -> Self {
        let folders: Vec<PathBuf> = deployments
            .iter()
            .map(|deployment| {
                let at = folder.path().join(deployment.id().to_string());
                deployment.save(&at).unwrap();
                at.join(crate::deploy::SERVER_FOLDER)
            })
            .collect();
        let mut options = ServiceOptions {
            key_store: store(folder.path()).to_str().unwrap().to_owned(),
            tokens: None,
            queue: None,
            tls: None,
            limits: ServiceLimits::default(),
        };
        change(&mut options);
        let scheme = if options.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let service = Service::new(&folders, &options).unwrap();
        let stop = service.stop_handle();
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            service.run("127.0.0.1:0".parse().unwrap(), |address| {
                send.send(address).unwrap();
            })
        });
        Self {
            address: receive.recv().unwrap(),
            scheme,
            stop,
            thread: Some(thread),
            folder,
        }
    }

    pub fn remote(&self, options: RemoteOptions) -> Remote {
        // By name: certificates are for names.
        let address = format!("{}://localhost:{}", self.scheme, self.address.port());
        Remote::new(&address, options).unwrap()
    }

    /// Makes a call in the clear and returns the status, the head and the body.
    pub fn call(&self, head: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = self.connect();
        let whole = format!("{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(whole.as_bytes()).unwrap();
        // The other side may have answered and closed.
        let _ = stream.write_all(body);
        answer(stream)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let limit = Some(Duration::from_mins(1));
        stream.set_read_timeout(limit).unwrap();
        stream
    }

    /// Sends a body to a path.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        more: &str,
        body: &[u8],
    ) -> (u16, String, Vec<u8>) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nContent-Type: application/octet-stream\r\nContent-Length: {}{more}",
            body.len()
        );
        self.call(&head, body)
    }

    /// Waits until the metrics hold this line.
    pub fn wait_for(&self, line: &str) {
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text)
            .lines()
            .any(|found| found == line)
        {
            text = self.call("GET /metrics HTTP/1.1", b"").2;
        }
    }

    /// Stops the service, waits for its end, and returns its folder.
    pub fn stop(mut self) -> tempfile::TempDir {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The folder of the clients' keys.
pub(super) fn store(folder: &Path) -> PathBuf {
    folder.join("store")
}

/// Reads an answer to its end.
pub(super) fn answer(mut stream: TcpStream) -> (u16, String, Vec<u8>) {
    let mut bytes = Vec::new();
    // A connection that is cut after the answer is of no interest.
    let _ = stream.read_to_end(&mut bytes);
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return (0, String::new(), bytes);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), bytes[end + 4..].to_vec())
}
