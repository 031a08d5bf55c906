//! What a service must survive. The benchmark `faults` runs and records the same.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use sealquant::{
    params::Scheme,
    service::{KeyHash, RemoteError},
};

use crate::{
    kit::{Party, Program, small},
    nats::Nats,
};

pub const MINUTE: Duration = Duration::from_mins(1);
/// Files that a service may open where it does not matter.
const FILES: u32 = 1024;

/// A fault that a service survived: every answer equalled the clear in every logit.
#[derive(Debug)]
pub struct Fault {
    pub what: &'static str,
    /// Milliseconds of each answered request, as its client sees it, ascending.
    pub milliseconds: Vec<f64>,
    /// Refusals, all of them as they should be.
    pub refused: usize,
    pub seconds: f64,
}

impl Fault {
    fn new(what: &'static str, mut milliseconds: Vec<f64>, refused: usize, begin: Instant) -> Self {
        milliseconds.sort_by(f64::total_cmp);
        Self {
            what,
            milliseconds,
            refused,
            seconds: begin.elapsed().as_secs_f64(),
        }
    }
}

/// Sends all requests from so many threads; `each` is told the number of each before it is sent. Returns the
/// milliseconds of each.
pub fn send_all(
    party: &Party,
    service: &Program,
    threads: usize,
    each: impl Fn(usize) + Sync,
) -> Vec<f64> {
    let (next, times) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let remote = service.remote(2 * MINUTE);
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= party.requests.len() {
                        return;
                    }
                    each(at);
                    let begin = Instant::now();
                    party.call(&remote, at);
                    let time = begin.elapsed().as_secs_f64() * 1e3;
                    times.lock().unwrap().push(time);
                }
            });
        }
    });
    times.into_inner().unwrap()
}

/// Kills a worker and one of three NATS nodes while requests come: each is answered once.
pub fn killed(program: &PathBuf, requests: usize) -> Fault {
    let nodes = Nats::cluster(program);
    let urls: Vec<String> = nodes.iter().map(Nats::url).collect();
    let queue = urls.join(",");
    let folder = tempfile::tempdir().unwrap();
    let party = Party::new(small(0), Scheme::Diagonal, requests);
    let more = ["--queue-replicas", "3", "--ack-wait", "2"];
    let service = Program::serve(folder.path(), &queue, &[&party], &more);
    let start = |name| Program::worker(folder.path(), name, &queue, &party, &[]);
    let workers = Mutex::new(["first", "second", "third"].map(start));
    let nodes = Mutex::new(nodes);
    let begin = Instant::now();
    let times = send_all(&party, &service, 8, |at| {
        if at == 3 * requests / 10 {
            workers.lock().unwrap()[0].kill();
        } else if at == 6 * requests / 10 {
            nodes.lock().unwrap()[0].kill();
        }
    });
    let fault = Fault::new(
        "a worker and one of three NATS nodes killed",
        times,
        0,
        begin,
    );
    let log = service.log();
    let ok = log
        .lines()
        .filter(|line| line.contains("call=evaluate") && line.contains("status=200"));
    assert_eq!(ok.count(), requests, "{log}");
    fault
}

/// A small file system in memory, which needs root.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, bytes: usize) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={bytes}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(at.to_owned()))
    }

    fn grow(&self, bytes: usize) {
        let options = format!("remount,size={bytes}");
        let grown = Command::new("mount")
            .args(["-o", &options])
            .arg(&self.0)
            .status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Fills the disk of the key store: keys are refused, requests without keys are answered, and when there is room again
/// all are. `None` if this user may not mount a file system.
pub fn full_disk() -> Option<Fault> {
    let folder = tempfile::tempdir().unwrap();
    let with_keys = Party::new(small(0), Scheme::Diagonal, 5);
    let without = Party::new(small(0), Scheme::Batched, 5);
    let size = with_keys.keys.as_ref().unwrap().len();
    let at = folder.path().join("keys");
    let disk = SmallDisk::mount(&at, size / 2)?;
    let begin = Instant::now();
    let service = Program::serve_alone(folder.path(), &at, &[&with_keys, &without], FILES);
    let remote = service.remote(MINUTE);
    for request in &with_keys.requests {
        let refused = with_keys.ask(&remote, request).map(|_| "an answer");
        assert!(
            matches!(refused, Err(RemoteError::Refused { status: 507, .. })),
            "{refused:?}"
        );
    }
    let mut times = send_all(&without, &service, 1, |_| ());
    let hash = KeyHash::of(with_keys.keys.as_ref().unwrap()).to_string();
    assert!(!service.log().contains(&hash[..16]), "{}", service.log());
    disk.grow(3 * size);
    times.extend(send_all(&with_keys, &service, 1, |_| ()));
    drop(service);
    let what = "the key store's disk full, then not";
    Some(Fault::new(what, times, with_keys.requests.len(), begin))
}

/// Stops a service and starts it again: it has its clients' keys.
pub fn warm_restart() -> Fault {
    let folder = tempfile::tempdir().unwrap();
    let party = Party::new(small(0), Scheme::Diagonal, 10);
    let keys = folder.path().join("keys");
    let start = || Program::serve_alone(folder.path(), &keys, &[&party], FILES);
    let mut service = start();
    assert!(party.call(&service.remote(MINUTE), 0) > 0);
    assert!(service.stop().success());
    let service = start();
    let (begin, mut times) = (Instant::now(), Vec::new());
    for at in 0..party.requests.len() {
        let call = Instant::now();
        assert_eq!(party.call(&service.remote(MINUTE), at), 0);
        times.push(call.elapsed().as_secs_f64() * 1e3);
    }
    Fault::new("restart with a warm key store", times, 0, begin)
}

/// Opens more silent connections than a service may have files: they are cut off, and requests are answered.
pub fn few_files(silent: usize) -> Fault {
    let folder = tempfile::tempdir().unwrap();
    let party = Party::new(small(0), Scheme::Diagonal, 20);
    let keys = folder.path().join("keys");
    let service = Program::serve_alone(folder.path(), &keys, &[&party], 64);
    let host = service.address().trim_start_matches("http://");
    let connect = |_| TcpStream::connect(host).unwrap();
    let held: Vec<TcpStream> = (0..silent).map(connect).collect();
    let begin = Instant::now();
    let times = send_all(&party, &service, 4, |_| ());
    drop(held);
    let log = service.log();
    assert!(log.contains("allows 64 open files"), "{log}");
    Fault::new("64 open files, 100 silent connections", times, 0, begin)
}
