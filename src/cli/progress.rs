//! Progress on standard error: a bar on a terminal, an occasional line elsewhere.

use std::{
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::note;
use crate::{data::DataEvent, engine};

/// Longest time that a stage runs without a message if there is no terminal.
const PATIENCE: Duration = Duration::from_secs(10);

/// Announces the work while it runs: with a spinner on a terminal, with a line elsewhere.
pub(super) fn doing<T>(what: &str, work: impl FnOnce() -> T) -> T {
    use engine::Progress as _;
    let stages = Stages::new();
    stages.update(what, 0, 1);
    let result = work();
    stages.update(what, 1, 1);
    result
}

/// Tells whether standard error is a terminal.
pub(super) fn on_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Makes a bar on standard error with this indicatif template.
pub(super) fn bar(total: u64, template: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    bar
}

/// Shows the stages of a run, one after the other, and an estimate of the remaining time.
pub(super) struct Stages(Mutex<State>);

/// The current state of the run.
struct State {
    terminal: bool,
    stage: Option<ShownStage>,
    /// Name of the stage that ended last.
    ended: String,
    parts: PartsDone,
    /// Time at which the last line was written.
    spoken: Instant,
}

struct ShownStage {
    name: String,
    done: u64,
    started: Instant,
    bar: Option<ProgressBar>,
}

/// The work as a whole, divided into parts that take the same steps.
struct PartsDone {
    done: u64,
    total: u64,
    /// Time at which the first part began.
    started: Instant,
    /// Time at which the current part began.
    since: Instant,
}

impl Stages {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::new(Instant::now(), on_terminal())))
    }
}

impl State {
    fn new(now: Instant, terminal: bool) -> Self {
        Self {
            terminal,
            stage: None,
            ended: String::new(),
            parts: PartsDone {
                done: 0,
                total: 0,
                started: now,
                since: now,
            },
            spoken: now,
        }
    }

    /// Records the progress of a stage. Returns the line to write, if it is time for one; on a terminal there is a bar,
    /// and a line for each stage that ends.
    fn update(&mut self, now: Instant, name: &str, done: u64, total: u64) -> Option<String> {
        // Threads may report out of order within a stage; the stage is then the same and nearly done.
        let late = match &self.stage {
            Some(stage) => stage.name == name && done <= stage.done,
            None => self.ended == name && done > 0,
        };
        if late {
            return None;
        }
        let old = self.stage.take_if(|stage| stage.name != name);
        let mut line = old.and_then(|stage| self.end(stage, now));
        // A stage without steps will not report before its end.
        if self.stage.is_none() && !self.terminal && total == 1 && done == 0 {
            self.spoken = now;
            line = Some(line.map_or_else(|| name.to_owned(), |line| format!("{line}\n{name}")));
        }
        let begin = || ShownStage::begin(name, total, now, self.terminal);
        let mut stage = self.stage.take().unwrap_or_else(begin);
        stage.done = done;
        if done >= total {
            return self.end(stage, now).or(line);
        }
        let left = times(left(now - stage.started, done, total), self.parts.left(now));
        if let Some(bar) = &stage.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(left);
        } else if now - self.spoken >= PATIENCE {
            self.spoken = now;
            let percent = 100 * done / total.max(1);
            let comma = if left.is_empty() { "" } else { ", " };
            line = Some(format!("{name}: {percent} %{comma}{left}"));
        }
        self.stage = Some(stage);
        line
    }

    /// Returns the line for a stage that has ended; if there is no terminal, only for a long one.
    fn end(&mut self, stage: ShownStage, now: Instant) -> Option<String> {
        if let Some(bar) = stage.bar {
            bar.finish_and_clear();
        }
        let took = now - stage.started;
        let line = format!("{:>20}  {:8.2} s", stage.name, took.as_secs_f64());
        self.ended = stage.name;
        let short = self.parts.total > 1 || !self.terminal;
        if short && took < PATIENCE {
            return None;
        }
        self.spoken = now;
        Some(line)
    }
}

impl ShownStage {
    fn begin(name: &str, total: u64, now: Instant, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let template = if total == 1 {
                "{prefix:<32} {spinner} {elapsed}"
            } else {
                "{prefix:<32} {bar:24} {percent:>3} % {elapsed} {msg}"
            };
            let bar = bar(total, template);
            bar.set_prefix(name.to_owned());
            // Keep the displayed time running while a unit of work takes long.
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        Self {
            name: name.to_owned(),
            done: 0,
            started: now,
            bar,
        }
    }
}

impl PartsDone {
    fn update(&mut self, now: Instant, done: u64, total: u64) {
        if done == 0 {
            self.started = now;
        }
        (self.done, self.total, self.since) = (done, total, now);
    }

