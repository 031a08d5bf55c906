//! The service over real connections.
#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a failed test may panic; a table of cases is long"
)]

mod kit;
mod limits;
mod refusals;
mod seal_form;

use kit::{Party, Running, store};

use super::{RemoteError, RemoteOptions, ServiceLimits, TlsFiles, routes::OPENAPI};
use crate::params::Scheme;

#[test]
fn every_logit_equals_the_twin_and_keys_travel_once() {
    let (batched, diagonal) = (Party::new(Scheme::Batched), Party::new(Scheme::Diagonal));
    let hosted = [&batched.deployment, &diagonal.deployment];
    let running = Running::new(&hosted, ServiceLimits::default());
    let remote = running.remote(RemoteOptions::default());

    let offers = remote.deployments().unwrap();
    assert_eq!(offers.len(), 2);
    for party in [&batched, &diagonal] {
        let offer = offers.iter().find(|offer| offer.id == party.id()).unwrap();
        assert_eq!(offer.needs_keys, party.keys.is_some());
        assert_eq!(offer.batch_size, party.plan.batch_size());
        let file = remote.client_file(party.id()).unwrap();
        assert_eq!(file.spec(), party.plan.client_spec());
        assert_eq!(file.classes(), ["no", "yes"]);
    }
    assert_eq!(
        batched.classify(&remote, &[vec![1, 2, 3], vec![0, 3, 1]]),
        0
    );
    let key_bytes = diagonal.classify(&remote, &[vec![1, 2, 3]]);
    assert_eq!(key_bytes, diagonal.keys.as_ref().unwrap().len() as u64);
    assert_eq!(diagonal.classify(&remote, &[vec![3, 0, 1]]), 0);

    // Another client of the same deployment, which shares the weights.
    let other = Party::new(Scheme::Diagonal);
    assert_ne!(other.keys, diagonal.keys);
    assert!(other.classify(&remote, &[vec![2, 2, 0]]) > 0);
    assert_eq!(diagonal.classify(&remote, &[vec![0, 0, 1]]), 0);

    let (status, _, text) = running.call("GET /metrics HTTP/1.1", b"");
    let text = String::from_utf8(text).unwrap();
    assert_eq!(status, 200);
    let counted = "sealquant_calls_total{call=\"evaluate\",status=\"200\"} 5";
    for line in [
        counted,
        "sealquant_open_keys 2",
        "sealquant_requests_waiting 0",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn a_service_that_starts_again_has_its_clients_keys() {
    let party = Party::new(Scheme::Diagonal);
    let hosted = [&party.deployment];
    let running = Running::new(&hosted, ServiceLimits::default());
    assert!(party.classify(&running.remote(RemoteOptions::default()), &[vec![1, 2, 3]]) > 0);
    let folder = running.stop();

    let running = Running::start(&hosted, folder, |_| {});
    let remote = running.remote(RemoteOptions::default());
    assert_eq!(party.classify(&remote, &[vec![1, 2, 3]]), 0);
    let folder = running.stop();

    // Damaged keys are as good as none: the client uploads them again.
    let stored = std::fs::read_dir(store(folder.path())).unwrap().next();
    let path = stored.unwrap().unwrap().path();
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let running = Running::start(&hosted, folder, |_| {});
    let remote = running.remote(RemoteOptions::default());
    assert!(party.classify(&remote, &[vec![1, 2, 3]]) > 0);
}

#[test]
fn tls_and_tokens() {
    let party = Party::new(Scheme::Diagonal);
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificates: folder.path().join("certificate.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificates, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::write(
        &tokens,
        "# two\nfirst-token-0123456\n\nsecond-token-012345\n",
    )
    .unwrap();
    let running = Running::start(&[&party.deployment], folder, |options| {
        options.tls = Some(files);
        options.tokens = Some(tokens);
    });

    let with = |token: Option<&str>, roots: bool| {
        running.remote(RemoteOptions {
            token: token.map(str::to_owned),
            roots: roots.then(|| made.cert.pem().into_bytes()),
            ..RemoteOptions::default()
        })
    };
    for token in ["first-token-0123456", "second-token-012345"] {
        party.classify(&with(Some(token), true), &[vec![1, 2, 3]]);
    }
    for token in [None, Some("first-token-0123457"), Some("# two"), Some("")] {
        let error = with(token, true).deployments().unwrap_err();
        assert!(
            matches!(error, RemoteError::Refused { status: 401, .. }),
            "{error}"
        );
        let request = party.request(&[vec![1, 2, 3]]);
        let sent = with(token, true).evaluate(party.id(), None, &request, 1 << 20);
        assert!(
            matches!(sent, Err(RemoteError::Refused { status: 401, .. })),
            "{token:?}"
        );
    }
    let error = with(Some("first-token-0123456"), false).deployments();
    assert!(matches!(error, Err(RemoteError::Line { .. })), "{error:?}");
}

#[test]
fn the_description_names_every_call() {
    let party = Party::new(Scheme::Batched);
    let running = Running::new(&[&party.deployment], ServiceLimits::default());
    let description: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    let mut calls = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        let path = path
            .replace("{id}", &party.id().to_string())
            .replace("{hash}", &"0".repeat(64));
        for method in methods.as_object().unwrap().keys() {
            let head = format!("{} {path} HTTP/1.1", method.to_ascii_uppercase());
            let (status, _, body) = running.call(&head, b"");
            let body = String::from_utf8_lossy(&body);
            let is_call = status != 405 && !body.contains("urn:sealquant:no-call");
            assert!(is_call, "{head}: {status} {body}");
            calls += 1;
        }
    }
    assert_eq!(calls, 9);
    let (status, head, body) = running.call("GET /openapi.json HTTP/1.1", b"");
    assert_eq!(status, 200);
    assert!(head.contains("application/json"));
    assert_eq!(body, OPENAPI.as_bytes());
}
