//! `sealquant classify --server`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::Context as _;

use super::super::{
    output::{Output, note},
    progress::doing,
    table,
};
use super::{
    RequestProgress, keygen, limits,
    pictures::ReadingArguments,
    predictions::{Names, PredictionArguments, Predictions},
};
use crate::{
    deploy::{
        ClientFile, DeploymentId, EVALUATION_KEYS_FILE, SECRET_FILE, SecretFile, read_response,
    },
    engine::{Client, Contexts},
    file::read_at_most,
    service::{Offer, Remote, RemoteOptions},
};

/// Size of the largest file of a token or of roots, in bytes.
const MAX_TEXT: u64 = 1 << 20;
/// Size of the largest response that is read, in bytes.
const MAX_RESPONSE: u64 = 1 << 30;

/// Choices for a service.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Options for a service")]
pub(super) struct RemoteArguments {
    /// The deployment [default: the only one of the service]
    #[arg(long, value_name = "ID", requires = "server")]
    deployment: Option<DeploymentId>,
    /// Folder of the keys for this deployment; made if it is missing [default: one in the user's data directory]
    #[arg(long, value_name = "DIR", requires = "server")]
    keys: Option<PathBuf>,
    /// A file with the token that the service asks for
    #[arg(long, value_name = "FILE", requires = "server")]
    token: Option<PathBuf>,
    /// Further certificates to trust: a PEM file
    #[arg(long, value_name = "FILE", requires = "server")]
    roots: Option<PathBuf>,
}

/// Seconds and bytes of a run.
#[derive(Default)]
struct Cost {
    client: f64,
    remote: f64,
    up: u64,
    keys: u64,
    down: u64,
}

impl RemoteArguments {
    /// Classifies images with the service at an address.
    pub(super) fn classify(
        &self,
        address: &str,
        (what, reading): (&[PathBuf], &ReadingArguments),
        predicted: &PredictionArguments,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let remote = Remote::new(address, self.options()?).context("--server")?;
        let offer = self.choose(remote.deployments()?)?;
        let file = remote.client_file(offer.id)?;
        let contexts = Contexts::new(file.spec()).context("the service's client.json")?;
        let pictures = reading.read(what, file.spec().image_shape())?;
        reading.show(&pictures, output)?;
        note(format_args!(
            "{} ({}): {}",
            offer.name,
            offer.id,
            file.bound()
        ));
        let folder = match &self.keys {
            Some(folder) => folder.clone(),
            None => super::data_folder()?
                .join("keys")
                .join(offer.id.to_string()),
        };
        let (client, keys) = keys(&file, &contexts, &folder)?;

        let batch_size = file.spec().batch_size();
        let batches = pictures.len().div_ceil(batch_size);
        let progress = RequestProgress::new("classifying", batches);
        let mut cost = Cost::default();
        let mut logits = Vec::new();
        for batch in 0..batches {
            progress.done(batch);
            let start = Instant::now();
            let images = (batch * batch_size..pictures.len().min((batch + 1) * batch_size))
                .map(|image| Ok(file.spec().quantize_image(pictures.image(image))?))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let mut request = Vec::new();
            client
                .send_compact(&contexts, &images, progress.within(), &mut request)
                .context("encrypting")?;
            let encrypted = Instant::now();
            let answer = remote.evaluate(offer.id, keys.as_deref(), &request, MAX_RESPONSE)?;
            let answered = Instant::now();
            let response = read_response(&contexts, &answer.response, &limits())
                .context("the service's answer")?;
            logits.extend(client.decrypt(&response, images.len())?);
            cost.client += (encrypted - start).as_secs_f64() + answered.elapsed().as_secs_f64();
            cost.remote += (answered - encrypted).as_secs_f64();
            cost.up += request.len() as u64;
            cost.keys += answer.key_bytes;
            cost.down += answer.response.len() as u64;
        }
        progress.done(batches);
        let predictions = Predictions::new(&file, logits, Some(&Names::of(&pictures)));
        predicted.deliver(&predictions, output)?;
        let uploaded = if cost.keys > 0 {
            format!(", and keys once: {}", table::bytes(cost.keys))
        } else {
            String::new()
        };
        note(format_args!(
            "client {}, line and server {}; up {}{uploaded}; down {}",
            table::seconds(cost.client),
            table::seconds(cost.remote),
            table::bytes(cost.up),
            table::bytes(cost.down),
        ));
        Ok(ExitCode::SUCCESS)
    }

    fn options(&self) -> anyhow::Result<RemoteOptions> {
        let token = self.token.as_deref().map(|path| {
            let text = String::from_utf8(text(path)?).context("must be a text")?;
            Ok::<_, anyhow::Error>(text.trim().to_owned())
        });
        let roots = self.roots.as_deref().map(text);
        Ok(RemoteOptions {
            token: token.transpose().context("--token")?,
            roots: roots.transpose().context("--roots")?,
            ..RemoteOptions::default()
        })
    }

    fn choose(&self, offers: Vec<Offer>) -> anyhow::Result<Offer> {
        let listed: Vec<String> = offers
            .iter()
            .map(|offer| format!("{} ({})", offer.id, offer.name))
            .collect();
        let listed = listed.join(", ");
        let mut offers = offers.into_iter();
        let found = match self.deployment {
            Some(id) => offers.find(|offer| offer.id == id),
            None => offers.next().filter(|_| offers.len() == 0),
        };
        found.with_context(|| {
            format!("choose one of the deployments of the service with --deployment: {listed}")
        })
    }
}

/// Reads a small file.
fn text(path: &Path) -> anyhow::Result<Vec<u8>> {
    let named = || path.display().to_string();
    let file = File::open(path).with_context(named)?;
    let bytes = read_at_most(file, MAX_TEXT).with_context(named)?;
    bytes.with_context(|| format!("{}: has more than {MAX_TEXT} bytes", named()))
}

/// Reads the keys in a folder, or makes what is missing. Returns the client, and the keys for the server if it needs any.
fn keys(
    file: &ClientFile,
    contexts: &Contexts,
    folder: &Path,
) -> anyhow::Result<(Client, Option<Vec<u8>>)> {
    let path = folder.join(SECRET_FILE);
    if path.symlink_metadata().is_err() {
        match keygen::make(file, contexts, folder) {
            Ok(_) => note(format_args!(
                "new keys: {}; keep secret.key here",
                folder.display()
            )),
            // Another program was faster.
            Err(_) if path.exists() => {}
            Err(error) => return Err(error),
        }
    }
    let secret = SecretFile::load(&path, file.deployment())?;
    let client = secret.client(file, contexts);
    let client = client.with_context(|| path.display().to_string())?;
    if !contexts.needs_keys() {
        return Ok((client, None));
    }
    let path = folder.join(EVALUATION_KEYS_FILE);
    if !path.exists() {
        keygen::write_evaluation_keys(&client, contexts, folder)?;
    }
    let keys = doing("reading the keys", || fs::read(&path));
    let keys = keys.with_context(|| path.display().to_string())?;
    Ok((client, Some(keys)))
}
