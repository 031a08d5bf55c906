//! The service's side of the queue.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::jetstream::message::PublishMessage;
use futures_util::StreamExt as _;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{
    bucket::{Bucket, random_name, until},
    connection::{Connection, REACH},
    error::QueueError,
    job::{Outcome, QueuedJob},
    options::QueueOptions,
};
use crate::{
    deploy::DeploymentId,
    service::{
        body::BodyForm,
        error::ServiceError,
        hosted::{Evaluated, Hosted},
        key_hash::KeyHash,
        problem::Problem,
    },
};

/// Name of what is stored beside a response.
pub(super) const OUTCOME: &str = "outcome";
/// Time between two looks for a response of which no one told.
const LOOK: Duration = Duration::from_secs(1);
/// Time for cleaning up after a job.
const CLEAN: Duration = Duration::from_secs(30);

type AnswerWaits = Arc<Mutex<HashMap<String, Arc<Notify>>>>;

/// The queue, as a service sees it.
#[derive(Debug)]
pub(in crate::service) struct Queue {
    connection: Connection,
    requests: Bucket,
    responses: Bucket,
    job_time: Duration,
    /// The subject on which workers tell of responses.
    answers: String,
    waiting: AnswerWaits,
}

/// Wakes whoever waits for the responses that workers tell of.
async fn listen(connection: Connection, subject: String, waiting: AnswerWaits) {
    // The client subscribes again by itself after a connection broke.
    let Ok(mut told) = connection.client.subscribe(subject).await else {
        log::warn!("the queue tells of no responses; they are looked for");
        return;
    };
    while let Some(message) = told.next().await {
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let found = std::str::from_utf8(&message.payload).map(|id| waiting.get(id));
        if let Ok(Some(found)) = found {
            found.notify_one();
        }
    }
}

/// Takes a job out of those that wait when its wait ends.
struct WaitedFor<'a>(&'a AnswerWaits, &'a str);

impl Drop for WaitedFor<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(self.1);
    }
}

impl Queue {
    /// Makes the queue, or changes it to these options.
    pub async fn open(
        connection: Connection,
        options: &QueueOptions,
        deployments: &[DeploymentId],
    ) -> Result<Self, ServiceError> {
        let problem = |error: QueueError| ServiceError::Queue(error.to_string());
        let prepare = || connection.prepare(options, deployments);
        until(Instant::now() + REACH, prepare)
            .await
            .map_err(problem)?;
        let name = random_name().map_err(problem)?;
        let answers = format!("{}.answers.{name}", connection.name);
        let waiting = AnswerWaits::default();
        tokio::spawn(listen(
            connection.clone(),
            answers.clone(),
            Arc::clone(&waiting),
        ));
        Ok(Self {
            requests: connection.bucket("requests").await.map_err(problem)?,
            responses: connection.bucket("responses").await.map_err(problem)?,
            job_time: options.job_time,
            answers,
            waiting,
            connection,
        })
    }

    pub fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }

    /// Has a request answered by a worker, like [`crate::service::here::evaluate`] in this process. The request's memory
    /// ends when NATS has the request.
    pub async fn evaluate<R: AsRef<[u8]> + Send>(
        &self,
        (hosted, keys): (&Hosted, Option<KeyHash>),
        (form, request): (BodyForm, R),
    ) -> Result<(Duration, Evaluated), Problem> {
        let job = QueuedJob {
            id: random_name().map_err(Problem::internal)?,
            deployment: hosted.id,
            form,
            keys: keys.map(|hash| hash.to_string()),
            answers: self.answers.clone(),
        };
        let woken = Arc::new(Notify::new());
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(job.id.clone(), Arc::clone(&woken));
        let place = WaitedFor(&self.waiting, &job.id);
        let begin = Instant::now();
        let mut number = None;
        let answered = async {
            let time = REACH + Bucket::time(request.as_ref().len() as u64);
            let end = begin + time.min(self.job_time);
            let words = HashMap::new();
            self.requests
                .put(&job.id, &words, request.as_ref(), end)
                .await?;
            drop(request);
            number = Some(until(end, || self.add(&job)).await?);
            let end = begin + self.job_time;
            self.wait(&job, hosted.response_bytes, &woken, end).await
        };
        let answered = answered.await;
        drop(place);
        let taken_back = number.filter(|_| answered.is_err());
        self.clean(job.id, taken_back);
        let (outcome, response) = answered?;
        outcome.answer(response)
    }

    /// Adds a job; returns its number. NATS adds it once, whatever is repeated.
    async fn add(&self, job: &QueuedJob) -> Result<u64, QueueError> {
        let text = serde_json::to_vec(job).map_err(|error| QueueError::of(&error))?;
        let message = PublishMessage::build()
            .payload(text.into())
            .message_id(&job.id);
        let subject = self.connection.subject(job.deployment);
        let context = &self.connection.context;
        let sent = context.send_publish(subject, message).await;
        let added = sent.map_err(|error| QueueError::of(&error))?.await;
        added
            .map(|added| added.sequence)
            .map_err(|error| QueueError::of(&error))
    }

    /// Waits for a response.
    async fn wait(
        &self,
        job: &QueuedJob,
        most: u64,
        woken: &Notify,
        end: Instant,
    ) -> Result<(Outcome, Vec<u8>), Problem> {
        loop {
            let _ = timeout(LOOK, woken.notified()).await;
            match self.responses.get(&job.id, most).await {
                Ok(Some((info, response))) => {
                    let outcome = info.metadata.get(OUTCOME).map(String::as_str);
                    let outcome = serde_json::from_str(outcome.unwrap_or_default());
                    let outcome = outcome.map_err(|_| "a worker's answer has no outcome");
                    return Ok((outcome.map_err(Problem::internal)?, response));
                }
                Ok(None) => {}
                // The queue may be choosing another leader.
                Err(error) => log::debug!("looking for a response: {error}"),
            }
            if Instant::now() >= end {
                return Err(Problem::no_worker());
            }
        }
    }

    /// Removes what is left of a job, beside other work.
    fn clean(&self, id: String, number: Option<u64>) {
        let (requests, responses) = (self.requests.clone(), self.responses.clone());
        let (context, stream) = (self.connection.context.clone(), self.connection.jobs());
        tokio::spawn(async move {
            if let Some(number) = number
                && let Ok(stream) = context.get_stream_no_info(stream).await
            {
                // A worker that has it finds no request.
                let _ = stream.delete_message(number).await;
            }
            for bucket in [requests, responses] {
                if let Err(error) = until(Instant::now() + CLEAN, || bucket.delete(&id)).await {
                    // Its age removes it.
                    log::debug!("cleaning up after a job: {error}");
                }
            }
        });
    }
}
