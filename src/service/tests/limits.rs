//! Limits on time, memory and storage, and the end of a service.

use std::{
    io::Write as _,
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use super::kit::{Party, Running, answer};
use crate::{
    deploy::DeploymentId,
    params::Scheme,
    service::{
        KeyHash, RemoteError, RemoteOptions, Service, ServiceLimits, ServiceOptions,
        auth::Tokens,
        key_store::{KeyStore, StoreError, Stored},
        state::ServiceState,
    },
};

/// Returns the head of a request of which the body follows.
fn head_of(party: &Party, request: &[u8]) -> String {
    format!(
        "POST /v1/deployments/{}/evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        party.id(),
        request.len()
    )
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

#[test]
fn slow_and_silent_senders_are_cut_off() {
    let party = Party::new(Scheme::Batched);
    let limits = ServiceLimits {
        stall: Duration::from_millis(300),
        ..ServiceLimits::default()
    };
    let running = Running::new(&[&party.deployment], limits);
    let request = party.request(&[vec![1, 2, 3]]);
    let head = head_of(&party, &request);
    let start = Instant::now();
    // Silent within the body.
    let mut body = running.connect();
    body.write_all(head.as_bytes()).unwrap();
    body.write_all(&request[..100]).unwrap();
    assert_eq!(answer(body).0, 408);
    // Silent within the head, and from the beginning.
    let mut half = running.connect();
    half.write_all(&head.as_bytes()[..20]).unwrap();
    assert!(matches!(answer(half).0, 0 | 408));
    assert!(matches!(answer(running.connect()).0, 0 | 408));
    // One byte at a time: never silent, and still too slow in the end.
    let mut slow = running.connect();
    slow.write_all(head.as_bytes()).unwrap();
    let sent = request.iter().take_while(|&&byte| {
        sleep(Duration::from_millis(20));
        slow.write_all(&[byte]).is_ok()
    });
    assert!(sent.count() < request.len());
    assert!(start.elapsed() < Duration::from_mins(2));
    let patient = Running::new(&[&party.deployment], ServiceLimits::default());
    let remote = patient.remote(RemoteOptions::default());
    party.classify(&remote, &[vec![1, 2, 3]]);
}

#[test]
fn bodies_beyond_the_memory_are_told_to_come_again() {
    let party = Party::new(Scheme::Batched);
    let request = party.request(&[vec![1, 2, 3]]);
    let least = request.len().next_multiple_of(1024) as u64;
    let limited = |body_bytes| ServiceLimits {
        body_bytes,
        ..ServiceLimits::default()
    };
    let folder = tempfile::tempdir().unwrap();
    party.deployment.save(folder.path()).unwrap();
    let options = ServiceOptions {
        key_store: folder.path().join("store").display().to_string(),
        tokens: None,
        queue: None,
        tls: None,
        limits: limited(1024),
    };
    let too_little = Service::new(&[folder.path().join("server")], &options);
    let error = too_little.err().unwrap().to_string();
    assert!(error.contains(&request.len().to_string()), "{error}");

    let running = Running::new(&[&party.deployment], limited(least));
    let path = format!("/v1/deployments/{}/evaluate", party.id());
    // One that is on its way holds all of it.
    let mut half = running.connect();
    half.write_all(head_of(&party, &request).as_bytes())
        .unwrap();
    half.write_all(&request[..100]).unwrap();
    running.wait_for("sealquant_open_calls 1");
    let (status, head, _) = running.send("POST", &path, "", &request);
    assert_eq!(status, 429);
    assert!(head.contains("retry-after: 1"), "{head}");
    // A client waits, and gives up when its patience ends.
    let remote = running.remote(RemoteOptions {
        patience: Duration::from_secs(2),
        ..RemoteOptions::default()
    });
    let start = Instant::now();
    let error = remote.evaluate(party.id(), None, &request, 1 << 20);
    let error = error.map(|answer| answer.timing);
    assert!(
        matches!(error, Err(RemoteError::Refused { status: 429, .. })),
        "{error:?}"
    );
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn waiting_requests_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_str().unwrap();
    let limits = ServiceLimits {
        evaluations: 1,
        waiting: 2,
        ..ServiceLimits::default()
    };
    let keys = KeyStore::open(store, (1, Duration::from_secs(1)), None).unwrap();
    let state = ServiceState::new([].into(), Tokens::default(), keys, limits);
    let state = Arc::new(state);
    block_on(async {
        let running = state.turn().await.unwrap();
        let wait = || {
            let state = Arc::clone(&state);
            tokio::spawn(async move { state.turn().await.map(drop) })
        };
        let (first, second) = (wait(), wait());
        tokio::task::yield_now().await;
        let refused = state.turn().await.unwrap_err();
        assert_eq!(refused.status, 429);
        // One that goes away makes room.
        first.abort();
        let _ = first.await;
        let third = wait();
        drop(running);
        second.await.unwrap().unwrap();
        third.await.unwrap().unwrap();
        drop(state.turn().await.unwrap());
    });
    let gone = state.deployment(&"0".repeat(32)).map(|found| found.id);
    assert_eq!(gone.unwrap_err().status, 410);
    assert!("0".repeat(32).parse::<DeploymentId>().is_ok());
}

#[test]
fn the_key_store_is_bounded_and_forgets() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("new/store");
    let open = |most, age| KeyStore::open(place.to_str().unwrap(), (most, age), None).unwrap();
    let (messages, forever) = ([b"one", b"two", b"new"], Duration::from_hours(1));
    let hashes = messages.map(|message| KeyHash::of(message));
    block_on(async {
        let store = open(2, forever);
        let put = async |store: &KeyStore, at: usize| {
            store.put(&hashes[at], messages[at].to_vec()).await.unwrap()
        };
        assert_eq!(put(&store, 0).await, Stored::New);
        assert_eq!(put(&store, 0).await, Stored::Known);
        assert_eq!(put(&store, 1).await, Stored::New);
        assert_eq!(put(&store, 2).await, Stored::Full);
        assert_eq!(put(&store, 1).await, Stored::Known);
        let read = store.get(&hashes[0], 3).await.unwrap().unwrap();
        assert_eq!(read.as_ref(), messages[0]);

        // Another server on the same store, which forgets at once.
        let strict = open(2, Duration::ZERO);
        assert!(!strict.has(&hashes[0]).await.unwrap());
        assert!(strict.get(&hashes[0], 3).await.unwrap().is_none());
        assert_eq!(put(&strict, 2).await, Stored::New);
        assert!(!store.has(&hashes[0]).await.unwrap());
        assert!(store.has(&hashes[2]).await.unwrap());

        // Larger than any keys of the deployment: another one's.
        assert!(store.get(&hashes[2], 2).await.unwrap().is_none());
        assert!(store.has(&hashes[2]).await.unwrap());
    });
}

#[test]
fn a_full_store_is_said() {
    let party = Party::new(Scheme::Diagonal);
    let other = Party::new(Scheme::Diagonal);
    let limits = ServiceLimits {
        stored_keys: 1,
        ..ServiceLimits::default()
    };
    let running = Running::new(&[&party.deployment], limits);
    let remote = running.remote(RemoteOptions::default());
    party.classify(&remote, &[vec![1, 2, 3]]);
    let request = other.request(&[vec![1, 2, 3]]);
    let error = remote.evaluate(other.id(), other.keys.as_deref(), &request, 1 << 20);
    let error = error.map(|answer| answer.timing);
    assert!(
        matches!(error, Err(RemoteError::Refused { status: 507, .. })),
        "{error:?}"
    );
    party.classify(&remote, &[vec![1, 2, 3]]);
}

#[test]
fn a_request_that_arrives_before_the_end_is_answered() {
    let party = Party::new(Scheme::Batched);
    let running = Running::new(&[&party.deployment], ServiceLimits::default());
    let request = party.request(&[vec![1, 2, 3]]);
    let head = head_of(&party, &request);
    let mut stream = running.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let (first, rest) = request.split_at(100);
    stream.write_all(first).unwrap();
    running.wait_for("sealquant_open_calls 1");
    let address = running.address;
    running.stop_handle().stop();
    let mut refused = running.call("GET /readyz HTTP/1.1", b"");
    while refused.0 == 200 {
        refused = running.call("GET /readyz HTTP/1.1", b"");
    }
    let (status, head, _) = refused;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after"), "{head}");
    stream.write_all(rest).unwrap();
    let (status, _, body) = answer(stream);
    assert_eq!(status, 200);
    assert_eq!(party.decrypt(&body, 1).len(), 1);
    running.stop();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn errors_of_the_store_hold_no_hashes() {
    let hash = KeyHash::of(b"keys").to_string();
    let error = object_store::Error::NotImplemented {
        operation: format!("reading caf\u{e9}/{hash}.keys"),
        implementer: "a test".to_owned(),
    };
    let text = StoreError::from(error).to_string();
    assert!(text.contains("caf\u{e9}/HASH.keys"), "{text}");
    assert!(!text.contains(&hash[..32]), "{text}");
}

#[test]
fn a_bucket_can_be_named() {
    // Not reached here: only that there is a client for it.
    KeyStore::open("s3://bucket/folder", (1, Duration::from_secs(1)), None).unwrap();
    for bad in ["ftp://a/b", "://"] {
        assert!(
            KeyStore::open(bad, (1, Duration::from_secs(1)), None).is_err(),
            "{bad}"
        );
    }
}
