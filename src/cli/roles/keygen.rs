//! `sealquant keygen`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};

use super::super::{
    interrupt,
    output::{Output, check_directory},
    progress::doing,
    table,
};
use crate::{
    deploy::{ClientFile, EVALUATION_KEYS_FILE, SECRET_FILE, SecretFile},
    engine::Client,
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
    let (client, secret) = doing("making keys", || {
        let client = Client::new(file.spec(), &contexts)?;
        let secret = SecretFile::new(file.deployment(), &client)?;
        Ok::<_, anyhow::Error>((client, secret))
    })?;
    let keys = if contexts.needs_keys() {
        let keys = doing("making keys for the server", || client.compact_keys())?;
        let bytes = keys.save(&contexts, &keys_path)?;
        Some(format!("{}, {}", keys_path.display(), table::bytes(bytes)))
    } else {
        None
    };
    // Last: without it, the other file is of no use.
    if let Err(error) = secret.create(&secret_path) {
        let _ = std::fs::remove_file(&keys_path);
        return Err(error).context("no keys were written");
    }
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
