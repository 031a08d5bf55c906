//! Starts the worker threads of every command.

use std::{
    env,
    ffi::{OsStr, OsString},
    num::NonZeroUsize,
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
};

use anyhow::Context as _;
use rayon::{ThreadBuilder, ThreadPoolBuilder};

use super::output::note;

/// Rayon's own environment variable.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// Number of threads that can always be requested, however few processors there are.
const ALWAYS: usize = 64;

/// A thread that waits for its work.
struct Waiting {
    work: Sender<ThreadBuilder>,
    handle: JoinHandle<()>,
}

/// Starts the worker threads: `asked` of them, else as many as `RAYON_NUM_THREADS` or the processors say. If the system
/// has no room for so many, it starts fewer and a note says so; rayon on its own would panic.
pub(super) fn start(asked: Option<NonZeroUsize>) -> anyhow::Result<()> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (wanted, remark) = wanted(asked, env::var_os(VARIABLE), processors);
    if let Some(remark) = remark {
        note(remark);
    }
    let mut waiting = spawn(wanted, |work| thread::Builder::new().spawn(work));
    let count = waiting.len();
    if count < wanted {
        note(format_args!(
            "the system has no room for {wanted} threads: going on with {}",
            count.max(1)
        ));
    }
    let mut builder = ThreadPoolBuilder::new().num_threads(count.max(1));
    if count == 0 {
        builder = builder.use_current_thread();
    }
    builder
        .spawn_handler(|thread| {
            let full = || std::io::Error::other("too few threads wait");
            let Waiting { work, .. } = waiting.pop().ok_or_else(full)?;
            work.send(thread).map_err(|_| full())
        })
        .build_global()
        .context("cannot start the worker threads")
}

/// Returns the number of threads to start, and a remark if a requested number is not used.
fn wanted(
    asked: Option<NonZeroUsize>,
    variable: Option<OsString>,
    processors: usize,
) -> (usize, Option<String>) {
    let (name, number) = match (asked, variable) {
        (Some(asked), _) => ("--threads", asked.get()),
        (None, None) => return (processors, None),
        (None, Some(text)) => match number(&text) {
            Some(0) => return (processors, None),
            Some(number) => (VARIABLE, number),
            None => {
                let text = text.to_string_lossy();
                let remark =
                    format!("{VARIABLE} is `{text}`, which is no number: using {processors}");
                return (processors, Some(remark));
            }
        },
    };
    let most = ALWAYS.max(4 * processors);
    if number <= most {
        return (number, None);
    }
    let remark = format!(
        "{name} asks for {number} threads, {processors} processors cannot use so many: using {most}"
    );
    (most, Some(remark))
}

/// Parses a number of threads; a number too large for `usize` becomes the largest one.
fn number(text: &OsStr) -> Option<usize> {
    let text = text.to_str()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}

/// Starts `wanted` waiting threads. If the system refuses one, half of the started threads are given up: other threads
/// are needed, too, and memory for them.
fn spawn(
    wanted: usize,
    mut start: impl FnMut(Box<dyn FnOnce() + Send>) -> std::io::Result<JoinHandle<()>>,
) -> Vec<Waiting> {
    let mut waiting = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        let (work, arrives) = mpsc::channel::<ThreadBuilder>();
        let run = move || {
            if let Ok(thread) = arrives.recv() {
                thread.run();
            }
        };
        let Ok(handle) = start(Box::new(run)) else {
            for Waiting { work, handle } in waiting.drain(waiting.len() / 2..) {
                drop(work);
                // The thread returns nothing.
                let _ = handle.join();
            }
            break;
        };
        waiting.push(Waiting { work, handle });
    }
    waiting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_use_are_cut_with_a_remark() {
        let given = |text: &str| wanted(None, Some(text.into()), 8);
        assert_eq!(wanted(None, None, 8), (8, None));
        assert_eq!(wanted(NonZeroUsize::new(3), Some("5".into()), 8), (3, None));
        assert_eq!(given("5"), (5, None));
        assert_eq!(given("0"), (8, None));
        assert_eq!(given("64"), (64, None));
        assert_eq!(wanted(None, Some("400".into()), 128), (400, None));
        for (text, number) in [
            ("65", 64),
            ("100000", 64),
            ("99999999999999999999999", 64),
            ("", 8),
            ("-1", 8),
            ("many", 8),
        ] {
            let (count, remark) = given(text);
            assert_eq!(count, number, "{text}");
            assert!(
                remark.is_some_and(|remark| remark.contains(VARIABLE)),
                "{text}"
            );
        }
        let (count, remark) = wanted(NonZeroUsize::new(70_000), None, 8);
        assert_eq!(count, 64);
        assert!(remark.is_some_and(|remark| remark.contains("--threads asks for 70000")));
    }

    #[test]
    fn half_of_what_the_system_gives_is_used() {
        for (room, used) in [(0, 0), (1, 0), (2, 1), (9, 4), (10, 10), (11, 10)] {
            let mut left = room;
            let waiting = spawn(10, |work| {
                if left == 0 {
                    return Err(std::io::ErrorKind::WouldBlock.into());
                }
                left -= 1;
                thread::Builder::new().spawn(work)
            });
            assert_eq!(waiting.len(), used, "{room}");
        }
    }
}
