//! Ctrl-C and SIGTERM: no half-written file remains, and one line says what was kept.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Exit code of a command that either signal interrupts.
#[cfg(unix)]
const EXIT_CODE: i32 = 130;

/// True once a signal has arrived and the process is about to end.
static STOPPING: AtomicBool = AtomicBool::new(false);

type InterruptMessage = Box<dyn Fn() -> String + Send>;

/// The message that the command has set.
static WORDS: Mutex<Option<InterruptMessage>> = Mutex::new(None);

/// Sets the message after "interrupted" from now on: what was kept, and how to continue.
pub(super) fn say(words: impl Fn() -> String + Send + 'static) {
    *WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(words));
}

type Action = Box<dyn FnOnce() + Send>;

/// The action of the first signal in place of ending the process.
static FIRST: Mutex<Option<Action>> = Mutex::new(None);

/// Makes the first signal do this, once. The second one ends the process.
pub(super) fn first_do(action: impl FnOnce() + Send + 'static) {
    *FIRST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(action));
}

/// Listens for both signals from now on. If that is impossible, they end the process in the usual way, and the next
/// command removes what is left.
///
/// It does not listen for a closed terminal (SIGHUP): `nohup` needs that signal to be ignored.
pub(super) fn listen() {
    #[cfg(unix)]
    {
        // The thread itself starts to listen: if it cannot be created, the signals must still end the process.
        let _ = std::thread::Builder::new().spawn(unix::listen);
    }
}

/// Ends the process without running destructors or exit handlers: other threads may be using what these would free.
pub(super) fn exit_at_once(code: i32) -> ! {
    #[cfg(unix)]
    signal_hook::low_level::exit(code);
    #[cfg(not(unix))]
    std::process::exit(code);
}

/// Waits for the end of the process if a signal has arrived. From then on, what the command reports is only a
/// consequence of the interruption, such as missing temporary files.
pub(super) fn wait_if_stopping() {
    while STOPPING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        io,
        sync::{
            Arc, PoisonError,
            atomic::{AtomicBool, Ordering},
        },
        thread,
        time::{Duration, Instant},
    };

    use console::Term;
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        flag,
        iterator::Signals,
    };

    use super::{EXIT_CODE, FIRST, STOPPING, WORDS, exit_at_once};
    use crate::{
        cli::{output::note, progress::on_terminal},
        file, process,
    };

    /// Time within which a second signal is taken for the first one, sent to both the process and its group.
    const SAME: Duration = Duration::from_secs(1);
    /// Longest time for cleaning up, which may hang on a file system that does not respond.
    const PATIENCE: Duration = Duration::from_secs(10);

    pub(super) fn listen() {
        let impatient = Arc::new(AtomicBool::new(false));
        let Ok(mut signals) = register(&impatient) else {
            return;
        };
        let mut signals = signals.forever();
        let mut next = signals.next();
        let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(_), Some(action)) = (next, first) {
            action();
            // The same one may come twice, see below.
            let since = Instant::now();
            next = signals.find(|_| since.elapsed() > SAME);
        }
        if next.is_some() {
            STOPPING.store(true, Ordering::SeqCst);
            let _ = thread::Builder::new().spawn(move || {
                thread::sleep(SAME);
                impatient.store(true, Ordering::SeqCst);
                thread::sleep(PATIENCE);
                exit_at_once(EXIT_CODE);
            });
            stop();
        }
    }

    fn register(impatient: &Arc<AtomicBool>) -> io::Result<Signals> {
        for signal in [SIGINT, SIGTERM] {
            // A second request ends the process immediately.
            flag::register_conditional_shutdown(signal, EXIT_CODE, Arc::clone(impatient))?;
        }
        Signals::new([SIGINT, SIGTERM])
    }

    /// Removes temporary files, says what was kept, and ends the process.
    fn stop() -> ! {
        process::kill_all();
        file::remove_temporaries();
        if on_terminal() {
            // Clear the progress bar.
            let _ = Term::stderr().clear_line();
        }
        let words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        note(match words.as_ref() {
            Some(words) => format!("interrupted: {}", words()),
            None => "interrupted: temporary files are removed".to_owned(),
        });
        exit_at_once(EXIT_CODE)
    }
}
