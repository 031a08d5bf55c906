//! A service with a queue and its workers, each a process of its own, with a nats-server that the tests start and stop.
//! Without nats-server, which `scripts/nats.sh` fetches, they are skipped.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at a surprise"
)]

mod faults;
mod kit;
#[path = "../support/nats.rs"]
mod nats;

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use faults::{MINUTE, send_all};
use kit::{Party, Program, held, small, wait};
use nats::Nats;
use sealquant::{
    network::Network,
    params::Scheme,
    service::{Answer, RemoteError},
};

/// Returns the status and the word of a refusal.
fn refusal(answer: Result<Answer, RemoteError>) -> (u16, String) {
    match answer {
        Err(RemoteError::Refused { status, word, .. }) => (status, word),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("an answer"),
    }
}

#[test]
fn two_workers_answer_as_the_clear() {
    let Some(program) = nats::program() else {
        return;
    };
    let nats = Nats::start(&program, "");
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mnist-t17");
    let party = Party::new(Network::load(&model).unwrap(), Scheme::Diagonal, 12);
    let service = Program::serve(folder.path(), &nats.url(), &[&party], &[]);
    let one = ["--threads", "1"];
    let mut workers: Vec<Program> = ["first", "second"]
        .into_iter()
        .map(|name| Program::worker(folder.path(), name, &nats.url(), &party, &one))
        .collect();
    send_all(&party, &service, 4, |_| ());
    let done = |worker: &Program| worker.log().matches("delivery=1 outcome=ok").count();
    assert!(
        workers.iter().all(|worker| done(worker) > 0),
        "one worker did nothing"
    );
    let all: usize = workers.iter().map(done).sum();
    assert_eq!(all, party.requests.len());
    wait(|| held(&nats.url()) == [0; 4], "an empty queue");
    for worker in &mut workers {
        assert!(worker.stop().success(), "{}", worker.log());
    }
    // No log tells who asks: hashes of keys are not in it.
    let hash = sealquant::service::KeyHash::of(party.keys.as_ref().unwrap()).to_string();
    let logs = service.log() + &workers[0].log() + &workers[1].log();
    assert!(!logs.contains(&hash[..16]), "{logs}");
}

#[test]
fn the_job_of_a_killed_worker_goes_to_another() {
    let Some(program) = nats::program() else {
        return;
    };
    let nats = Nats::start(&program, "");
    let folder = tempfile::tempdir().unwrap();
    let party = Party::new(small(0), Scheme::Diagonal, 1);
    let more = ["--ack-wait", "2"];
    let service = Program::serve(folder.path(), &nats.url(), &[&party], &more);
    let mut first = Program::worker(folder.path(), "first", &nats.url(), &party, &[]);
    thread::scope(|scope| {
        // It asks for jobs again every two seconds: the job comes to a worker that cannot move.
        let ask = || scope.spawn(|| party.call(&service.remote(2 * MINUTE), 0));
        ask().join().unwrap();
        thread::sleep(Duration::from_millis(300));
        first.signal("-STOP");
        let call = ask();
        wait(|| held(&nats.url())[3] == 1, "a taken job");
        first.kill();
        let second = Program::worker(folder.path(), "second", &nats.url(), &party, &[]);
        call.join().unwrap();
        let log = second.log();
        assert_eq!(log.matches("delivery=2 outcome=ok").count(), 1, "{log}");
    });
    let answered = service.log().matches("call=evaluate").count();
    // One was told to upload keys first.
    assert_eq!(answered, 3, "{}", service.log());
    wait(|| held(&nats.url()) == [0; 4], "an empty queue");
}

#[test]
fn what_workers_refuse_is_refused_once() {
    let Some(program) = nats::program() else {
        return;
    };
    let nats = Nats::start(&program, "");
    let folder = tempfile::tempdir().unwrap();
    let party = Party::new(small(0), Scheme::Diagonal, 2);
    let other = Party::new(small(1), Scheme::Batched, 1);
    let more = ["--job-time", "4"];
    let service = Program::serve(folder.path(), &nats.url(), &[&party, &other], &more);
    let remote = service.remote(MINUTE);

    // Without a worker.
    let begin = Instant::now();
    let nobody = refusal(party.ask(&remote, &party.requests[0]));
    assert_eq!(nobody, (504, "no-worker".to_owned()));
    assert!(begin.elapsed() >= Duration::from_secs(4));
    wait(|| held(&nats.url()) == [0; 4], "an empty queue");

    let worker = Program::worker(folder.path(), "worker", &nats.url(), &party, &[]);
    party.call(&remote, 0);
    let mut damaged = party.requests[1].clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let refused = refusal(party.ask(&remote, &damaged));
    assert_eq!(refused, (422, "request".to_owned()));
    let log = worker.log();
    assert_eq!(
        log.matches("delivery=1 outcome=request").count(),
        1,
        "{log}"
    );

    // Keys that no one has uploaded.
    let keyless = remote.evaluate(party.deployment.id(), None, &party.requests[0], 1 << 30);
    let keyless = refusal(keyless);
    assert_eq!(keyless, (400, "no-key-named".to_owned()));
    let (status, body) = post(
        service.address(),
        &format!("/v1/deployments/{}/evaluate", party.deployment.id()),
        &"0".repeat(64),
        &party.requests[0],
    );
    assert_eq!(status, 404, "{body}");
    assert!(body.contains("unknown-keys"), "{body}");

    // The other deployment's jobs are no jobs of this worker.
    let unserved = refusal(other.ask(&remote, &other.requests[0]));
    assert_eq!(unserved, (504, "no-worker".to_owned()));
    assert!(!worker.log().contains("delivery=2"), "{}", worker.log());
    let stranger = Party::new(small(2), Scheme::Diagonal, 1);
    let lost = Program::worker(folder.path(), "lost", &nats.url(), &stranger, &[]);
    lost.wait_for("has no jobs of the deployment");
    party.call(&remote, 1);
    assert!(!lost.log().contains("taken"), "{}", lost.log());
}

