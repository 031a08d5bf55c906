//! The worker's side of the queue.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use async_nats::jetstream::{AckKind, Message, consumer::PullConsumer};
use futures_util::StreamExt as _;
use tokio::{
    runtime::Runtime,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{
    bucket::{Bucket, until},
    connection::{Connection, DELIVERIES},
    error::QueueError,
    job::{Outcome, QueuedJob},
    options::QueueOptions,
    sender::OUTCOME,
};
use crate::{
    deploy::DeploymentId,
    service::{
        ServiceLimits,
        error::ServiceError,
        here,
        hosted::{Hosted, load_all},
        key_store::KeyStore,
        problem::Problem,
        stop::StopHandle,
    },
};

/// Time for which a worker of one deployment waits for a job before it asks again; one of several asks for each in turn.
const ASK: Duration = Duration::from_secs(2);
const ASK_EACH: Duration = Duration::from_millis(250);
/// Pause after the queue failed, or has nothing of a deployment.
const PAUSE: Duration = Duration::from_secs(1);
/// Deliveries of a job after which a missing request is gone.
const LOOKS: i64 = 3;
/// Time in which the queue must answer, besides that of the bytes of a request or a response.
const STORE: Duration = Duration::from_secs(30);

/// Choices for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Where the queue is.
    pub queue: QueueOptions,
    /// The store of clients' keys that the service uses, see [`crate::service::ServiceOptions::key_store`].
    pub key_store: String,
    /// Bounds: [`ServiceLimits::evaluations`], [`ServiceLimits::open_keys`], [`ServiceLimits::stall`] and
    /// [`ServiceLimits::drain`] hold for workers.
    pub limits: ServiceLimits,
}

/// A worker that is ready to take jobs. It holds no secret key.
pub struct Worker {
    runtime: Runtime,
    state: Arc<WorkerState>,
    stop: StopHandle,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Worker")
            .field("connection", &self.state.connection)
            .finish_non_exhaustive()
    }
}

/// What answering jobs takes.
struct WorkerState {
    connection: Connection,
    hosted: BTreeMap<DeploymentId, Arc<Hosted>>,
    keys: KeyStore,
    limits: ServiceLimits,
}

/// The buckets of a queue that a service has made.
struct Buckets {
    requests: Bucket,
    responses: Bucket,
}

/// The jobs of one deployment.
struct JobSource {
    deployment: DeploymentId,
    /// `None` until a service has made them, or after the queue failed.
    jobs: Option<PullConsumer>,
    /// Time between two signs of life for a job.
    beat: Duration,
    said: bool,
}

impl Worker {
    /// Prepares deployments, from their folders `server`, and connects to the queue.
    ///
    /// # Errors
    /// [`ServiceError`] if a file, the key store, the queue or a deployment cannot be used.
    pub fn new(folders: &[PathBuf], options: &WorkerOptions) -> Result<Self, ServiceError> {
        let hosted = load_all(folders, &options.limits, true)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("sealquant-worker")
            .enable_all()
            .build()?;
        let connection = runtime.block_on(Connection::open(&options.queue))?;
        let limits = options.limits.clone();
        let keys = KeyStore::open(
            &options.key_store,
            (limits.stored_keys, limits.key_age),
            Some(&connection),
        )?;
        Ok(Self {
            runtime,
            state: Arc::new(WorkerState {
                connection,
                hosted,
                keys,
                limits,
            }),
            stop: StopHandle::new(),
        })
    }

    /// Returns a handle with which another thread stops the worker.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Takes jobs until it is stopped; the job of a worker that goes on too long after that goes to another one.
    pub fn run(self) {
        let turns = self.state.limits.evaluations.max(1);
        self.runtime.block_on(async {
            let all = Arc::new(Semaphore::new(turns));
            self.take_jobs(&all).await;
            log::info!("stopping: running jobs end first");
            let turns = u32::try_from(turns).unwrap_or(u32::MAX);
            if timeout(self.state.limits.drain, all.acquire_many(turns))
                .await
                .is_err()
            {
                log::warn!("stopped before all jobs had ended");
            }
            let _ = timeout(PAUSE, self.state.connection.client.flush()).await;
        });
        // An evaluation that still runs has had its time.
        self.runtime.shutdown_background();
    }

