//! `sealquant evaluate`.

use std::{
    fs::File,
    io::BufReader,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, bail};

use super::super::{
    interrupt, model,
    output::{Output, check_directory},
    progress::doing,
    table,
};
use super::RequestProgress;
use crate::{
    deploy::{
        Deployment, DeploymentId, MANIFEST_FILE, Manifest, RequestForm, request_file,
        response_file, write_response,
    },
    engine::{
        CompactKeys, Contexts, Evaluation, EvaluationKeys, MaskedImage, Pad, Progress, Request,
        Server,
    },
    file,
    pads::{PadStoreError, PreparedPadStore},
    wire::{Limits, Message as _},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct EvaluateArguments {
    /// The deployment's folder server
    #[arg(long, value_name = "DIR")]
    server: PathBuf,
    /// The client's evaluation.keys, if the deployment needs keys
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The client's folder of requests
    #[arg(long, value_name = "DIR")]
    requests: PathBuf,
    /// Folder for the responses; those that are there are not computed again. Pads have none
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The server's folder of prepared pads, for requests with pads
    #[arg(long, value_name = "DIR")]
    pad_store: Option<PathBuf>,
    /// Evaluate only the I-th of N parts of the requests, as one of N jobs: I/N, from 1/N to N/N
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = part)]
    part: JobPart,
    /// Worker threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = model::whole::<NonZeroUsize>(1..=usize::MAX))]
    pub(in crate::cli) threads: Option<NonZeroUsize>,
}

/// One of several equal parts of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct JobPart {
    /// Counted from 0.
    index: usize,
    parts: usize,
}

fn part(text: &str) -> Result<JobPart, String> {
    let parts = text.split_once('/').and_then(|(index, parts)| {
        let (index, parts): (usize, usize) = (index.parse().ok()?, parts.parse().ok()?);
        (1..=parts).contains(&index).then(|| JobPart {
            index: index - 1,
            parts,
        })
    });
    parts.ok_or_else(|| "write I/N with I from 1 to N, as in 3/16".to_owned())
}

/// A server, and where it reads and writes.
struct OpenServer<'a> {
    arguments: &'a EvaluateArguments,
    manifest: Manifest,
    contexts: Contexts,
    server: Server,
    work: ServerTask,
    limits: Limits,
}

/// The work on the requests.
enum ServerTask {
    /// Computes the first layer on pads, for a store.
    Prepare(PreparedPadStore),
    /// Answers requests, with pads if there is a store, into a folder.
    Answer(PathBuf, Option<PreparedPadStore>),
}

/// Counts of the work.
#[derive(Default)]
struct Done {
    evaluated: usize,
    there: usize,
    up: u64,
    down: u64,
    seconds: f64,
}

pub(in crate::cli) fn run(
    arguments: &EvaluateArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    if let Some(out) = &arguments.out {
        check_directory("--out", out)?;
    }
    interrupt::say(|| {
        "the responses that are complete are kept: the same command goes on".to_owned()
    });
    let deployment = Deployment::load(&arguments.server)?;
    let open = arguments.open(&deployment)?;
    let done = match &open.work {
        ServerTask::Prepare(store) => open.prepare(store)?,
        ServerTask::Answer(out, store) => open.answer(out, store.as_ref())?,
    };
    let mut facts = vec![
        ("deployment", deployment.id().to_string()),
        ("requests evaluated", table::thousands(done.evaluated)),
        ("done before", table::thousands(done.there)),
        ("evaluation", table::seconds(done.seconds)),
        ("bytes read", table::bytes(done.up)),
    ];
    if let ServerTask::Answer(out, _) = &open.work {
        facts.push(("bytes for the client", table::bytes(done.down)));
        facts.push(("folder for the client", out.display().to_string()));
    }
    output.line(table::facts(facts))?;
    Ok(ExitCode::SUCCESS)
}

impl EvaluateArguments {
    fn open(&self, deployment: &Deployment) -> anyhow::Result<OpenServer<'_>> {
        let plan = deployment.plan()?;
        let (id, batch_size) = (deployment.id(), plan.batch_size());
        let manifest = Manifest::load(&self.requests, id, batch_size)?;
        let store = match (&self.pad_store, manifest.form()) {
            (_, RequestForm::Images) => None,
            (Some(folder), _) => Some(PreparedPadStore::open(folder).context("--pad-store")?),
            (None, _) => bail!("these requests need --pad-store, the folder of prepared pads"),
        };
        let work = match (store, manifest.form()) {
            (Some(store), RequestForm::Pads) => ServerTask::Prepare(store),
            (store, _) => ServerTask::Answer(self.folder(&manifest, id, batch_size)?, store),
        };
        let contexts = Contexts::new(plan.client_spec())?;
        let limits = super::limits();
        let keys = match &self.keys {
            Some(path) if contexts.needs_keys() => doing("reading the keys", || {
                let keys = CompactKeys::load(&contexts, path, &limits);
                let keys = keys.with_context(|| path.display().to_string())?;
                Ok::<_, anyhow::Error>(keys.into_keys(&contexts))
            })?,
            None if contexts.needs_keys() => {
                bail!("this deployment needs keys: name the client's evaluation.keys with --keys")
            }
            _ => EvaluationKeys::none(&contexts),
        };
        let server = doing("preparing", || Server::new(&plan, &contexts, keys))?;
        Ok(OpenServer {
            arguments: self,
            manifest,
            contexts,
            server,
            work,
            limits,
        })
    }
}

