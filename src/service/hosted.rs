//! One deployment, ready to serve.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Offer, body::BodyForm, error::ServiceError, key_hash::KeyHash, limits::ServiceLimits,
    open_keys::OpenKeys, problem::Problem,
};
use crate::{
    deploy::{DeployError, Deployment, DeploymentId, write_response},
    engine::{CompactKeys, Contexts, EngineError, EvaluationKeys, Plan, Request, Response, Server},
    wire::{Limits, MAGIC, Message as _, SealMessages, SealRelease, UploadSizes, WireError},
};
use axum::{body::Bytes, http::StatusCode};

/// A deployment with what is made of it once.
#[derive(Debug)]
pub(super) struct Hosted {
    pub id: DeploymentId,
    pub name: String,
    /// `client.json`.
    pub client_file: Bytes,
    pub needs_keys: bool,
    /// Size of a request, in bytes, and of a set of keys.
    request_bytes: u64,
    key_bytes: u64,
    /// Size that no response exceeds, in bytes.
    pub response_bytes: u64,
    batch_size: usize,
    plan: Plan,
    contexts: Contexts,
    seal: SealMessages,
    /// Bytes of the largest body, which also bounds objects of SEAL.
    body_bytes: u64,
    open_keys: OpenKeys,
    opening: Mutex<()>,
    /// The server of a deployment that needs no keys.
    keyless: Option<Arc<Server>>,
    /// The memory of requests that were answered, which serves the next ones.
    spare: Mutex<Vec<Request>>,
}

/// An answer, and the time for each stage.
pub(super) struct Evaluated {
    pub response: Vec<u8>,
    pub read: Duration,
    pub evaluate: Duration,
    pub write: Duration,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerForm {
    Own,
    /// For this release of SEAL.
    Seal(SealRelease),
}

impl Hosted {
    /// Prepares a deployment. Weights are prepared here if it needs no keys, else for the first client; never if this
    /// process does not evaluate.
    fn new(
        deployment: &Deployment,
        limits: &ServiceLimits,
        evaluates: bool,
    ) -> Result<Self, DeployError> {
        let plan = deployment.plan()?;
        let contexts = Contexts::new(plan.client_spec())?;
        let client_file = deployment.client_file(&plan)?.to_json()?;
        let sizes = UploadSizes::of(&contexts)?;
        let needs_keys = contexts.needs_keys();
        let keyless = if needs_keys || !evaluates {
            None
        } else {
            let keys = EvaluationKeys::none(&contexts);
            Some(Arc::new(Server::new(&plan, &contexts, keys)?))
        };
        Ok(Self {
            id: deployment.id(),
            name: deployment.network().name().to_owned(),
            client_file: client_file.into(),
            needs_keys,
            request_bytes: sizes.compact_request,
            key_bytes: sizes.compact_keys.unwrap_or(0),
            response_bytes: most_response_bytes(&contexts),
            batch_size: plan.batch_size(),
            plan,
            seal: SealMessages::new(&contexts)?,
            contexts,
            body_bytes: limits.body_bytes,
            open_keys: OpenKeys::new(limits.open_keys),
            opening: Mutex::new(()),
            keyless,
            spare: Mutex::new(Vec::new()),
        })
    }

    /// Reads the folder `server` of a deployment.
    fn load(folder: &Path, limits: &ServiceLimits, evaluates: bool) -> Result<Self, ServiceError> {
        let deployment = Deployment::load(folder)?;
        Ok(Self::new(&deployment, limits, evaluates)?)
    }

    /// Describes the deployment to clients.
    pub fn offer(&self) -> Offer {
        Offer {
            id: self.id,
            name: self.name.clone(),
            batch_size: self.batch_size,
            needs_keys: self.needs_keys,
            request_bytes: self.request_bytes,
            key_bytes: self.key_bytes,
        }
    }

    /// Returns the number of clients whose keys are ready.
    pub fn open_keys(&self) -> usize {
        self.open_keys.len()
    }

    /// Returns the server for a client whose keys are ready, or for all if there are no keys.
    pub fn ready(&self, keys: Option<&KeyHash>) -> Option<Arc<Server>> {
        match keys {
            _ if self.keyless.is_some() => self.keyless.clone(),
            Some(hash) => self.open_keys.get(hash),
            None => None,
        }
    }

    /// Returns the bytes of the largest request.
    pub fn request_limit(&self, form: BodyForm) -> u64 {
        match form {
            BodyForm::Own => self.request_bytes,
            BodyForm::Seal => self.seal.request_bytes().min(self.body_bytes),
        }
    }

    /// Returns the bytes of the largest set of keys; 0 if none are needed.
    pub fn key_limit(&self, form: BodyForm) -> u64 {
        match form {
            BodyForm::Own => self.key_bytes,
            BodyForm::Seal => self.seal.key_bytes().min(self.body_bytes),
        }
    }

    /// Returns the bytes of the largest set of keys of any form.
    pub fn largest_keys(&self) -> u64 {
        (self.key_limit(BodyForm::Own)).max(self.key_limit(BodyForm::Seal))
    }