    async fn take_jobs(&self, turns: &Arc<Semaphore>) {
        let mut stopped = self.stop.watch();
        let mut sources: Vec<JobSource> = self.state.hosted.keys().map(JobSource::new).collect();
        let ask = if sources.len() == 1 { ASK } else { ASK_EACH };
        let mut buckets = None;
        for at in (0..sources.len()).cycle() {
            let turn = tokio::select! {
                turn = Arc::clone(turns).acquire_owned() => turn,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            let Ok(turn) = turn else { return };
            // Not cut short by the end: a job that is on its way would wait for its time to be taken for lost.
            let taken = sources[at].next(&self.state.connection, ask).await;
            if *stopped.borrow() {
                if let Ok(Some(message)) = &taken {
                    let _ = message.ack_with(AckKind::Nak(None)).await;
                }
                return;
            }
            match taken {
                Ok(None) => {}
                Ok(Some(message)) => match self.state.buckets(&mut buckets).await {
                    Ok(buckets) => self.spawn((message, sources[at].beat), buckets, turn),
                    Err(error) => {
                        log::warn!("the queue failed: {error}");
                        let _ = message.ack_with(AckKind::Nak(Some(PAUSE))).await;
                    }
                },
                Err(error) => {
                    sources[at].say(&error);
                    let pause = timeout(PAUSE, stopped.wait_for(|stopped| *stopped));
                    drop(pause.await);
                }
            }
        }
    }

    fn spawn(
        &self,
        (message, beat): (Message, Duration),
        buckets: Arc<Buckets>,
        turn: OwnedSemaphorePermit,
    ) {
        let state = Arc::clone(&self.state);
        tokio::spawn(async move {
            state.work(&message, &buckets, beat).await;
            drop(turn);
        });
    }
}

impl JobSource {
    const fn new(deployment: &DeploymentId) -> Self {
        Self {
            deployment: *deployment,
            jobs: None,
            beat: PAUSE,
            said: false,
        }
    }

    /// Waits for a job, for so long.
    async fn next(
        &mut self,
        connection: &Connection,
        ask: Duration,
    ) -> Result<Option<Message>, QueueError> {
        let jobs = match self.jobs.take() {
            Some(jobs) => jobs,
            None => connection.consumer(self.deployment).await?,
        };
        let batch = jobs.batch().max_messages(1).expires(ask).messages().await;
        let mut batch = batch.map_err(|error| QueueError::of(&error))?;
        // NATS ends the batch; a broken connection does not.
        let next = timeout(2 * ask + PAUSE, batch.next()).await;
        let next = next.map_err(|_| QueueError::Failed("it does not answer".to_owned()))?;
        let next = next.transpose();
        let next = next.map_err(|error| QueueError::Failed(error.to_string()))?;
        self.beat = jobs.cached_info().config.ack_wait / 3;
        self.jobs = Some(jobs);
        self.said = false;
        Ok(next)
    }

    /// Tells once that there are no jobs to be had.
    fn say(&mut self, error: &QueueError) {
        if !self.said {
            let deployment = self.deployment;
            log::warn!("the queue has no jobs of the deployment {deployment} yet: {error}");
            self.said = true;
        }
    }
}

/// A job's end.
enum End {
    Answered(Outcome, Vec<u8>),
    /// Another worker has answered.
    AnsweredBefore,
    /// There is no request: its service no longer waits.
    Missing,
}

impl WorkerState {
    async fn buckets(&self, open: &mut Option<Arc<Buckets>>) -> Result<Arc<Buckets>, QueueError> {
        if let Some(open) = open {
            return Ok(Arc::clone(open));
        }
        let made = Arc::new(Buckets {
            requests: self.connection.bucket("requests").await?,
            responses: self.connection.bucket("responses").await?,
        });
        Ok(Arc::clone(open.insert(made)))
    }

