//! `sealquant decrypt`.

use std::{fs::File, io::Read as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};

use super::super::{interrupt, output::Output};
use super::{
    ClientArguments, RequestProgress,
    predictions::{Names, PredictionArguments, Predictions},
};
use crate::deploy::{Manifest, RequestForm, read_response, response_file};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DecryptArguments {
    #[command(flatten)]
    client: ClientArguments,
    /// The folder of responses that came from the server
    #[arg(long, value_name = "DIR")]
    responses: PathBuf,
    #[command(flatten)]
    predictions: PredictionArguments,
    /// The file that `sealquant encrypt --names` wrote: names and labels of the images
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
}

pub(in crate::cli) fn run(
    arguments: &DecryptArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    arguments.predictions.check()?;
    interrupt::say(|| "nothing was written".to_owned());
    let open = arguments.client.open()?;
    let folder = &arguments.responses;
    let batch_size = open.file.spec().batch_size();
    let manifest = Manifest::load(folder, open.file.deployment(), batch_size)?;
    if manifest.form() == RequestForm::Pads {
        bail!("{} holds pads, which have no answer", folder.display());
    }
    manifest.check_key(folder, open.secret.key())?;
    let names = arguments.names.as_deref().map(Names::load).transpose()?;
    if let (Some(names), Some(path)) = (&names, &arguments.names)
        && names.len() != manifest.images()
    {
        bail!(
            "--names: {} names {} images, the responses are to {}",
            path.display(),
            names.len(),
            manifest.images()
        );
    }
    let missing =
        (0..manifest.batches()).find(|&batch| !folder.join(response_file(batch)).exists());
    if let Some(batch) = missing {
        bail!(
            "{} is missing: the server has not answered all requests, evaluate the rest",
            folder.join(response_file(batch)).display()
        );
    }
    let progress = RequestProgress::new("decrypting responses", manifest.batches());
    let limits = super::limits();
    let mut logits = Vec::new();
    for batch in 0..manifest.batches() {
        progress.done(batch);
        let path = folder.join(response_file(batch));
        let mut bytes = Vec::new();
        let read = File::open(&path)
            .and_then(|file| file.take(limits.memory_bytes).read_to_end(&mut bytes));
        read.with_context(|| path.display().to_string())?;
        let response = read_response(&open.contexts, &bytes, &limits)
            .with_context(|| path.display().to_string())?;
        let decrypted = open
            .client
            .decrypt(&response, manifest.batch_images(batch))
            .with_context(|| path.display().to_string())?;
        logits.extend(decrypted);
    }
    progress.done(manifest.batches());
    let predictions = Predictions::new(&open.file, logits, names.as_ref());
    arguments.predictions.deliver(&predictions, output)?;
    Ok(ExitCode::SUCCESS)
}