    /// Reads keys, which may be hostile.
    pub fn read_keys(&self, form: BodyForm, message: &[u8]) -> Result<EvaluationKeys, WireError> {
        match form {
            BodyForm::Own => {
                let keys = CompactKeys::from_wire(&self.contexts, message, &limits(message))?;
                Ok(keys.into_keys(&self.contexts))
            }
            BodyForm::Seal => self.seal.read_keys(message, &limits(message)),
        }
    }

    /// Makes a client's keys ready.
    pub fn open(&self, hash: KeyHash, message: &[u8]) -> Result<Arc<Server>, Problem> {
        // Each form begins with its own magic, or was not stored.
        let form = if message.starts_with(&MAGIC) {
            BodyForm::Own
        } else {
            BodyForm::Seal
        };
        let keys = self.read_keys(form, message).map_err(|error| {
            let detail = format!("the keys do not fit this deployment: {error}");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "keys", detail)
        })?;
        // One after another, so that weights are prepared once.
        let _alone = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match self.open_keys.any() {
            Some(server) => server.for_client(keys),
            None => Server::new(&self.plan, &self.contexts, keys),
        };
        let server = Arc::new(made.map_err(Problem::internal)?);
        self.open_keys.keep(hash, Arc::clone(&server));
        Ok(server)
    }

    /// Answers a request, which may be hostile.
    pub fn evaluate(
        &self,
        server: &Server,
        form: BodyForm,
        message: &[u8],
    ) -> Result<Evaluated, Problem> {
        let mut watch = Laps::start();
        let (request, answer) = self.read_request(form, message).map_err(|error| {
            let (status, word) = match &error {
                WireError::Kind { .. } | WireError::Magic | WireError::Version { .. } => {
                    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "form")
                }
                WireError::Memory { .. } | WireError::Io { .. } => return Problem::internal(error),
                _ => (StatusCode::UNPROCESSABLE_ENTITY, "request"),
            };
            Problem::new(status, word, format!("the request is refused: {error}"))
        })?;
        let read = watch.lap();
        let evaluated = server.evaluate(&request, &());
        let evaluate = watch.lap();
        let response = evaluated.and_then(|evaluation| {
            let written = self.write_response(&evaluation.response, answer);
            written.map_err(|error| match error {
                DeployError::Engine(error) => error,
                _ => EngineError::Internal("the response cannot be written"),
            })
        });
        if answer == AnswerForm::Own {
            self.spares().push(request);
        }
        let response = response.map_err(|error| match error {
            EngineError::Mismatch { .. } => {
                let detail = format!("the request is refused: {error}");
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "request", detail)
            }
            _ => Problem::internal(error),
        })?;
        Ok(Evaluated {
            response,
            read,
            evaluate,
            write: watch.lap(),
        })
    }

    /// Reads a request; also returns the form in which to answer.
    fn read_request(
        &self,
        form: BodyForm,
        message: &[u8],
    ) -> Result<(Request, AnswerForm), WireError> {
        match form {
            BodyForm::Own => {
                let mut request = self.spares().pop().unwrap_or_default();
                request.read_compact(&self.contexts, message, &limits(message))?;
                Ok((request, AnswerForm::Own))
            }
            BodyForm::Seal => {
                let (request, release) = self.seal.read_request(message, &limits(message))?;
                Ok((request, AnswerForm::Seal(release)))
            }
        }
    }

    fn write_response(
        &self,
        response: &Response,
        answer: AnswerForm,
    ) -> Result<Vec<u8>, DeployError> {
        match answer {
            AnswerForm::Own => write_response(&self.contexts, response),
            AnswerForm::Seal(release) => Ok(self.seal.write_response(response, release)?),
        }
    }

    fn spares(&self) -> std::sync::MutexGuard<'_, Vec<Request>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a size that no response exceeds: three polynomials over all primes, in whole words.
fn most_response_bytes(contexts: &Contexts) -> u64 {
    let sizes = contexts.contexts().iter().map(|context| {
        let polynomial = context.parameters().poly_modulus_degree() * context.primes().len();
        3 * 8 * polynomial as u64
    });
    let header = 4096;
    header + sizes.sum::<u64>() * contexts.outputs() as u64
}

/// Reads the folders `server` of several deployments.
pub(super) fn load_all(
    folders: &[PathBuf],
    limits: &ServiceLimits,
    evaluates: bool,
) -> Result<BTreeMap<DeploymentId, Arc<Hosted>>, ServiceError> {
    let mut hosted = BTreeMap::new();
    for folder in folders {
        let made = Hosted::load(folder, limits, evaluates)?;
        let id = made.id;
        if hosted.insert(id, Arc::new(made)).is_some() {
            return Err(ServiceError::Twice(id));
        }
    }
    Ok(hosted)
}

/// Returns limits for a message that is here already: its form bounds what is made of it.
const fn limits(message: &[u8]) -> Limits {
    Limits {
        message_bytes: message.len() as u64,
        memory_bytes: u64::MAX,
    }
}

/// Times of stages, one after another.
pub(super) struct Laps(Instant);

impl Laps {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the last call.
    pub fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}
