//! Child programs, which do not outlive this process.

#[cfg(feature = "cli")]
use std::process::ChildStdout;
use std::{
    io,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Interval at which a running program is polled for its end.
const PAUSE: Duration = Duration::from_millis(20);

type SharedChild = Arc<Mutex<Child>>;

static RUNNING: Mutex<Vec<SharedChild>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running program, which is killed if this is dropped before the program ends.
pub(crate) struct ChildProcess(SharedChild);

impl ChildProcess {
    /// Starts a program.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let mut running = lock(&RUNNING);
        let child = Arc::new(Mutex::new(command.spawn()?));
        running.push(Arc::clone(&child));
        Ok(Self(child))
    }

    /// Takes the program's standard output, if it is a pipe. This works only once.
    #[cfg(feature = "cli")]
    pub(crate) fn stdout(&self) -> Option<ChildStdout> {
        lock(&self.0).stdout.take()
    }

    /// Waits until the program ends, calling `tell` every 20 ms.
    pub(crate) fn wait(&self, mut tell: impl FnMut()) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = lock(&self.0).try_wait()? {
                return Ok(status);
            }
            thread::sleep(PAUSE);
            tell();
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        kill(&self.0);
        lock(&RUNNING).retain(|child| !Arc::ptr_eq(child, &self.0));
    }
}

fn kill(child: &SharedChild) {
    let mut child = lock(child);
    // Both calls fail for a program that has ended and been waited for.
    if let Ok(None) = child.try_wait()
        && child.kill().is_ok()
    {
        let _ = child.wait();
    }
}

/// Kills all running programs. From then on this process cannot start any: threads that try wait forever. This is for a
/// process that is about to end.
#[cfg(feature = "cli")]
pub(crate) fn kill_all() {
    let running = lock(&RUNNING);
    for child in running.iter() {
        kill(child);
    }
    std::mem::forget(running);
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_program_ends_by_itself_or_with_its_owner() {
        let run = |text: &str| ChildProcess::start(Command::new("sh").args(["-c", text])).unwrap();
        assert_eq!(run("exit 3").wait(|| ()).unwrap().code(), Some(3));
        let mut told = 0;
        run("sleep 0.2").wait(|| told += 1).unwrap();
        assert!(told > 1, "{told}");
        let begun = Instant::now();
        let long = run("exec sleep 60");
        let id = lock(&long.0).id();
        drop(long);
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }
}
