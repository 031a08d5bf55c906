//! Refused calls with their statuses, after which the service goes on.

use serde_json::Value;

use super::kit::{Party, Running};
use crate::{
    network::SplitMix64,
    params::Scheme,
    service::{KeyHash, RemoteOptions, ServiceLimits},
};

/// Checks the status of an answer and the word in it.
fn check((status, head, body): (u16, String, Vec<u8>), expected: u16, word: &str) {
    let text = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, expected, "{text}");
    assert!(head.contains("application/problem+json"), "{head}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["type"], format!("urn:sealquant:{word}"), "{text}");
    assert_eq!(problem["status"], expected);
    assert!(problem["detail"].as_str().unwrap().len() > 10, "{text}");
}

#[test]
fn every_refusal_has_its_status() {
    let (batched, diagonal) = (Party::new(Scheme::Batched), Party::new(Scheme::Diagonal));
    let hosted = [&batched.deployment, &diagonal.deployment];
    let running = Running::new(&hosted, ServiceLimits::default());
    let path = |party: &Party| format!("/v1/deployments/{}/evaluate", party.id());
    let (of_batched, of_diagonal) = (path(&batched), path(&diagonal));
    let request = batched.request(&[vec![1, 2, 3]]);
    let keys = diagonal.keys.as_ref().unwrap();
    let hash = KeyHash::of(keys);
    let key = format!("\r\nSealquant-Key: {hash}");

    check(
        running.call("GET /v1/nothing HTTP/1.1", b""),
        404,
        "no-call",
    );
    check(
        running.call("DELETE /v1/deployments HTTP/1.1", b""),
        405,
        "method",
    );
    let long = format!("GET /v1/deployments/{}/client HTTP/1.1", "1".repeat(33));
    check(running.call(&long, b""), 404, "no-deployment");
    let gone = format!("/v1/deployments/{}", "1".repeat(32));
    check(
        running.call(&format!("GET {gone}/client HTTP/1.1"), b""),
        410,
        "gone",
    );
    check(
        running.send("POST", &format!("{gone}/evaluate"), "", &request),
        410,
        "gone",
    );

    check(
        running.send("POST", &of_diagonal, "", &request),
        400,
        "no-key-named",
    );
    let bad = "\r\nSealquant-Key: 12";
    check(
        running.send("POST", &of_diagonal, bad, &request),
        400,
        "no-key-named",
    );
    check(
        running.send("POST", &of_diagonal, &key, &request),
        404,
        "unknown-keys",
    );

    let text =
        format!("POST {of_batched} HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 2");
    check(running.call(&text, b"hi"), 415, "form");
    let unknown = format!("POST {of_batched} HTTP/1.1\r\nContent-Type: application/octet-stream");
    let chunked = format!("{unknown}\r\nTransfer-Encoding: chunked");
    check(
        running.call(&chunked, b"2\r\nhi\r\n0\r\n\r\n"),
        411,
        "length",
    );
    let huge = format!("{unknown}\r\nContent-Length: 99999999999999");
    check(running.call(&huge, b""), 413, "too-large");
    let longer = [request.as_slice(), &[0]].concat();
    check(
        running.send("POST", &of_batched, "", &longer),
        413,
        "too-large",
    );

    // Messages of other kinds, for other parameters, cut off, and damaged.
    check(
        running.send("POST", &of_batched, "", &b"GIF89a".repeat(20)),
        415,
        "form",
    );
    check(running.send("POST", &of_batched, "", b""), 422, "request");
    check(
        running.send("POST", &of_batched, "", &keys[..1000]),
        415,
        "form",
    );
    let other = diagonal.request(&[vec![1, 2, 3]]);
    check(
        running.send("POST", &of_batched, "", &other[..100_000]),
        422,
        "request",
    );
    check(
        running.send("POST", &of_batched, "", &request[..request.len() - 1]),
        422,
        "request",
    );
    let mut damaged = request.clone();
    damaged[request.len() / 2] ^= 1;
    check(
        running.send("POST", &of_batched, "", &damaged),
        422,
        "request",
    );

    let at = |hash: &dyn std::fmt::Display| format!("/v1/keys/{hash}");
    check(
        running.send("PUT", "/v1/keys/abc", "", keys),
        404,
        "no-hash",
    );
    let start = &request[..100_000];
    let upper = hash.to_string().to_uppercase();
    check(running.send("PUT", &at(&upper), "", keys), 404, "no-hash");
    check(
        running.send("PUT", &at(&KeyHash::of(b"x")), "", keys),
        422,
        "keys",
    );
    check(
        running.send("PUT", &at(&KeyHash::of(start)), "", start),
        422,
        "keys",
    );
    let cut = &keys[..keys.len() - 1];
    check(
        running.send("PUT", &at(&KeyHash::of(cut)), "", cut),
        422,
        "keys",
    );
    assert_eq!(
        running.call(&format!("HEAD {} HTTP/1.1", at(&hash)), b"").0,
        404
    );
    assert_eq!(running.send("PUT", &at(&hash), "", keys).0, 201);
    assert_eq!(running.send("PUT", &at(&hash), "", keys).0, 204);
    assert_eq!(
        running.call(&format!("HEAD {} HTTP/1.1", at(&hash)), b"").0,
        200
    );

    let remote = running.remote(RemoteOptions::default());
    assert_eq!(diagonal.classify(&remote, &[vec![1, 2, 3]]), 0);
    batched.classify(&remote, &[vec![1, 2, 3]]);
}

#[test]
fn hostile_bodies_are_refused_and_good_ones_go_on() {
    let (batched, diagonal) = (Party::new(Scheme::Batched), Party::new(Scheme::Diagonal));
    let hosted = [&batched.deployment, &diagonal.deployment];
    let running = Running::new(&hosted, ServiceLimits::default());
    let remote = running.remote(RemoteOptions::default());
    diagonal.classify(&remote, &[vec![1, 2, 3]]);
    let key = format!(
        "\r\nSealquant-Key: {}",
        KeyHash::of(diagonal.keys.as_ref().unwrap())
    );
    std::thread::scope(|scope| {
        for (seed, party) in (1..).zip([&batched, &diagonal, &diagonal]) {
            let (running, key) = (&running, &key);
            scope.spawn(move || {
                let mut random = SplitMix64::new(seed);
                let mut below = |bound: usize| random.between(0, bound - 1);
                let path = format!("/v1/deployments/{}/evaluate", party.id());
                let good = party.request(&[vec![1, 2, 3]]);
                for round in 0..60 {
                    let mut body = good.clone();
                    match round % 3 {
                        // In the header, in the body, and cut off.
                        0 => body[below(48)] ^= 1 << below(8),
                        1 => body[48 + below(good.len() - 48)] ^= 1 << below(8),
                        _ => body.truncate(below(good.len())),
                    }
                    let (status, ..) = running.send("POST", &path, key, &body);
                    assert!(matches!(status, 415 | 422), "{status} in round {round}");
                }
            });
        }
        for _ in 0..20 {
            diagonal.classify(&remote, &[vec![3, 1, 0]]);
            batched.classify(&remote, &[vec![3, 1, 0]]);
        }
    });
}
