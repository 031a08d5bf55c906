//! Checks what the library logs: a single message that its kernels were compiled without optimisation, and nothing in
//! this project's profiles.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use log::{Level, LevelFilter, Log, Metadata, Record};
use num_bigint::BigInt;
use sealquant::engine::{Client, Contexts, Plan, Server};
use sealquant::kernels::{Backend, Rates};
use sealquant::network::{NetworkBuilder, Shape};
use sealquant::params::{Scheme, SelectOptions, select};
use std::sync::Mutex;

/// Collects what is logged.
struct Kept(Mutex<Vec<(Level, String)>>);

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.target().starts_with("sealquant") {
            let line = (record.level(), record.args().to_string());
            self.0.lock().unwrap().push(line);
        }
    }

    fn flush(&self) {}
}

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

fn evaluate(scheme: Scheme) {
    let network = NetworkBuilder::new("small", Shape::vector(2))
        .uniform_bits(1)
        .linear(1, [1, -1])
        .bias([1])
        .build()
        .unwrap();
    let options = SelectOptions {
        scheme: Some(scheme),
        ..SelectOptions::default()
    };
    let plan = Plan::new(&network, &select(&network, &options).unwrap()).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
    let request = client.encrypt(&[vec![1, 0]], &()).unwrap();
    let response = server.evaluate(&request, &()).unwrap().response;
    assert_eq!(client.decrypt(&response, 1).unwrap(), [[BigInt::from(2)]]);
}

#[test]
fn only_a_build_without_optimisation_is_warned_about_and_once() {
    log::set_logger(&KEPT).unwrap();
    log::set_max_level(LevelFilter::Trace);
    // SEAL and the code that calls it are optimised under every profile.
    evaluate(Scheme::Stock);
    assert!(KEPT.0.lock().unwrap().is_empty());
    for _ in 0..2 {
        evaluate(Scheme::Batched);
        Rates::measure(Backend::detect());
    }
    let logged = KEPT.0.lock().unwrap();
    if cfg!(unoptimised) {
        let [(level, line)] = &logged[..] else {
            unreachable!("one line is logged: {logged:?}");
        };
        assert_eq!(*level, Level::Warn);
        assert!(line.contains("[profile.dev.package.sealquant]"), "{line}");
    } else {
        assert!(logged.is_empty(), "{logged:?}");
    }
}
