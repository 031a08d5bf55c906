//! `sealquant worker`.

use std::{num::NonZeroUsize, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::bail;

use super::{
    super::{interrupt, model, output::Output, progress::doing},
    log::start_log,
    queue::QueueArguments,
};
use crate::service::{ServiceLimits, Worker, WorkerOptions};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct WorkerArguments {
    /// The folder server of a deployment; name several to answer for several
    #[arg(long, value_name = "DIR", required = true)]
    deployment: Vec<PathBuf>,
    #[command(flatten)]
    queue: QueueArguments,
    /// The store of clients' keys that the service uses: queue:, a shared folder, or s3://BUCKET/FOLDER with the usual AWS_
    /// variables
    #[arg(long, value_name = "PLACE", default_value = "queue:")]
    key_store: String,
    /// Evaluations at once
    #[arg(long, value_name = "N", default_value = "1", value_parser = model::whole::<usize>(1..=1024))]
    evaluations: usize,
    /// Clients whose keys are kept ready in memory, for each deployment
    #[arg(long, value_name = "N", default_value = "8", value_parser = model::whole::<usize>(1..=100_000))]
    open_keys: usize,
    /// Seconds that running jobs get to end when the worker stops
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = model::whole::<u64>(1..=86_400))]
    drain: u64,
    /// Worker threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = model::whole::<NonZeroUsize>(1..=usize::MAX))]
    pub(in crate::cli) threads: Option<NonZeroUsize>,
}

pub(in crate::cli) fn run(
    arguments: &WorkerArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let Some(queue) = arguments.queue.options() else {
        bail!("name the NATS servers with --queue nats://HOST:PORT");
    };
    let options = WorkerOptions {
        queue,
        key_store: arguments.key_store.clone(),
        limits: ServiceLimits {
            evaluations: arguments.evaluations,
            open_keys: arguments.open_keys,
            drain: Duration::from_secs(arguments.drain),
            // What a service took; a deployment's sizes bound it.
            body_bytes: u64::MAX,
            ..ServiceLimits::default()
        },
    };
    start_log();
    let worker = doing("preparing", || Worker::new(&arguments.deployment, &options))?;
    let stop = worker.stop_handle();
    interrupt::first_do(move || stop.stop());
    interrupt::say(|| "running jobs go back to the queue".to_owned());
    output.line("taking jobs")?;
    worker.run();
    Ok(ExitCode::SUCCESS)
}
