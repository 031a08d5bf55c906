//! A connection to NATS, and the stream and buckets there.

use std::{path::Path, sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectOptions, Event, ServerAddr,
    connection::State,
    jetstream::{
        Context, ContextBuilder,
        consumer::{AckPolicy, PullConsumer, pull},
        stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
    },
};

use tokio::time::Instant;

use super::{
    bucket::{Bucket, CHUNK, until},
    error::QueueError,
    options::QueueOptions,
};
use crate::{
    deploy::DeploymentId,
    file::read_at_most,
    service::{ServiceLimits, body::BodyForm, error::ServiceError, hosted::Hosted, use_ring},
};

/// Time for an answer of NATS.
const ANSWER: Duration = Duration::from_secs(5);
/// Time in which the queue must take what it is given: long enough for its servers to choose another leader.
pub(super) const REACH: Duration = Duration::from_secs(15);
/// Time after which a silent connection is tried.
const PING: Duration = Duration::from_secs(5);
/// Size of the largest login and of the largest job, in bytes.
const MAX_LOGIN: u64 = 4096;
const MAX_JOB: i32 = 4096;
/// Times that a job is given to a worker.
pub(super) const DELIVERIES: i64 = 5;
/// Time for which NATS knows a job's name, so that it is added once.
const DUPLICATES: Duration = Duration::from_mins(2);
/// Name of the bucket of keys.
pub(in crate::service) const KEYS: &str = "keys";
/// What NATS needs for an object besides its bytes, and for each of its chunks, at most, in bytes.
const OBJECT: u64 = 64 << 10;
const OF_CHUNK: u64 = 512;
/// Time for which requests and responses outlive their job.
const AFTER: Duration = Duration::from_mins(1);

/// A connection to NATS.
#[derive(Clone)]
pub(in crate::service) struct Connection {
    pub client: Client,
    pub context: Context,
    /// Beginning of the names of stream and buckets.
    pub name: String,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Returns what NATS needs for an object of so many bytes, at most.
const fn room(bytes: u64) -> u64 {
    let chunks = bytes.div_ceil(CHUNK as u64);
    bytes.saturating_add(OBJECT + chunks * OF_CHUNK)
}

/// Reads a line with a token, or a user and a password.
fn login(options: ConnectOptions, path: &Path) -> Result<ConnectOptions, ServiceError> {
    let problem = |problem: String| ServiceError::File {
        path: path.to_owned(),
        problem,
    };
    let file = std::fs::File::open(path).map_err(|error| problem(error.to_string()))?;
    let bytes = read_at_most(file, MAX_LOGIN).map_err(|error| problem(error.to_string()))?;
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let line = text.as_deref().map(str::trim).unwrap_or_default();
    if line.is_empty() || line.lines().count() > 1 {
        return Err(problem(
            "must hold one line: a token, or USER:PASSWORD".to_owned(),
        ));
    }
    Ok(match line.split_once(':') {
        Some((user, password)) => options.user_and_password(user.to_owned(), password.to_owned()),
        None => options.token(line.to_owned()),
    })
}

impl Connection {
    /// Connects to one of the servers; later to another one whenever that fails.
    pub async fn open(options: &QueueOptions) -> Result<Self, ServiceError> {
        let is_name = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if options.name.is_empty() || !options.name.bytes().all(is_name) {
            return Err(ServiceError::Queue(
                "its name must consist of letters, digits, - and _".to_owned(),
            ));
        }
        let servers = options.servers.iter().map(|server| {
            server.parse().map_err(|_| {
                ServiceError::Queue("write its addresses as nats://HOST:PORT".to_owned())
            })
        });
        let servers: Vec<ServerAddr> = servers.collect::<Result<_, _>>()?;
        use_ring();
        let mut connect = ConnectOptions::new()
            .name("sealquant")
            .connection_timeout(ANSWER)
            .request_timeout(Some(ANSWER))
            .ping_interval(PING)
            .event_callback(async |event| match event {
                Event::Connected => log::info!("connected to the queue"),
                Event::Disconnected => log::warn!("the connection to the queue broke"),
                event => log::debug!("queue: {event}"),
            });
        if let Some(path) = &options.login {
            connect = login(connect, path)?;
        }
        if let Some(roots) = &options.roots {
            connect = connect.add_root_certificates(roots.clone());
        }
        let client = connect.connect(servers).await.map_err(|error| {
            // Its words may hold an address with a password.
            ServiceError::Queue(format!("no server of it can be reached ({})", error.kind()))
        })?;
        let context = ContextBuilder::new()
            .timeout(ANSWER)
            .ack_timeout(ANSWER)
            .build(client.clone());
        Ok(Self {
            client,
            context,
            name: options.name.clone(),
        })
    }

