//! `sealquant evaluate`.

use std::{fs::File, io::BufReader, num::NonZeroUsize, path::PathBuf, time::Instant};

use anyhow::{Context as _, bail};

use super::super::{
    Outcome, interrupt, model,
    output::{Output, check_directory},
    progress::doing,
    table,
};
use super::RequestProgress;
use crate::{
    deploy::{Deployment, MANIFEST_FILE, Manifest, request_file, response_file, write_response},
    engine::{CompactKeys, Contexts, EvaluationKeys, Request, Server},
    file,
    wire::Message as _,
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
    /// Folder for the responses; those that are there are not computed again
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Evaluate only the I-th of N parts of the requests, as one of N jobs: I/N, from 1/N to N/N
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = part)]
    part: Part,
    /// Worker threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = model::whole::<NonZeroUsize>(1..=usize::MAX))]
    pub(in crate::cli) threads: Option<NonZeroUsize>,
}

/// One of several equal parts of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// Counted from 0.
    index: usize,
    parts: usize,
}

fn part(text: &str) -> Result<Part, String> {
    let parts = text.split_once('/').and_then(|(index, parts)| {
        let (index, parts): (usize, usize) = (index.parse().ok()?, parts.parse().ok()?);
        (1..=parts).contains(&index).then(|| Part {
            index: index - 1,
            parts,
        })
    });
    parts.ok_or_else(|| "write I/N with I from 1 to N, as in 3/16".to_owned())
}

pub(in crate::cli) fn run(
    arguments: &EvaluateArguments,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let (requests, out) = (&arguments.requests, &arguments.out);
    check_directory("--out", out)?;
    interrupt::say(|| {
        "the responses that are complete are kept: the same command goes on".to_owned()
    });
    let deployment = Deployment::load(&arguments.server)?;
    let plan = deployment.plan()?;
    let (id, batch_size) = (deployment.id(), plan.batch_size());
    let manifest = Manifest::load(requests, id, batch_size)?;
    if out.join(MANIFEST_FILE).exists() {
        if Manifest::load(out, id, batch_size)? != manifest {
            bail!(
                "--out: {} holds the responses to other requests: name another folder",
                out.display()
            );
        }
    } else {
        manifest.save(out)?;
    }
    let contexts = Contexts::new(plan.client_spec())?;
    let limits = super::limits();
    let keys = match &arguments.keys {
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

    let Part { index, parts } = arguments.part;
    let mine = (0..manifest.batches()).filter(|batch| batch % parts == index);
    let (done, left): (Vec<usize>, Vec<usize>) =
        mine.partition(|&batch| out.join(response_file(batch)).exists());
    let progress = RequestProgress::new("evaluating requests", left.len());
    // The memory of one request serves the next.
    let mut request = Request::default();
    let (mut up, mut down, mut seconds) = (0, 0, 0.0);
    for (number, &batch) in left.iter().enumerate() {
        progress.done(number);
        let path = requests.join(request_file(batch));
        let during = || format!("the request {}", path.display());
        let file = File::open(&path).with_context(during)?;
        up += file.metadata().map_or(0, |found| found.len());
        request
            .read_compact(&contexts, BufReader::new(file), &limits)
            .with_context(during)?;
        if request.images() != manifest.batch_images(batch) {
            bail!(
                "{}: holds {} images, {} were announced",
                during(),
                request.images(),
                manifest.batch_images(batch)
            );
        }
        let start = Instant::now();
        let evaluation = server.evaluate(&request, progress.within());
        let evaluation = evaluation.with_context(during)?;
        seconds += start.elapsed().as_secs_f64();
        let message = write_response(&contexts, &evaluation.response).with_context(during)?;
        down += message.len() as u64;
        let path = out.join(response_file(batch));
        let written = file::write_atomically(&path, &message);
        written.with_context(|| format!("writing {}", path.display()))?;
    }
    progress.done(left.len());
    output.line(table::facts([
        ("deployment", id.to_string()),
        ("requests evaluated", table::thousands(left.len())),
        ("responses that were there", table::thousands(done.len())),
        ("evaluation", table::seconds(seconds)),
        ("bytes read", table::bytes(up)),
        ("bytes for the client", table::bytes(down)),
        ("folder for the client", out.display().to_string()),
    ]))?;
    Ok(Outcome::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_one() {
        let made = |index, parts| Ok(Part { index, parts });
        assert_eq!(part("1/1"), made(0, 1));
        assert_eq!(part("16/16"), made(15, 16));
        for bad in ["", "1", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/4"] {
            assert!(part(bad).is_err(), "{bad}");
        }
    }
}
