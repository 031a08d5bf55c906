//! Files of a deployment come back, and none that was changed is taken.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::{ClientFile, Deployment, SERVER_FOLDER, SecretFile};
use crate::engine::{Client, Contexts};
use crate::network::{NetworkBuilder, Shape};
use crate::params::{Scheme, SelectOptions, select};
use std::fs;

fn deployment(scheme: Scheme, name: &str) -> Deployment {
    let network = NetworkBuilder::new(name, Shape::vector(3))
        .uniform_bits(2)
        .linear(2, [2, -1, 0, -1, 1, 3])
        .bias([1, 0])
        .square()
        .linear(2, [1, -2, 0, 1])
        .bias([0, -4])
        .build()
        .unwrap();
    let options = SelectOptions {
        scheme: Some(scheme),
        images: Some(1),
        ..SelectOptions::default()
    };
    let parameters = select(&network, &options).unwrap();
    Deployment::new(network, parameters, vec!["no".to_owned(), "yes".to_owned()])
}

#[test]
fn deployments_come_back() {
    for scheme in [Scheme::Batched, Scheme::Diagonal] {
        let folder = tempfile::tempdir().unwrap();
        let made = deployment(scheme, "a");
        made.save(folder.path()).unwrap();
        let read = Deployment::load(&folder.path().join(SERVER_FOLDER)).unwrap();
        assert_eq!(read, made);
        assert_eq!(read.plan().unwrap(), made.plan().unwrap());
        let file = ClientFile::load(&folder.path().join("client.json")).unwrap();
        assert_eq!(file.spec(), made.plan().unwrap().client_spec());
        assert_eq!(file.deployment(), made.id());
        assert_eq!(file.classes(), ["no", "yes"]);
    }
}

#[test]
fn identifiers_depend_on_network_parameters_and_classes() {
    let first = deployment(Scheme::Batched, "a");
    assert_eq!(deployment(Scheme::Batched, "a").id(), first.id());
    assert_ne!(deployment(Scheme::Batched, "b").id(), first.id());
    assert_ne!(deployment(Scheme::Diagonal, "a").id(), first.id());
    let renamed = Deployment::new(
        first.network().clone(),
        first.parameters().clone(),
        vec!["yes".to_owned(), "no".to_owned()],
    );
    assert_ne!(renamed.id(), first.id());
}

#[test]
fn a_secret_key_comes_back_and_no_other_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let made = deployment(Scheme::Diagonal, "a");
    let plan = made.plan().unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let secret = SecretFile::new(made.id(), &client).unwrap();
    let path = folder.path().join("new/secret.key");
    secret.create(&path).unwrap();
    assert!(secret.create(&path).is_err());

    let file = made.client_file(&plan).unwrap();
    let read = SecretFile::load(&path, made.id()).unwrap();
    assert_eq!(read.key(), secret.key());
    let again = read.client(&file, &contexts).unwrap();
    assert_eq!(
        again.secret_bytes().unwrap(),
        client.secret_bytes().unwrap()
    );
    // What one encrypts, the other decrypts.
    let request = client.encrypt(&[vec![1, 2, 3]], &()).unwrap();
    let server = crate::engine::Server::new(&plan, &contexts, again.evaluation_keys().unwrap());
    let evaluation = server.unwrap().evaluate(&request, &()).unwrap();
    let logits = again.decrypt(&evaluation.response, 1).unwrap();
    let twin = crate::network::Twin::new(made.network());
    assert_eq!(logits, twin.logits_batch(&[vec![1, 2, 3]]).unwrap());

    let other = deployment(Scheme::Batched, "a");
    let error = SecretFile::load(&path, other.id()).err().unwrap();
    assert!(error.to_string().contains("belongs to the deployment"));
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(SecretFile::load(&path, made.id()).is_err(), "byte {at}");
        fs::write(&path, &whole[..at]).unwrap();
        assert!(SecretFile::load(&path, made.id()).is_err(), "length {at}");
    }
    let good = client.secret_bytes().unwrap();
    let mut bad = good.to_vec();
    // A coefficient that is none of -1, 0 and 1.
    bad[7] |= 3;
    for bytes in [&bad, &good[1..], &[]] {
        assert!(Client::from_secret_bytes(plan.client_spec(), &contexts, bytes).is_err());
    }
}
