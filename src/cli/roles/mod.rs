//! The roles of a client and a server that share only files.

pub(super) mod classify;
pub(super) mod compile;
pub(super) mod decrypt;
pub(super) mod encrypt;
pub(super) mod evaluate;
pub(super) mod keygen;
mod log;
mod pictures;
mod predictions;
mod queue;
mod remote;
pub(super) mod serve;
pub(super) mod worker;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::progress::Stages;
use crate::{
    deploy::{ClientFile, DeploymentId, KeyId, MANIFEST_FILE, SecretFile},
    engine::{Client, Contexts, Progress},
    experiment::Host,
    wire::Limits,
};

/// The files with which a client works.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ClientArguments {
    /// The deployment's client.json
    #[arg(long, value_name = "FILE")]
    client: PathBuf,
    /// The secret.key that `sealquant keygen` wrote
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// A client with its key.
struct OpenClient {
    file: ClientFile,
    secret: SecretFile,
    contexts: Contexts,
    client: Client,
}

impl ClientArguments {
    fn open(&self) -> anyhow::Result<OpenClient> {
        let file = ClientFile::load(&self.client)?;
        let secret = SecretFile::load(&self.key, file.deployment())?;
        let contexts = contexts(&self.client, &file)?;
        let client = secret.client(&file, &contexts);
        let client = client.with_context(|| self.key.display().to_string())?;
        Ok(OpenClient {
            file,
            secret,
            contexts,
            client,
        })
    }
}

impl OpenClient {
    /// Returns the identifiers of deployment and key.
    const fn ids(&self) -> (DeploymentId, KeyId) {
        (self.file.deployment(), self.secret.key())
    }
}

/// Shows the progress of a single request in detail, that of many by their number.
struct RequestProgress {
    stages: Stages,
    what: &'static str,
    requests: usize,
}

impl RequestProgress {
    fn new(what: &'static str, requests: usize) -> Self {
        Self {
            stages: Stages::new(),
            what,
            requests,
        }
    }

    /// Tells that so many requests are done.
    fn done(&self, requests: usize) {
        if self.requests > 1 {
            let (done, total) = (requests as u64, self.requests as u64);
            self.stages.update(self.what, done, total);
        }
    }

    /// Returns where the work on a request tells its progress.
    fn within(&self) -> &dyn Progress {
        if self.requests > 1 { &() } else { &self.stages }
    }
}

/// Makes SEAL's contexts for the parameters of a client's file, which SEAL checks.
fn contexts(path: &Path, file: &ClientFile) -> anyhow::Result<Contexts> {
    Contexts::new(file.spec()).with_context(|| path.display().to_string())
}

/// Returns this program's folder for what a user keeps, which is not a cache.
fn data_folder() -> anyhow::Result<PathBuf> {
    let base = etcetera::choose_base_strategy().context("the home directory is not known")?;
    Ok(etcetera::BaseStrategy::data_dir(&base).join("sealquant"))
}

/// Returns limits for messages of a deployment: their sizes follow from its parameters, so only memory bounds them.
fn limits() -> Limits {
    Limits {
        message_bytes: u64::MAX,
        memory_bytes: Host::available_memory_bytes().unwrap_or(Limits::default().memory_bytes),
    }
}

/// Refuses a folder that holds requests or responses already.
fn check_unused(option: &str, folder: &Path) -> anyhow::Result<()> {
    super::output::check_directory(option, folder)?;
    if folder.join(MANIFEST_FILE).exists() {
        bail!(
            "{option}: {} holds requests already: name another folder, or remove it",
            folder.display()
        );
    }
    Ok(())
}