    /// Answers a job, stores the answer, and acknowledges then. Meanwhile tells the queue that it goes on.
    async fn work(&self, message: &Message, buckets: &Buckets, beat: Duration) {
        let begin = Instant::now();
        let delivery = message.info().map_or(1, |info| info.delivered);
        let Some(job) = QueuedJob::read(&message.payload, &self.connection.name) else {
            log::warn!("a message that is no job was dropped");
            let _ = message.ack_with(AckKind::Term).await;
            return;
        };
        log::debug!("job={} delivery={delivery} taken", job.id);
        let mut beats = interval(beat.max(Duration::from_millis(1)));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answered = std::pin::pin!(self.finish(&job, buckets, delivery));
        let answered = loop {
            tokio::select! {
                answered = &mut answered => break answered,
                _ = beats.tick() => drop(message.ack_with(AckKind::Progress).await),
            }
        };
        let word = match answered {
            Ok(word) => {
                // Without an answer the job comes again, and is gone by then.
                if let Err(error) = message.double_ack().await {
                    log::warn!("job={} was not acknowledged: {error}", job.id);
                }
                word
            }
            Err(cause) => {
                log::warn!("job={} goes back to the queue: {cause}", job.id);
                let _ = message.ack_with(AckKind::Nak(Some(PAUSE))).await;
                "back".to_owned()
            }
        };
        log::info!(
            target: "sealquant::service",
            "job={} deployment={} delivery={delivery} outcome={word} ms={:.1}",
            job.id,
            job.deployment,
            begin.elapsed().as_secs_f64() * 1e3,
        );
    }

    /// Answers a job and stores the answer; returns a word for the log, or why another worker should try.
    async fn finish(
        &self,
        job: &QueuedJob,
        buckets: &Buckets,
        delivery: i64,
    ) -> Result<String, QueueError> {
        let is_last = delivery >= DELIVERIES;
        let end = match self.answer(job, buckets).await {
            Ok(end) => end,
            // What may be this worker's own trouble.
            Err(problem) if problem.status.is_server_error() && !is_last => {
                return Err(QueueError::Failed(problem.detail));
            }
            Err(problem) => End::Answered(Outcome::refused(&problem), Vec::new()),
        };
        let (outcome, response) = match end {
            End::Answered(outcome, response) => (outcome, response),
            // A leader of the bucket that was chosen just now may not have all of it yet.
            End::Missing if delivery < LOOKS => {
                return Err(QueueError::Failed("there is no request".to_owned()));
            }
            End::Missing | End::AnsweredBefore => return Ok("gone".to_owned()),
        };
        let text = serde_json::to_string(&outcome).map_err(|error| QueueError::of(&error))?;
        let words = HashMap::from([(OUTCOME.to_owned(), text)]);
        let end = Instant::now() + STORE + Bucket::time(response.len() as u64);
        let store = buckets.responses.put(&job.id, &words, &response, end);
        store.await?;
        // If this is lost, the service looks by itself.
        let told = job.id.clone().into_bytes();
        let client = &self.connection.client;
        let _ = client.publish(job.answers.clone(), told.into()).await;
        Ok(match outcome {
            Outcome::Done { .. } => "ok".to_owned(),
            Outcome::Refused { word, .. } => word,
        })
    }

    async fn answer(&self, job: &QueuedJob, buckets: &Buckets) -> Result<End, Problem> {
        let hosted = self.hosted.get(&job.deployment).ok_or_else(|| {
            let detail = format!("this worker has no deployment {}", job.deployment);
            Problem::gone(detail)
        })?;
        let end = Instant::now() + STORE;
        if until(end, || buckets.responses.find(&job.id))
            .await?
            .is_some()
        {
            return Ok(End::AnsweredBefore);
        }
        let most = hosted.request_limit(job.form);
        let Some(found) = until(end, || buckets.requests.find(&job.id)).await? else {
            return Ok(End::Missing);
        };
        let end = Instant::now() + STORE + Bucket::time((found.size as u64).min(most));
        let request = until(end, || buckets.requests.get(&job.id, most)).await?;
        let Some((_, request)) = request else {
            return Ok(End::Missing);
        };
        let keys = job.keys.as_deref().map(str::parse).transpose();
        let keys = keys.map_err(Problem::internal)?;
        let store = (&self.keys, self.limits.stall);
        let answered =
            here::evaluate((Arc::clone(hosted), keys), store, (job.form, request), ()).await?;
        let (opened, evaluated) = answered;
        let outcome = Outcome::done(opened, &evaluated);
        Ok(End::Answered(outcome, evaluated.response))
    }
}
