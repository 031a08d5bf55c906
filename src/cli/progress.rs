//! Progress on standard error: a bar on a terminal, a line now and then elsewhere.

use std::{
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::note;
use crate::{data::DataEvent, engine};

/// How long a stage may run without a word when there is no terminal.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether standard error is a terminal.
pub(super) fn on_terminal() -> bool {
    io::stderr().is_terminal()
}

/// A bar on standard error with this template of indicatif's.
pub(super) fn bar(total: u64, template: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    bar
}

/// Shows the stages of a run, one after the other.
pub(super) struct Stages {
    terminal: bool,
    current: Mutex<Option<Stage>>,
}

struct Stage {
    name: String,
    done: u64,
    started: Instant,
    /// When the last line was written.
    reported: Instant,
    bar: Option<ProgressBar>,
}

impl Stages {
    pub(super) fn new() -> Self {
        Self {
            terminal: on_terminal(),
            current: Mutex::new(None),
        }
    }

    fn begin(&self, name: &str, total: u64) -> Stage {
        let bar = self.terminal.then(|| {
            let bar = bar(
                total,
                "{prefix:>12} {bar:36} {percent:>3} % {elapsed} {msg}",
            );
            bar.set_prefix(name.to_owned());
            bar
        });
        let now = Instant::now();
        Stage {
            name: name.to_owned(),
            done: 0,
            started: now,
            reported: now,
            bar,
        }
    }
}

impl Stage {
    fn update(&mut self, done: u64, total: u64) {
        self.done = done;
        let left = left(self.started.elapsed(), done, total);
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(match left {
                Some(left) if left.as_secs() > 0 => format!("{} left", HumanDuration(left)),
                _ => String::new(),
            });
        } else if self.reported.elapsed() >= PATIENCE {
            self.reported = Instant::now();
            let left = left.map_or(String::new(), |left| {
                format!(", about {} left", HumanDuration(left))
            });
            note(format_args!(
                "{}: {} %{left}",
                self.name,
                100 * done / total.max(1)
            ));
        }
    }

    fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        note(format_args!("{:>12}  {seconds:8.2} s", self.name));
    }
}

/// Seconds in words.
#[cfg(feature = "train")]
pub(super) fn duration(seconds: f64) -> HumanDuration {
    HumanDuration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// The time that is left if the rest goes as fast.
fn left(elapsed: Duration, done: u64, total: u64) -> Option<Duration> {
    let rest = total.saturating_sub(done);
    (done > 0).then(|| elapsed.mul_f64(rest as f64 / done as f64))
}

impl engine::Progress for Stages {
    fn update(&self, stage: &str, done: u64, total: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Threads may report out of order within a stage; the stage then is the same and nearly done.
        let late = current
            .as_ref()
            .is_some_and(|now| now.name == stage && done <= now.done);
        if late {
            return;
        }
        if current.as_ref().is_some_and(|now| now.name != stage)
            && let Some(old) = current.take()
        {
            old.finish();
        }
        let now = current.get_or_insert_with(|| self.begin(stage, total));
        now.update(done, total);
        if done >= total
            && let Some(ended) = current.take()
        {
            ended.finish();
        }
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        let current = self
            .current
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = current.take()
            && let Some(bar) = stage.bar
        {
            bar.finish_and_clear();
        }
    }
}

/// Tells of the steps of finding and fetching a dataset.
pub(super) fn data_events() -> impl FnMut(DataEvent) {
    let mut spinner: Option<ProgressBar> = None;
    move |event| {
        if !matches!(event, DataEvent::Waiting { .. })
            && let Some(spinner) = spinner.take()
        {
            spinner.finish_and_clear();
        }
        match event {
            DataEvent::Fetching { dataset, command } => {
                note(format_args!("fetching {dataset}: {command}"));
                if on_terminal() {
                    spinner = Some(bar(0, "{spinner} {elapsed}"));
                }
            }
            DataEvent::Waiting { .. } => {
                if let Some(spinner) = &spinner {
                    spinner.tick();
                }
            }
            DataEvent::Verified {
                file,
                bytes,
                done,
                total,
            } => {
                let megabytes = bytes as f64 / 1e6;
                note(format_args!(
                    "verified {file}, {megabytes:.1} MB ({done} of {total})"
                ));
            }
            DataEvent::Stored { dir } => note(format_args!("stored in {}", dir.display())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_extrapolated() {
        let second = Duration::from_secs(1);
        assert_eq!(left(second, 0, 10), None);
        assert_eq!(left(second, 5, 10), Some(second));
        assert_eq!(left(second, 10, 10), Some(Duration::ZERO));
        assert_eq!(left(second, 11, 10), Some(Duration::ZERO));
    }
}