impl EvaluateArguments {
    /// Returns the folder of the responses, which is for these requests.
    fn folder(
        &self,
        manifest: &Manifest,
        id: DeploymentId,
        batch_size: usize,
    ) -> anyhow::Result<PathBuf> {
        let out = self.out.as_ref();
        let out = out.context("name a folder for the responses with --out")?;
        if !out.join(MANIFEST_FILE).exists() {
            manifest.save(out)?;
        } else if Manifest::load(out, id, batch_size)? != *manifest {
            bail!(
                "--out: {} holds the responses to other requests: name another folder",
                out.display()
            );
        }
        Ok(out.clone())
    }
}

impl OpenServer<'_> {
    /// Returns the numbers of the requests of this part.
    fn mine(&self) -> impl ExactSizeIterator<Item = usize> {
        let JobPart { index, parts } = self.arguments.part;
        (index..self.manifest.batches()).step_by(parts)
    }

    fn request(&self, batch: usize) -> PathBuf {
        self.arguments.requests.join(request_file(batch))
    }

    /// Computes the first layer on pads.
    fn prepare(&self, store: &PreparedPadStore) -> anyhow::Result<Done> {
        let progress = RequestProgress::new("preparing pads", self.mine().len());
        let mut done = Done::default();
        for (number, batch) in self.mine().enumerate() {
            progress.done(number);
            let path = self.request(batch);
            let during = || format!("the pad {}", path.display());
            done.up += path.metadata().map_or(0, |found| found.len());
            let pad = Pad::load(&self.contexts, &path, &self.limits).with_context(during)?;
            let start = Instant::now();
            match store.prepare(&self.server, &self.contexts, &pad) {
                Ok(()) => done.evaluated += 1,
                // Also a pad that has served since.
                Err(PadStoreError::Exists { .. } | PadStoreError::Used { .. }) => done.there += 1,
                Err(error) => return Err(error).with_context(during),
            }
            done.seconds += start.elapsed().as_secs_f64();
        }
        progress.done(self.mine().len());
        Ok(done)
    }

    /// Answers requests that have no answer yet.
    fn answer(&self, out: &Path, store: Option<&PreparedPadStore>) -> anyhow::Result<Done> {
        let progress = RequestProgress::new("evaluating requests", self.mine().len());
        let mut done = Done::default();
        // The memory of one request serves the next.
        let mut request = Request::default();
        for (number, batch) in self.mine().enumerate() {
            progress.done(number);
            let answer = out.join(response_file(batch));
            if answer.exists() {
                done.there += 1;
                continue;
            }
            let path = self.request(batch);
            let during = || format!("the request {}", path.display());
            done.up += path.metadata().map_or(0, |found| found.len());
            let evaluation = self
                .evaluate(
                    batch,
                    (&mut request, store),
                    progress.within(),
                    &mut done.seconds,
                )
                .with_context(during)?;
            let response = &evaluation.response;
            let message = write_response(&self.contexts, response).with_context(during)?;
            done.down += message.len() as u64;
            let written = file::write_atomically(&answer, &message);
            written.with_context(|| format!("writing {}", answer.display()))?;
            done.evaluated += 1;
        }
        progress.done(self.mine().len());
        Ok(done)
    }

    /// Reads and evaluates a request; adds the time of evaluation to `seconds`.
    fn evaluate(
        &self,
        batch: usize,
        (request, store): (&mut Request, Option<&PreparedPadStore>),
        progress: &dyn Progress,
        seconds: &mut f64,
    ) -> anyhow::Result<Evaluation> {
        let path = self.request(batch);
        if let Some(store) = store {
            let image = MaskedImage::load(&self.contexts, &path, &self.limits)?;
            let start = Instant::now();
            let evaluation =
                store.evaluate_masked(&self.server, &self.contexts, &image, progress)?;
            *seconds += start.elapsed().as_secs_f64();
            return Ok(evaluation);
        }
        let file = File::open(&path)?;
        request.read_compact(&self.contexts, BufReader::new(file), &self.limits)?;
        let announced = self.manifest.batch_images(batch);
        if request.images() != announced {
            bail!(
                "holds {} images, {announced} were announced",
                request.images()
            );
        }
        let start = Instant::now();
        let evaluation = self.server.evaluate(request, progress)?;
        *seconds += start.elapsed().as_secs_f64();
        Ok(evaluation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_one() {
        let made = |index, parts| Ok(JobPart { index, parts });
        assert_eq!(part("1/1"), made(0, 1));
        assert_eq!(part("16/16"), made(15, 16));
        for bad in ["", "1", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/4"] {
            assert!(part(bad).is_err(), "{bad}");
        }
    }
}
