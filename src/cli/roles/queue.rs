//! Options of the queue, for services and workers.

use std::path::PathBuf;

use crate::service::QueueOptions;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Queue")]
pub(super) struct QueueArguments {
    /// A NATS server with JetStream, as nats://HOST:PORT or tls://HOST:PORT; name several of one cluster, with commas
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub(super) queue: Vec<String>,
    /// Name of the queue on these servers; services and workers of one name work together
    #[arg(
        long,
        value_name = "NAME",
        default_value = "sealquant",
        requires = "queue"
    )]
    queue_name: String,
    /// A file with one line, a token or USER:PASSWORD, for the NATS servers
    #[arg(long, value_name = "FILE", requires = "queue")]
    queue_login: Option<PathBuf>,
    /// Further certificates to trust for the NATS servers, in PEM form
    #[arg(long, value_name = "FILE", requires = "queue")]
    queue_roots: Option<PathBuf>,
}

impl QueueArguments {
    /// Returns the options, if there is a queue.
    pub(super) fn options(&self) -> Option<QueueOptions> {
        (!self.queue.is_empty()).then(|| QueueOptions {
            servers: self.queue.clone(),
            login: self.queue_login.clone(),
            roots: self.queue_roots.clone(),
            name: self.queue_name.clone(),
            ..QueueOptions::default()
        })
    }
}
