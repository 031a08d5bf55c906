//! `sealquant keygen`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};

use super::super::{
    interrupt,
    output::{Output, check_directory},
    progress::doing,
    table,
};
use crate::{
    deploy::{ClientFile, EVALUATION_KEYS_FILE, SECRET_FILE, SecretFile},
    engine::{Client, Contexts},
    wire::Message as _,
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct KeygenArguments {
    /// The deployment's client.json
    #[arg(long, value_name = "FILE")]
    client: PathBuf,
    /// Folder for the new keys: secret.key, which stays here, and evaluation.keys for the server, if it needs any
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(in crate::cli) fn run(
    arguments: &KeygenArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let out = &arguments.out;
    check_directory("--out", out)?;
    let (secret_path, keys_path) = (out.join(SECRET_FILE), out.join(EVALUATION_KEYS_FILE));
    for path in [&secret_path, &keys_path] {
        // Links that lead nowhere are in the way, too.
        if path.symlink_metadata().is_ok() {
            bail!(
                "--out: {} exists, and keys are never overwritten: name another folder",
                path.display()
            );
        }
    }
    interrupt::say(|| "no secret key was written".to_owned());
    let file = ClientFile::load(&arguments.client)?;
    let contexts = super::contexts(&arguments.client, &file)?;
    let (secret, key_bytes) = make(&file, &contexts, out)?;
    let keys = key_bytes.map(|bytes| format!("{}, {}", keys_path.display(), table::bytes(bytes)));
    output.line(table::facts([
        ("deployment", file.deployment().to_string()),
        ("key", secret.key().to_string()),
        (
            "secret key",
            format!("{}: keep it here", secret_path.display()),
        ),
        (
            "keys for the server",
            keys.unwrap_or_else(|| "none: this deployment needs none".to_owned()),
        ),
    ]))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes keys and writes them into a folder that holds none. Returns the secret key, and the size of the keys for the
/// server if it needs any.
pub(super) fn make(
    file: &ClientFile,
    contexts: &Contexts,
    folder: &Path,
) -> anyhow::Result<(SecretFile, Option<u64>)> {
    let (client, secret) = doing("making keys", || {
        let client = Client::new(file.spec(), contexts)?;
        let secret = SecretFile::new(file.deployment(), &client)?;
        Ok::<_, anyhow::Error>((client, secret))
    })?;
    // Keys for the server that lie there belong to a secret key that is gone.
    let _ = std::fs::remove_file(folder.join(EVALUATION_KEYS_FILE));
    // First, and never over another one: of two programs at once, one goes on.
    secret
        .create(&folder.join(SECRET_FILE))
        .context("no keys were written")?;
    interrupt::say(|| "a secret key was written, keys for the server were not".to_owned());
    let written = write_evaluation_keys(&client, contexts, folder);
    Ok((
        secret,
        written.context("a secret key was written, but no keys for the server")?,
    ))
}

/// Writes the keys for the server into the folder of the secret key, if the server needs any; returns their size.
pub(super) fn write_evaluation_keys(
    client: &Client,
    contexts: &Contexts,
    folder: &Path,
) -> anyhow::Result<Option<u64>> {
    if !contexts.needs_keys() {
        return Ok(None);
    }
    let keys = doing("making keys for the server", || client.compact_keys())?;
    Ok(Some(
        keys.save(contexts, folder.join(EVALUATION_KEYS_FILE))?,
    ))
}
