//! The listening side: connections, TLS, time limits, and an end that loses no running request.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use super::{
    auth::Tokens,
    body::BodyForm,
    error::ServiceError,
    hosted::load_all,
    key_store::{KeyStore, QUEUE_KEYS},
    limits::ServiceLimits,
    page::Page,
    queue::{Connection, Queue, QueueOptions},
    routes::router,
    state::ServiceState,
    stop::StopHandle,
};

/// Time between two looks for keys that are too old.
const SWEEP: Duration = Duration::from_hours(1);
/// Most bytes that are read ahead on a connection.
const CONNECTION_BUFFER: usize = 64 << 10;
/// Time between two looks for the end of running requests.
const LOOK: Duration = Duration::from_millis(50);
/// Files that are left for other things than connections.
const OTHER_FILES: usize = 40;
/// Pause after the system refused a connection, for example because too many files are open.
const REFUSED: Duration = Duration::from_millis(100);

/// A certificate and its private key, in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, with those that lead to a root behind it.
    pub certificates: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Choices for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceOptions {
    /// The folder for clients' keys, an address that starts with `s3://`, or `queue:` for a bucket of the queue.
    pub key_store: String,
    /// The queue whose workers evaluate; without it, this process does.
    pub queue: Option<QueueOptions>,
    /// A file with a token in each line; without it, everyone may call.
    pub tokens: Option<PathBuf>,
    /// Serves TLS.
    pub tls: Option<TlsFiles>,
    /// Bounds on memory, time and storage.
    pub limits: ServiceLimits,
}

/// A service that is ready to listen.
pub struct Service {
    state: Arc<ServiceState>,
    tls: Option<TlsAcceptor>,
    page: Option<Arc<Page>>,
    stop: StopHandle,
    runtime: Runtime,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Service")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Prepares deployments, from their folders `server`, and the queue if there is one.
    ///
    /// # Errors
    /// [`ServiceError`] if a file, the key store, the queue or a deployment cannot be used.
    pub fn new(folders: &[PathBuf], options: &ServiceOptions) -> Result<Self, ServiceError> {
        let limits = &options.limits;
        let hosted = load_all(folders, limits, options.queue.is_none())?;
        let largest = hosted.values().map(|made| {
            made.request_limit(BodyForm::Own)
                .max(made.key_limit(BodyForm::Own))
        });
        let largest = largest.max().unwrap_or(0);
        if limits.body_bytes < largest {
            return Err(ServiceError::Memory { largest });
        }
        let tokens = options.tokens.as_deref().map(Tokens::load).transpose()?;
        let tls = options.tls.as_ref().map(acceptor).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("sealquant-http")
            .enable_all()
            .build()?;
        let mut connection = None;
        if let Some(queue) = &options.queue {
            Connection::check_memory(queue, hosted.values())?;
            let opened = runtime.block_on(Connection::open(queue))?;
            if options.key_store == QUEUE_KEYS {
                let own = hosted.values().map(|made| made.key_limit(BodyForm::Own));
                let any = hosted.values().map(|made| made.largest_keys());
                let sizes = (own.max().unwrap_or(0), any.max().unwrap_or(0));
                let made = opened.make_keys(limits, sizes, queue.replicas);
                runtime.block_on(made)?;
            }
            connection = Some(opened);
        }
        let bounds = (limits.stored_keys, limits.key_age);
        let keys = KeyStore::open(&options.key_store, bounds, connection.as_ref())?;
        let queue = connection.zip(options.queue.as_ref());
        let queue = queue.map(|(connection, queue)| {
            let deployments: Vec<_> = hosted.keys().copied().collect();
            runtime.block_on(Queue::open(connection, queue, &deployments))
        });
        let mut state = ServiceState::new(hosted, tokens.unwrap_or_default(), keys, limits.clone());
        state.queue = queue.transpose()?.map(Arc::new);
        Ok(Self {
            state: Arc::new(state),
            tls,
            page: None,
            stop: StopHandle::new(),
            runtime,
        })
    }

    /// Serves the web page in a folder at `/` as well. Its files are read here, once.
    ///
    /// # Errors
    /// [`ServiceError::File`] if the folder holds no page.
    pub fn with_page(mut self, folder: &Path) -> Result<Self, ServiceError> {
        self.page = Some(Arc::new(Page::load(folder)?));
        Ok(self)
    }