/// Posts a request in the clear; returns status and body.
fn post(address: &str, path: &str, key: &str, body: &[u8]) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let host = address.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
         Sealquant-Key: {key}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[test]
fn a_full_or_lost_queue_is_said() {
    let Some(program) = nats::program() else {
        return;
    };
    let mut nats = Nats::start(&program, "");
    let folder = tempfile::tempdir().unwrap();
    let party = Party::new(small(0), Scheme::Batched, 2);
    let more = ["--queue-jobs", "1", "--job-time", "60"];
    let service = Program::serve(folder.path(), &nats.url(), &[&party], &more);
    let path = format!("/v1/deployments/{}/evaluate", party.deployment.id());
    let send = |at: usize| post(service.address(), &path, "", &party.requests[at]);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| party.call(&service.remote(MINUTE), 0));
        wait(|| held(&nats.url())[0] == 1, "a waiting job");
        let (status, answer) = send(1);
        assert_eq!(status, 503, "{answer}");
        assert!(answer.contains("queue-full"), "{answer}");
        assert!(answer.contains("retry-after: 5"), "{answer}");
        let _worker = Program::worker(folder.path(), "worker", &nats.url(), &party, &[]);
        waiting.join().unwrap();
    });
    nats.kill();
    service.wait_for("the connection to the queue broke");
    let begin = Instant::now();
    let (status, answer) = send(0);
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("retry-after: 5"), "{answer}");
    assert!(begin.elapsed() < MINUTE);

    let server = party.server();
    let lost = [
        "--queue",
        &nats.url(),
        "--deployment",
        server.to_str().unwrap(),
    ];
    for command in ["serve", "worker"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sealquant"))
            .arg(command)
            .args(lost)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("no server of it can be reached"), "{error}");
    }
}

#[test]
fn logins_and_shared_folders() {
    let Some(program) = nats::program() else {
        return;
    };
    let nats = Nats::start(
        &program,
        "authorization { token: \"a-token-of-this-test\" }",
    );
    let folder = tempfile::tempdir().unwrap();
    let party = Party::new(small(0), Scheme::Diagonal, 2);
    let login = folder.path().join("login");
    fs::write(&login, "another-token\n").unwrap();
    let login_text = login.to_str().unwrap();
    let keys = folder.path().join("keys");
    let more = [
        "--queue-login",
        login_text,
        "--key-store",
        keys.to_str().unwrap(),
    ];
    let server = party.server();
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_sealquant"))
        .args(["worker", "--queue", &nats.url(), "--deployment"])
        .arg(&server)
        .args(more)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("authorization"), "{error}");
    assert!(!error.contains("token"), "{error}");

    fs::write(&login, "a-token-of-this-test\n").unwrap();
    let mut service = Program::serve(folder.path(), &nats.url(), &[&party], &more);
    let mut worker = Program::worker(folder.path(), "worker", &nats.url(), &party, &more);
    send_all(&party, &service, 2, |_| ());
    assert_eq!(fs::read_dir(&keys).unwrap().count(), 1);
    assert!(worker.stop().success());
    assert!(service.stop().success());
    for log in [worker.log(), service.log()] {
        assert!(!log.contains("of-this-test"), "{log}");
    }
}

#[test]
fn a_worker_and_one_of_three_nodes_are_killed() {
    let Some(program) = nats::program() else {
        return;
    };
    let fault = faults::killed(&program, 200);
    assert_eq!((fault.milliseconds.len(), fault.refused), (200, 0));
    println!("{}: {:.1} s", fault.what, fault.seconds);
}

#[test]
fn a_full_disk_refuses_keys_and_nothing_else() {
    if faults::full_disk().is_none() {
        eprintln!("SKIPPED: this user may not mount a small file system");
    }
}

#[test]
fn keys_outlive_a_service() {
    faults::warm_restart();
}

#[test]
fn few_files_keep_no_one_out_for_long() {
    faults::few_files(100);
}
