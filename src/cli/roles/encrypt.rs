//! `sealquant encrypt`.

use std::path::PathBuf;

use anyhow::Context as _;

use super::super::{
    Outcome, interrupt,
    output::{Output, note},
    table,
};
use super::{
    ClientArguments, RequestProgress, check_unused, pictures::PictureArguments, predictions::Names,
};
use crate::{
    deploy::{Manifest, request_file},
    file,
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct EncryptArguments {
    #[command(flatten)]
    client: ClientArguments,
    /// New folder for the requests, which go to the server
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write the names and labels of the images to this CSV file, which stays here: for `sealquant decrypt --names`
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    #[command(flatten)]
    pictures: PictureArguments,
}

pub(in crate::cli) fn run(
    arguments: &EncryptArguments,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let out = &arguments.out;
    check_unused("--out", out)?;
    if let Some(path) = &arguments.names {
        super::predictions::check_new("--names", path)?;
    }
    interrupt::say(|| "the requests are not complete: encrypt again".to_owned());
    let open = arguments.client.open()?;
    let spec = open.file.spec();
    let pictures = arguments.pictures.read(spec.image_shape())?;
    arguments.pictures.show(&pictures, output)?;
    let batch_size = spec.batch_size();
    let manifest = Manifest::new(
        open.file.deployment(),
        open.secret.key(),
        pictures.len(),
        batch_size,
    );
    let progress = RequestProgress::new("encrypting requests", manifest.batches());
    let mut bytes = 0;
    for batch in 0..manifest.batches() {
        progress.done(batch);
        let first = batch * batch_size;
        let quantize = |image| Ok(spec.quantize_image(pictures.image(image))?);
        let images = (first..first + manifest.batch_images(batch))
            .map(quantize)
            .collect::<anyhow::Result<Vec<_>>>()?;
        let path = out.join(request_file(batch));
        let sent = file::replace(&path, |file| {
            open.client
                .send_compact(&open.contexts, &images, progress.within(), file)
        });
        bytes += sent.with_context(|| format!("writing {}", path.display()))??;
    }
    progress.done(manifest.batches());
    if let Some(path) = &arguments.names {
        Names::of(&pictures).save(path)?;
    }
    // Last: a folder without it is not complete.
    manifest.save(out)?;
    note(format_args!("{}", open.file.bound()));
    output.line(table::facts([
        ("deployment", open.file.deployment().to_string()),
        ("images", table::thousands(pictures.len())),
        ("requests", table::thousands(manifest.batches())),
        ("bytes for the server", table::bytes(bytes)),
        ("folder for the server", out.display().to_string()),
    ]))?;
    Ok(Outcome::Success)
}