    /// Estimates the time that the remaining parts take, after the first part has been done.
    fn left(&self, now: Instant) -> Option<Duration> {
        let left = left(self.since - self.started, self.done, self.total)?;
        Some(left.saturating_sub(now - self.since))
    }
}

/// Describes the remaining time of a stage and of the whole.
fn times(stage: Option<Duration>, whole: Option<Duration>) -> String {
    let worth = |left: &Duration| left.as_secs() > 0;
    let stage = stage.filter(worth).map(HumanDuration);
    let whole = whole.filter(worth).map(HumanDuration);
    match (stage, whole) {
        (Some(stage), Some(whole)) => format!("about {stage} left, {whole} in all"),
        (Some(stage), None) => format!("about {stage} left"),
        (None, Some(whole)) => format!("about {whole} left in all"),
        (None, None) => String::new(),
    }
}

/// Describes seconds in words.
#[cfg(feature = "train")]
pub(super) fn duration(seconds: f64) -> HumanDuration {
    HumanDuration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Estimates the remaining time if the rest goes as fast.
fn left(elapsed: Duration, done: u64, total: u64) -> Option<Duration> {
    let rest = total.saturating_sub(done);
    (done > 0).then(|| elapsed.mul_f64(rest as f64 / done as f64))
}

impl engine::Progress for Stages {
    fn update(&self, stage: &str, done: u64, total: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = state.update(Instant::now(), stage, done, total) {
            note(line);
        }
    }

    fn part(&self, done: u64, total: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.parts.update(Instant::now(), done, total);
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = state.stage.take().and_then(|stage| stage.bar) {
            bar.finish_and_clear();
        }
    }
}

/// Reports the steps of finding and fetching a dataset.
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

    const SECOND: Duration = Duration::from_secs(1);

    /// Checks the lines written when a run of two batches under three moduli takes six minutes.
    #[test]
    fn a_long_run_says_where_it_is_every_ten_seconds() {
        let begin = Instant::now();
        let mut now = begin;
        let mut state = State::new(begin, false);
        let mut lines = Vec::new();
        for part in 0..6 {
            state.parts.update(now, part, 6);
            let stage = format!("batch {}/2, evaluate (t {}/3)", part / 3 + 1, part % 3 + 1);
            for done in 0..=120 {
                let line = state.update(now, &stage, done, 120);
                lines.extend(line.map(|line| ((now - begin).as_secs(), line)));
                now += SECOND / 2;
            }
        }
        let said = |second: u64| {
            let mut lines = lines.iter();
            let line = lines.find(|(at, _)| *at == second);
            line.map_or("", |(_, line)| line.as_str())
        };
        // The time of the whole is known after the first part.
        assert_eq!(
            said(10),
            "batch 1/2, evaluate (t 1/3): 16 %, about 50 seconds left"
        );
        assert_eq!(said(60), "batch 1/2, evaluate (t 1/3)     60.00 s");
        assert!(
            said(100).starts_with("batch 1/2, evaluate (t 2/3): 65 %, about 21 seconds left, 4")
        );
        // At least ten seconds lie before each line; the lines for the ends of parts come in between.
        for two in lines.windows(2) {
            assert!(
                !two[1].1.contains('%') || two[1].0 - two[0].0 >= 10,
                "{two:?}"
            );
        }
        assert!((35..=45).contains(&lines.len()), "{}", lines.len());
    }

    #[test]
    fn short_stages_are_not_told_without_a_terminal() {
        let begin = Instant::now();
        let mut state = State::new(begin, false);
        for second in 0..9 {
            let stage = format!("layer {second}/9");
            let now = begin + second * SECOND;
            assert_eq!(state.update(now, &stage, 0, 2), None);
            assert_eq!(state.update(now + SECOND / 2, &stage, 2, 2), None);
            // A report from a late thread.
            assert_eq!(state.update(now + SECOND / 2, &stage, 1, 2), None);
            assert!(state.stage.is_none());
        }
        let line = state.update(begin + 12 * SECOND, "twin", 0, 5);
        assert_eq!(line.as_deref(), Some("twin: 0 %"));
    }

    #[test]
    fn a_stage_without_steps_is_told_as_it_begins() {
        let begin = Instant::now();
        let mut state = State::new(begin, false);
        let line = state.update(begin, "making keys", 0, 1);
        assert_eq!(line.as_deref(), Some("making keys"));
        // Its end gets a line only if it took long.
        assert_eq!(state.update(begin + SECOND, "making keys", 1, 1), None);
        let line = state.update(begin + SECOND, "preparing the server", 0, 1);
        assert_eq!(line.as_deref(), Some("preparing the server"));
        let line = state.update(begin + 13 * SECOND, "preparing the server", 1, 1);
        assert_eq!(line.as_deref(), Some("preparing the server     12.00 s"));
    }
}
