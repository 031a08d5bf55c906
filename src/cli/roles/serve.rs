//! `sealquant serve`.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, process::ExitCode, time::Duration};

use super::{
    super::{
        interrupt, model,
        output::{Output, note},
        progress::doing,
    },
    log::start_log,
    queue::QueueArguments,
};
use crate::service::{QueueOptions, Service, ServiceLimits, ServiceOptions, TlsFiles};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ServeArguments {
    /// The folder server of a deployment; name several to serve several
    #[arg(long, value_name = "DIR", required = true)]
    deployment: Vec<PathBuf>,
    /// Address and port; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The store of clients' keys: a folder, s3://BUCKET/FOLDER with the usual AWS_ variables, or queue: [default: queue: if
    /// there is one, else a folder in the user's data directory]
    #[arg(long, value_name = "PLACE")]
    key_store: Option<String>,
    /// The folder of a built web page, which is served at / (`make web` builds one in target/web)
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
    /// A file with a token in each line: calls must send one of them
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// The certificate in PEM form, with those that lead to a root behind it: serves https
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    queue: QueueArguments,
    #[command(flatten)]
    jobs: JobArguments,
    #[command(flatten)]
    limits: LimitArguments,
    /// Worker threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = model::whole::<NonZeroUsize>(1..=usize::MAX))]
    pub(in crate::cli) threads: Option<NonZeroUsize>,
}

/// What the queue may hold: the service makes it so.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Queue")]
struct JobArguments {
    /// NATS servers that hold a copy of everything
    #[arg(long, value_name = "N", default_value = "1", requires = "queue", value_parser = model::whole::<usize>(1..=5))]
    queue_replicas: usize,
    /// Jobs that wait or run; further requests are told to come again
    #[arg(long, value_name = "N", default_value = "1000", requires = "queue", value_parser = model::whole::<usize>(1..=1_000_000))]
    queue_jobs: usize,
    /// Bytes of requests that NATS may hold, and of responses, in MiB; it reserves them from the start
    #[arg(long, value_name = "MIB", default_value = "1024", requires = "queue", value_parser = model::whole::<u64>(1..=1 << 24))]
    queue_memory: u64,
    /// Seconds in which a job must be answered
    #[arg(long, value_name = "SECONDS", default_value = "600", requires = "queue", value_parser = model::whole::<u64>(1..=86_400))]
    job_time: u64,
    /// Seconds after which the job of a worker that says nothing goes to another
    #[arg(long, value_name = "SECONDS", default_value = "30", requires = "queue", value_parser = model::whole::<u64>(1..=3600))]
    ack_wait: u64,
}

impl JobArguments {
    fn options(&self, queue: QueueOptions) -> QueueOptions {
        QueueOptions {
            replicas: self.queue_replicas,
            jobs: self.queue_jobs,
            bytes: self.queue_memory << 20,
            job_time: Duration::from_secs(self.job_time),
            ack_wait: Duration::from_secs(self.ack_wait),
            ..queue
        }
    }
}

/// Bounds on what the service does for others.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArguments {
    /// Evaluations at once
    #[arg(long, value_name = "N", default_value = "2", value_parser = model::whole::<usize>(1..=1024))]
    evaluations: usize,
    /// Requests that wait for an evaluation; further ones are told to come again
    #[arg(long, value_name = "N", default_value = "64", value_parser = model::whole::<usize>(1..=100_000))]
    waiting: usize,
    /// Open connections
    #[arg(long, value_name = "N", default_value = "256", value_parser = model::whole::<usize>(1..=1_000_000))]
    connections: usize,
    /// Memory for requests that arrive or wait, in MiB
    #[arg(long, value_name = "MIB", default_value = "1024", value_parser = model::whole::<u64>(1..=1 << 20))]
    body_memory: u64,
    /// Clients whose keys are kept ready in memory, for each deployment
    #[arg(long, value_name = "N", default_value = "8", value_parser = model::whole::<usize>(1..=100_000))]
    open_keys: usize,
    /// Sets of keys in the store
    #[arg(long, value_name = "N", default_value = "1000", value_parser = model::whole::<usize>(1..=1_000_000))]
    stored_keys: usize,
    /// Days after which stored keys are removed
    #[arg(long, value_name = "DAYS", default_value = "30", value_parser = model::whole::<u64>(1..=36_500))]
    key_days: u64,
    /// Seconds for which a connection may pause within a request
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = model::whole::<u64>(1..=3600))]
    stall: u64,
    /// Seconds that running requests get to end when the service stops
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = model::whole::<u64>(1..=86_400))]
    drain: u64,
}

impl LimitArguments {
    fn limits(&self) -> ServiceLimits {
        ServiceLimits {
            connections: self.connections,
            evaluations: self.evaluations,
            waiting: self.waiting,
            body_bytes: self.body_memory << 20,
            open_keys: self.open_keys,
            stored_keys: self.stored_keys,
            key_age: Duration::from_secs(self.key_days * 24 * 3600),
            stall: Duration::from_secs(self.stall),
            drain: Duration::from_secs(self.drain),
            ..ServiceLimits::default()
        }
    }
}

pub(in crate::cli) fn run(
    arguments: &ServeArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let queue = arguments.queue.options();
    let key_store = match &arguments.key_store {
        Some(place) => place.clone(),
        None if queue.is_some() => "queue:".to_owned(),
        None => super::data_folder()?
            .join("served-keys")
            .display()
            .to_string(),
    };
    let files = arguments
        .tls_certificate
        .clone()
        .zip(arguments.tls_key.clone());
    let options = ServiceOptions {
        key_store,
        queue: queue.map(|queue| arguments.jobs.options(queue)),
        tokens: arguments.tokens.clone(),
        tls: files.map(|(certificates, key)| TlsFiles { certificates, key }),
        limits: arguments.limits.limits(),
    };
    start_log();
    let service = doing("preparing", || {
        let service = Service::new(&arguments.deployment, &options)?;
        match &arguments.page {
            Some(folder) => service.with_page(folder),
            None => Ok(service),
        }
    })?;
    if !arguments.listen.ip().is_loopback() {
        if options.tls.is_none() {
            note(
                "without TLS, others on the way can see and change who asks what; requests themselves are encrypted",
            );
        }
        if options.tokens.is_none() {
            note("without --tokens, everyone who reaches this address can use the service");
        }
    }
    let stop = service.stop_handle();
    interrupt::first_do(move || stop.stop());
    interrupt::say(|| "running requests were dropped".to_owned());
    let scheme = if options.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let mut said = Ok(());
    service.run(arguments.listen, |address| {
        said = output.line(format_args!("serving at {scheme}://{address}"));
    })?;
    said?;
    Ok(ExitCode::SUCCESS)
}
