//! Ctrl-C and SIGTERM: nothing half-written stays, and one line says what was kept.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// The exit code of an interrupted command, by either signal.
#[cfg(unix)]
const EXIT_CODE: i32 = 130;

/// Whether a signal has arrived, and the process is about to end.
static STOPPING: AtomicBool = AtomicBool::new(false);

type Words = Box<dyn Fn() -> String + Send>;

/// What the command says of itself.
static WORDS: Mutex<Option<Words>> = Mutex::new(None);

/// Sets what is said after "interrupted" from now on: what was kept, and how to go on.
pub(super) fn say(words: impl Fn() -> String + Send + 'static) {
    *WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(words));
}

/// Listens to both signals from now on. Where that is impossible they end the process as they always do, and the next
/// command removes what is left.
///
/// A closed terminal (SIGHUP) is not listened to: `nohup` asks for it to be ignored.
pub(super) fn listen() {
    #[cfg(unix)]
    {
        // The thread begins to listen itself: without it, the signals must go on ending the process.
        let _ = std::thread::Builder::new().spawn(unix::listen);
    }
}

/// Waits for the end if a signal has arrived. What the command says or answers then is a consequence of being interrupted,
/// of temporary files that are gone, say.
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
        time::Duration,
    };

    use console::Term;
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        flag,
        iterator::Signals,
        low_level,
    };

    use super::{EXIT_CODE, STOPPING, WORDS};
    use crate::{
        cli::{output::note, progress::on_terminal},
        file, process,
    };

    /// A second signal within this time is the first one, sent to the process and to its group.
    const SAME: Duration = Duration::from_secs(1);
    /// Cleaning up may hang, on a file system that does not answer.
    const PATIENCE: Duration = Duration::from_secs(10);

    pub(super) fn listen() {
        let impatient = Arc::new(AtomicBool::new(false));
        let Ok(mut signals) = register(&impatient) else {
            return;
        };
        if signals.forever().next().is_some() {
            STOPPING.store(true, Ordering::SeqCst);
            let _ = thread::Builder::new().spawn(move || {
                thread::sleep(SAME);
                impatient.store(true, Ordering::SeqCst);
                thread::sleep(PATIENCE);
                low_level::exit(EXIT_CODE);
            });
            stop();
        }
    }

    fn register(impatient: &Arc<AtomicBool>) -> io::Result<Signals> {
        for signal in [SIGINT, SIGTERM] {
            // Once asked twice, the process ends at once.
            flag::register_conditional_shutdown(signal, EXIT_CODE, Arc::clone(impatient))?;
        }
        Signals::new([SIGINT, SIGTERM])
    }

    /// Ends the process: without destructors of C++, whose objects other threads are using.
    fn stop() -> ! {
        process::kill_all();
        file::remove_temporaries();
        if on_terminal() {
            // A bar.
            let _ = Term::stderr().clear_line();
        }
        let words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        note(match words.as_ref() {
            Some(words) => format!("interrupted: {}", words()),
            None => "interrupted: temporary files are removed, finished ones are kept".to_owned(),
        });
        low_level::exit(EXIT_CODE)
    }
}