    /// Refuses a queue that has no room for a request, or a response, of each deployment.
    pub fn check_memory<'a>(
        options: &QueueOptions,
        hosted: impl IntoIterator<Item = &'a Arc<Hosted>>,
    ) -> Result<(), ServiceError> {
        let largest = hosted.into_iter().map(|hosted| {
            let own = hosted.request_limit(BodyForm::Own);
            let seal = hosted.request_limit(BodyForm::Seal);
            room(own.max(seal).max(hosted.response_bytes))
        });
        let largest = largest.max().unwrap_or(0);
        if options.bytes < largest {
            return Err(ServiceError::QueueMemory { largest });
        }
        Ok(())
    }

    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    pub fn jobs(&self) -> String {
        format!("{}-jobs", self.name)
    }

    /// Returns the subject of the jobs of a deployment.
    pub fn subject(&self, deployment: DeploymentId) -> String {
        format!("{}.jobs.{deployment}", self.name)
    }

    async fn make(&self, config: Config) -> Result<(), QueueError> {
        let made = self.context.create_or_update_stream(config).await;
        made.map(drop).map_err(|error| QueueError::of(&error))
    }

    /// Makes the stream of jobs, with a consumer for each deployment, and the buckets of requests and responses, or
    /// changes them to these options.
    pub async fn prepare(
        &self,
        options: &QueueOptions,
        deployments: &[DeploymentId],
    ) -> Result<(), QueueError> {
        let stream = Config {
            name: self.jobs(),
            subjects: vec![format!("{}.jobs.*", self.name)],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_messages: options.jobs.max(1).cast_signed() as i64,
            max_message_size: MAX_JOB,
            max_age: options.job_time,
            duplicate_window: DUPLICATES.min(options.job_time),
            storage: StorageType::File,
            num_replicas: options.replicas,
            ..Config::default()
        };
        self.make(stream).await?;
        for &deployment in deployments {
            let consumer = pull::Config {
                durable_name: Some(deployment.to_string()),
                filter_subject: self.subject(deployment),
                ack_policy: AckPolicy::Explicit,
                ack_wait: options.ack_wait,
                max_deliver: DELIVERIES,
                ..pull::Config::default()
            };
            let made = self
                .context
                .create_consumer_on_stream(consumer, self.jobs())
                .await;
            made.map_err(|error| QueueError::of(&error))?;
        }
        let age = options.job_time + AFTER;
        for bucket in ["requests", "responses"] {
            self.make_bucket(bucket, options.bytes, age, options.replicas)
                .await?;
        }
        Ok(())
    }

    /// Makes the bucket of clients' keys: for as many sets in the project's own form as may be stored, of the size `own`,
    /// and at least for one of any form.
    pub async fn make_keys(
        &self,
        limits: &ServiceLimits,
        (own, any): (u64, u64),
        replicas: usize,
    ) -> Result<(), ServiceError> {
        let all = room(own).saturating_mul(limits.stored_keys as u64);
        let bytes = all.max(room(any));
        let made = until(Instant::now() + REACH, || {
            self.make_bucket(KEYS, bytes, limits.key_age, replicas)
        });
        made.await
            .map_err(|error| ServiceError::Queue(error.to_string()))
    }

    /// Makes a bucket, or changes its bounds.
    async fn make_bucket(
        &self,
        bucket: &str,
        bytes: u64,
        age: Duration,
        replicas: usize,
    ) -> Result<(), QueueError> {
        let name = format!("{}-{bucket}", self.name);
        let stream = Config {
            name: format!("OBJ_{name}"),
            subjects: vec![format!("$O.{name}.C.>"), format!("$O.{name}.M.>")],
            max_bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            max_age: age,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            allow_rollup: true,
            // A copy may lag: only the leader tells whether an object is there.
            allow_direct: false,
            num_replicas: replicas,
            ..Config::default()
        };
        self.make(stream).await
    }

    /// Opens a bucket that was made.
    pub async fn bucket(&self, bucket: &str) -> Result<Bucket, QueueError> {
        let name = format!("{}-{bucket}", self.name);
        let stream = self.context.get_stream(format!("OBJ_{name}")).await;
        stream
            .map(|stream| Bucket::new(name, self.context.clone(), stream))
            .map_err(|error| QueueError::of(&error))
    }

    /// Opens the consumer of a deployment's jobs, which a service has made.
    pub async fn consumer(&self, deployment: DeploymentId) -> Result<PullConsumer, QueueError> {
        let opened = self
            .context
            .get_consumer_from_stream(deployment.to_string(), self.jobs())
            .await;
        opened.map_err(|error| QueueError::of(&error))
    }
}
