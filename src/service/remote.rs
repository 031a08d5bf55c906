//! A client's view of a service.

use std::{
    fmt,
    io::Read as _,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use reqwest::{
    StatusCode, Url,
    blocking::{Client, RequestBuilder, Response},
    header,
};
use serde::Deserialize;

use super::{
    Offer,
    body::OCTETS,
    key_hash::KeyHash,
    offer::Offers,
    problem::{KEY_HEADER, UNKNOWN_KEYS},
    use_ring,
};
use crate::deploy::{ClientFile, DeployError, DeploymentId};

/// Size of the largest answer that is no response to a request, in bytes.
const MAX_TEXT: u64 = 64 << 20;
/// Time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(20);
/// Longest time of a call, if no other is given.
const LONGEST_CALL: Duration = Duration::from_hours(24);
/// Shortest and longest time to wait between two attempts.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Choices for a client.
#[derive(Clone)]
pub struct RemoteOptions {
    /// Sent as a bearer token. It needs TLS, except on this machine.
    pub token: Option<String>,
    /// Further roots to trust, in PEM form.
    pub roots: Option<Vec<u8>>,
    /// Longest time for a call with all its attempts while the server is busy.
    pub patience: Duration,
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RemoteOptions")
            .field("token", &self.token.as_ref().map(|_| "secret"))
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            token: None,
            roots: None,
            patience: Duration::from_mins(10),
        }
    }
}

/// A response, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The response's bytes, for [`crate::deploy::read_response`].
    pub response: Vec<u8>,
    /// Bytes of keys that were uploaded for it: 0 if the server had them.
    pub key_bytes: u64,
    /// The server's times of its stages, in milliseconds (`Server-Timing`).
    pub timing: String,
}

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The address is not usable.
    #[error("{address}: {problem}")]
    Address {
        /// The address.
        address: String,
        /// The problem.
        problem: String,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("{address}: {problem}")]
    Line {
        /// The address.
        address: String,
        /// The problem.
        problem: String,
    },
    /// The server refuses.
    #[error("the server refuses ({status}): {detail}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The fault, in the server's words.
        detail: String,
        /// The word for programs.
        word: String,
    },
    /// The answer is not what it should be.
    #[error("the server's answer is not usable: {0}")]
    Answer(String),
    /// The server's description of a deployment is refused.
    #[error(transparent)]
    Deployment(#[from] DeployError),
}

/// A server's words when it refuses.
#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    detail: String,
}

/// A client's connection to a service. It holds no secret key.
#[derive(Clone)]
pub struct Remote {
    http: Client,
    base: Url,
    token: Option<String>,
    patience: Duration,
}

