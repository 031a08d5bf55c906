//! `sealquant encrypt`.

use std::{num::NonZeroUsize, path::PathBuf, process::ExitCode};

use anyhow::Context as _;

use super::super::{
    interrupt, model,
    output::{Output, note},
    table,
};
use super::{
    ClientArguments, OpenClient, RequestProgress, check_unused, pictures::PictureArguments,
    predictions::Names,
};
use crate::{
    deploy::{Manifest, RequestForm, request_file},
    file,
    pads::PadStore,
    wire::Message as _,
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct EncryptArguments {
    #[command(flatten)]
    client: ClientArguments,
    /// New folder for the requests, which go to the server
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write the names and labels of the images to this CSV file, which stays here: for `sealquant decrypt --names`
    #[arg(long, value_name = "FILE", conflicts_with = "pads")]
    names: Option<PathBuf>,
    /// Make so many pads in place of images: the server does most of its work on them before there is an image
    #[arg(long, value_name = "N", requires = "pad_store", conflicts_with = "what",
        value_parser = model::whole::<NonZeroUsize>(1..=1_000_000))]
    pads: Option<NonZeroUsize>,
    /// Folder of this client's pads. With it, images are sent less a pad each, in about two bytes a value; each pad serves
    /// once
    #[arg(long, value_name = "DIR")]
    pad_store: Option<PathBuf>,
    #[command(flatten)]
    pictures: PictureArguments,
}

pub(in crate::cli) fn run(
    arguments: &EncryptArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let out = &arguments.out;
    check_unused("--out", out)?;
    if let Some(path) = &arguments.names {
        super::predictions::check_new("--names", path)?;
    }
    interrupt::say(|| "the requests are not complete: encrypt again".to_owned());
    let open = arguments.client.open()?;
    let store = arguments.pad_store.as_ref();
    let store = store.map(|folder| PadStore::open(folder, open.file.spec()));
    let store = store.transpose().context("--pad-store")?;
    let (manifest, bytes) = match (store, arguments.pads) {
        (Some(store), Some(count)) => pads(arguments, &open, &store, count.get())?,
        (store, _) => images(arguments, &open, store.as_ref(), output)?,
    };
    // Last: a folder without it is not complete.
    manifest.save(out)?;
    note(format_args!("{}", open.file.bound()));
    let what = match manifest.form() {
        RequestForm::Images => "images",
        RequestForm::MaskedImages => "images less a pad each",
        RequestForm::Pads => "pads",
    };
    output.line(table::facts([
        ("deployment", open.file.deployment().to_string()),
        (what, table::thousands(manifest.images())),
        ("requests", table::thousands(manifest.batches())),
        ("bytes for the server", table::bytes(bytes)),
        ("folder for the server", out.display().to_string()),
    ]))?;
    Ok(ExitCode::SUCCESS)
}

fn pads(
    arguments: &EncryptArguments,
    open: &OpenClient,
    store: &PadStore,
    count: usize,
) -> anyhow::Result<(Manifest, u64)> {
    let progress = RequestProgress::new("making pads", count);
    let mut bytes = 0;
    for number in 0..count {
        progress.done(number);
        let pad = store.make_pad(&open.client)?;
        bytes += pad.save(&open.contexts, arguments.out.join(request_file(number)))?;
    }
    progress.done(count);
    Ok((
        Manifest::new(open.ids(), RequestForm::Pads, count, 1),
        bytes,
    ))
}

/// Encrypts images, or masks them with pads of the store.
fn images(
    arguments: &EncryptArguments,
    open: &OpenClient,
    store: Option<&PadStore>,
    output: &mut Output,
) -> anyhow::Result<(Manifest, u64)> {
    let spec = open.file.spec();
    let pictures = arguments.pictures.read(spec.image_shape())?;
    arguments.pictures.show(&pictures, output)?;
    let (form, batch_size) = match store {
        Some(_) => (RequestForm::MaskedImages, 1),
        None => (RequestForm::Images, spec.batch_size()),
    };
    let manifest = Manifest::new(open.ids(), form, pictures.len(), batch_size);
    let progress = RequestProgress::new("encrypting requests", manifest.batches());
    let mut bytes = 0;
    for batch in 0..manifest.batches() {
        progress.done(batch);
        let first = batch * batch_size;
        let quantize = |image| Ok(spec.quantize_image(pictures.image(image))?);
        let images = (first..first + manifest.batch_images(batch))
            .map(quantize)
            .collect::<anyhow::Result<Vec<_>>>()?;
        let path = arguments.out.join(request_file(batch));
        bytes += if let Some(store) = store {
            let masked = store.mask_image(&open.client, &images[0])?;
            masked.save(&open.contexts, &path)?
        } else {
            let sent = file::replace(&path, |file| {
                open.client
                    .send_compact(&open.contexts, &images, progress.within(), file)
            });
            sent.with_context(|| format!("writing {}", path.display()))??
        };
    }
    progress.done(manifest.batches());
    if let Some(path) = &arguments.names {
        Names::of(&pictures).save(path)?;
    }
    Ok((manifest, bytes))
}