    /// Returns a handle with which another thread stops the service.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Serves on an address until it is stopped; a port of 0 is any free one. `ready` is told the address.
    ///
    /// # Errors
    /// [`ServiceError::Listen`] or [`ServiceError::System`].
    pub fn run(
        self,
        address: SocketAddr,
        ready: impl FnOnce(SocketAddr),
    ) -> Result<(), ServiceError> {
        let Self {
            state,
            tls,
            page,
            stop,
            runtime,
        } = self;
        let router = router(&state, page);
        let listening = Listening { state, tls };
        let served = runtime.block_on(async {
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|source| ServiceError::Listen {
                address: address.to_string(),
                source,
            })?;
            ready(listener.local_addr()?);
            listening.accept(&listener, &router, &stop).await;
            Ok(())
        });
        // An evaluation that still runs has had its time.
        runtime.shutdown_background();
        served
    }
}

/// What accepting connections takes.
struct Listening {
    state: Arc<ServiceState>,
    tls: Option<TlsAcceptor>,
}

impl Listening {
    async fn accept(self, listener: &TcpListener, router: &Router, stop: &StopHandle) {
        let limits = &self.state.limits;
        let connections = Arc::new(Semaphore::new(most_connections(limits.connections)));
        let graceful = GracefulShutdown::new();
        let mut stopped = stop.watch();
        let sweeper = tokio::spawn(sweep(Arc::clone(&self.state)));
        loop {
            let accepted = tokio::select! {
                accepted = next_connection(listener, &connections) => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            if let Some((stream, permit)) = accepted {
                self.spawn(stream, permit, router, graceful.watcher());
            }
        }
        self.state.drain();
        sweeper.abort();
        log::info!("stopping: running requests end first");
        let end = Instant::now() + limits.drain;
        // New calls are told to go elsewhere meanwhile.
        while !self.state.is_idle() && Instant::now() < end {
            if let Ok(Some((stream, permit))) =
                timeout(LOOK, next_connection(listener, &connections)).await
            {
                self.spawn(stream, permit, router, graceful.watcher());
            }
        }
        if !self.state.is_idle() {
            log::warn!("stopped before all requests had ended");
        }
        // Answers that are being sent.
        if timeout(limits.stall, graceful.shutdown()).await.is_err() {
            log::warn!("stopped before all answers were sent");
        }
    }

    /// Serves a connection beside others.
    fn spawn(
        &self,
        stream: TcpStream,
        permit: OwnedSemaphorePermit,
        router: &Router,
        watcher: Watcher,
    ) {
        // Answers are written at once, and most of them are one packet.
        let _ = stream.set_nodelay(true);
        let (router, tls) = (router.clone(), self.tls.clone());
        let stall = self.state.limits.stall;
        tokio::spawn(async move {
            let _permit = permit;
            match tls {
                None => serve(stream, router, watcher, stall).await,
                Some(tls) => match timeout(stall, tls.accept(stream)).await {
                    Ok(Ok(stream)) => serve(stream, router, watcher, stall).await,
                    Ok(Err(error)) => log::debug!("a TLS handshake failed: {error}"),
                    Err(_) => log::debug!("a TLS handshake took too long"),
                },
            }
        });
    }
}

/// Returns how many connections may be open: none takes a file that keys or the queue need.
fn most_connections(asked: usize) -> usize {
    let Some(files) = open_files() else {
        return asked.max(1);
    };
    let most = files.saturating_sub(OTHER_FILES).max(1);
    if most < asked {
        log::warn!(
            "the system allows {files} open files: at most {most} connections are open at once"
        );
    }
    asked.clamp(1, most)
}

/// Returns how many files the process may open, if the system tells it (Linux does).
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Waits for a connection, while there are fewer than may be open; further ones wait in the system's backlog.
async fn next_connection(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            log::warn!("a connection was refused by the system: {error}");
            sleep(REFUSED).await;
            None
        }
    }
}

/// Serves one connection.
async fn serve<S>(stream: S, router: Router, watcher: Watcher, stall: Duration)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let mut stream = TimeoutStream::new(stream);
    // Reading has limits of its own: for the head here, for bodies where they are read.
    stream.set_write_timeout(Some(stall));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(stall)
        .max_buf_size(CONNECTION_BUFFER)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(router),
        );
    if let Err(error) = watcher.watch(connection).await {
        log::debug!("a connection ended: {error}");
    }
}

/// Removes old keys from time to time.
async fn sweep(state: Arc<ServiceState>) {
    loop {
        if let Err(error) = state.keys.sweep().await {
            log::warn!("the key store failed: {error}");
        }
        sleep(SWEEP).await;
    }
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServiceError> {
    let problem = |path: &Path, problem: &dyn std::fmt::Display| ServiceError::File {
        path: path.to_owned(),
        problem: problem.to_string(),
    };
    let (path, key) = (&files.certificates, &files.key);
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| problem(path, &error))?;
    if certificates.is_empty() {
        return Err(problem(path, &"holds no certificate in PEM form"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| problem(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(certificates, secret)
        })
        .map_err(|error| problem(path, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