impl fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Remote")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Remote {
    /// Prepares calls to the service at an address such as `https://example.org` or `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`RemoteError::Address`] if the address or the roots are not usable, or a token would travel in the clear.
    pub fn new(address: &str, options: RemoteOptions) -> Result<Self, RemoteError> {
        let refuse = |problem: String| RemoteError::Address {
            address: address.to_owned(),
            problem,
        };
        let mut base = Url::parse(address).map_err(|error| refuse(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(refuse(
                "write an address that starts with https:// or http://".to_owned(),
            ));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(RemoteError::Address {
                address: base.host_str().unwrap_or_default().to_owned(),
                problem: "an address holds no name and password: use a token".to_owned(),
            });
        }
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let here = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if options.token.is_some() && base.scheme() == "http" && !here {
            return Err(refuse(
                "a token over http can be read on the way: use https".to_owned(),
            ));
        }
        use_ring();
        let mut builder = Client::builder()
            .user_agent(concat!("sealquant/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            // Each call has its own.
            .timeout(None);
        if here {
            builder = builder.no_proxy();
        }
        if base.scheme() == "http" {
            // Not even a machine without any certificates is refused.
            builder = builder.tls_certs_only([]);
        }
        if let Some(roots) = &options.roots {
            let roots = reqwest::Certificate::from_pem_bundle(roots);
            let roots = roots.map_err(|error| refuse(root_cause(&error)))?;
            builder = builder.tls_certs_merge(roots);
        }
        let http = builder
            .build()
            .map_err(|error| refuse(root_cause(&error)))?;
        Ok(Self {
            http,
            base,
            token: options.token,
            patience: options.patience,
        })
    }

    /// Asks which deployments are served.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn deployments(&self) -> Result<Vec<Offer>, RemoteError> {
        let text = self.text("v1/deployments")?;
        let mut offers: Offers = serde_json::from_slice(&text)
            .map_err(|error| RemoteError::Answer(error.to_string()))?;
        for offer in &mut offers.deployments {
            offer.name = plain(&offer.name);
        }
        Ok(offers.deployments)
    }

    /// Fetches a deployment's client file, and checks it like any other.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn client_file(&self, id: DeploymentId) -> Result<ClientFile, RemoteError> {
        let path = format!("v1/deployments/{id}/client");
        let text = self.text(&path)?;
        let file = ClientFile::from_json(Path::new(&self.url(&path)?.to_string()), &text)?;
        if file.deployment() != id {
            let problem = format!("it describes the deployment {}", file.deployment());
            return Err(RemoteError::Answer(problem));
        }
        Ok(file)
    }

    /// Sends a request; uploads the client's keys first if the server does not have them. `limit` is the size of the
    /// largest response that is read.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn evaluate(
        &self,
        id: DeploymentId,
        keys: Option<&[u8]>,
        request: &[u8],
        limit: u64,
    ) -> Result<Answer, RemoteError> {
        let url = self.url(&format!("v1/deployments/{id}/evaluate"))?;
        let deadline = self.deadline();
        let hash = keys.map(KeyHash::of);
        let mut key_bytes = 0;
        let send = || {
            self.patiently(deadline, || {
                let call = self.http.post(url.clone());
                let mut call = call.header(header::CONTENT_TYPE, OCTETS);
                if let Some(hash) = &hash {
                    call = call.header(KEY_HEADER, hash.to_string());
                }
                call.body(request.to_vec())
            })
        };
        let answer = match (send(), keys, &hash) {
            (Err(RemoteError::Refused { word, .. }), Some(keys), Some(hash))
                if word == UNKNOWN_KEYS =>
            {
                let url = self.url(&format!("v1/keys/{hash}"))?;
                self.patiently(deadline, || {
                    let call = self.http.put(url.clone());
                    call.header(header::CONTENT_TYPE, OCTETS)
                        .body(keys.to_vec())
                })?;
                key_bytes = keys.len() as u64;
                send()?
            }
            (answer, ..) => answer?,
        };
        let timing = answer
            .headers()
            .get("server-timing")
            .and_then(|timing| timing.to_str().ok())
            .map_or_else(String::new, plain);
        Ok(Answer {
            response: self.bytes(answer, limit, deadline)?,
            key_bytes,
            timing,
        })
    }

    fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.patience).unwrap_or(now + LONGEST_CALL)
    }

    fn url(&self, path: &str) -> Result<Url, RemoteError> {
        self.base
            .join(path)
            .map_err(|error| RemoteError::Answer(error.to_string()))
    }

    fn text(&self, path: &str) -> Result<Vec<u8>, RemoteError> {
        let (url, deadline) = (self.url(path)?, self.deadline());
        let answer = self.patiently(deadline, || self.http.get(url.clone()))?;
        self.bytes(answer, MAX_TEXT, deadline)
    }

    /// Reads an answer of at most `limit` bytes.
    fn bytes(
        &self,
        mut answer: Response,
        limit: u64,
        deadline: Instant,
    ) -> Result<Vec<u8>, RemoteError> {
        let (mut bytes, mut piece) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            let read = answer.read(&mut piece).map_err(|error| self.line(&error))?;
            if read == 0 {
                return Ok(bytes);
            }
            if bytes.len() as u64 + read as u64 > limit {
                return Err(RemoteError::Answer(format!(
                    "it has more than {limit} bytes"
                )));
            }
            bytes.extend_from_slice(&piece[..read]);
            if Instant::now() > deadline {
                return Err(RemoteError::Answer(
                    "it takes too long to arrive".to_owned(),
                ));
            }
        }
    }

    fn line(&self, error: &dyn std::error::Error) -> RemoteError {
        RemoteError::Line {
            address: self.base.to_string(),
            problem: format!("the connection failed: {}", root_cause(error)),
        }
    }

    /// Makes a call, again and again while the server says that it is busy.
    fn patiently(
        &self,
        deadline: Instant,
        call: impl Fn() -> RequestBuilder,
    ) -> Result<Response, RemoteError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut made = call().timeout(left.max(SHORTEST_WAIT));
            if let Some(token) = &self.token {
                made = made.bearer_auth(token);
            }
            let answer = made.send().map_err(|error| self.line(&error))?;
            let status = answer.status();
            if status.is_success() {
                return Ok(answer);
            }
            let is_busy = matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            );
            let wait = answer
                .headers()
                .get(header::RETRY_AFTER)
                .and_then(|wait| wait.to_str().ok()?.parse().ok())
                .map(|wait| Duration::from_secs(wait).clamp(SHORTEST_WAIT, LONGEST_WAIT));
            let refusal = self.refusal(answer, deadline)?;
            match wait.filter(|_| is_busy) {
                Some(wait) if Instant::now() + wait < deadline => sleep(wait),
                _ => return Err(refusal),
            }
        }
    }

    fn refusal(&self, answer: Response, deadline: Instant) -> Result<RemoteError, RemoteError> {
        let status = answer.status();
        let text = self.bytes(answer, MAX_TEXT, deadline)?;
        let refusal: Refusal = serde_json::from_slice(&text).unwrap_or_default();
        let word = refusal.r#type.rsplit(':').next().unwrap_or_default();
        Ok(RemoteError::Refused {
            status: status.as_u16(),
            word: word.to_owned(),
            detail: if refusal.detail.is_empty() {
                status
                    .canonical_reason()
                    .unwrap_or("no reason is given")
                    .to_owned()
            } else {
                plain(&refusal.detail)
            },
        })
    }
}

/// Leaves out control characters: what comes from elsewhere does not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Returns the last of an error's causes, which says what happened.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
