//! Processor time, where the system reports it.

/// Seconds of processor time used by the calling thread, accurate to a scheduler tick (1 to 10 ms). Linux only.
///
/// On a busy machine this says more than wall time, because it excludes time in which another process had the
/// processor.
pub(crate) fn thread_cpu_seconds() -> Option<f64> {
    seconds(&std::fs::read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// Seconds of processor time used by all living threads of this process. Linux only.
pub(crate) fn process_cpu_seconds() -> Option<f64> {
    let mut total = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        // A thread may end meanwhile.
        if let Ok(text) = std::fs::read_to_string(task.ok()?.path().join("schedstat")) {
            total += seconds(&text)?;
        }
    }
    Some(total)
}

/// Returns the time between two readings, if both exist.
pub(crate) fn between(start: Option<f64>, end: Option<f64>) -> Option<f64> {
    Some(end? - start?)
}

/// Parses the time on a processor, which is the first number, in nanoseconds.
fn seconds(schedstat: &str) -> Option<f64> {
    let nanoseconds: u64 = schedstat.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_counts() {
        assert_eq!(seconds("2500000000 17 3\n"), Some(2.5));
        assert_eq!(seconds(""), None);
        assert_eq!(between(Some(1.0), None), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_is_counted_and_sleep_is_not() {
        let start = thread_cpu_seconds();
        std::thread::sleep(std::time::Duration::from_millis(200));
        let slept = between(start, thread_cpu_seconds()).unwrap();
        assert!(slept < 0.1, "{slept}");
        let mut word = 1_u64;
        let begun = std::time::Instant::now();
        while between(start, thread_cpu_seconds()).unwrap() < slept + 0.05 {
            for _ in 0..100_000 {
                word = std::hint::black_box(word.wrapping_mul(3));
            }
            assert!(begun.elapsed().as_secs() < 60, "the clock stands still");
        }
    }
}
