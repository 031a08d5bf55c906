//! A client and a server that share only files: keys and encrypted images go one way, encrypted logits the other.
//!
//! ```sh
//! cargo run --example client_server -- some/directory
//! ```
#![allow(missing_docs, reason = "an example")]

use sealquant::engine::{
    Client, Contexts, Plan, Response, SeededEvaluationKeys, SeededRequest, Server,
};
use sealquant::network::{Network, NetworkBuilder, NetworkError, Shape, Twin};
use sealquant::params::{Scheme, SelectOptions, select};
use sealquant::wire::{Limits, Message};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args_os().nth(1) {
        Some(directory) => run(Path::new(&directory)),
        None => run(tempfile::tempdir()?.path()),
    }
}

fn run(directory: &Path) -> Result<(), Box<dyn Error>> {
    // Here, one process plays both parts. A client needs the plan's specification only, which holds no weights:
    // encryption parameters and which value lies in which slot.
    let network = network()?;
    // Rotations need keys, so all three messages have something to carry.
    let options = SelectOptions {
        scheme: Some(Scheme::Diagonal),
        images: Some(1),
        ..SelectOptions::default()
    };
    let plan = Plan::new(&network, &select(&network, &options)?)?;
    let images = [vec![2, 1, 3]];

    let contexts = Contexts::new(plan.client_spec())?;
    let client = Client::new(plan.client_spec(), &contexts)?;
    send(&client, &contexts, &images, directory)?;
    serve(&plan, directory)?;
    let response = Response::load(&contexts, directory.join("response"), &Limits::default())?;
    let logits = client.decrypt(&response, images.len())?;

    assert_eq!(logits, Twin::new(&network).logits_batch(&images)?);
    println!("decrypted logits, equal to those computed in the clear:");
    for (image, logits) in images.iter().zip(&logits) {
        println!("  {image:?} -> {logits:?}");
    }
    Ok(())
}

/// Writes what the server needs from the client. The secret keys stay with the client.
fn send(
    client: &Client,
    contexts: &Contexts,
    images: &[Vec<i64>],
    directory: &Path,
) -> Result<(), Box<dyn Error>> {
    let keys = client.evaluation_keys_seeded()?;
    let length = keys.save(contexts, directory.join("keys"))?;
    println!("client: {length} bytes of keys");
    let request = client.encrypt_seeded(images, &())?;
    let length = request.save(contexts, directory.join("request"))?;
    println!("client: {length} bytes of encrypted images");
    Ok(())
}

/// Runs the server, which sees the plan and the files. The files may come from anyone, so all of their content is
/// checked.
fn serve(plan: &Plan, directory: &Path) -> Result<(), Box<dyn Error>> {
    let contexts = Contexts::new(plan.client_spec())?;
    let limits = Limits::default();
    let keys = SeededEvaluationKeys::load(&contexts, directory.join("keys"), &limits)?;
    let server = Server::new(plan, &contexts, keys.expand(&contexts)?)?;
    let request = SeededRequest::load(&contexts, directory.join("request"), &limits)?;
    let evaluation = server.evaluate(&request.expand(&contexts)?, &())?;
    let length = evaluation
        .response
        .save(&contexts, directory.join("response"))?;
    println!("server: {length} bytes of encrypted logits");
    Ok(())
}

/// Makes a network with two squares between sums, and made-up weights.
fn network() -> Result<Network, NetworkError> {
    NetworkBuilder::new("example", Shape::vector(3))
        .uniform_bits(2)
        .linear(2, [2, -1, 0, -1, 1, 3])
        .bias([1, 0])
        .square()
        .linear(2, [1, -2, 0, 1])
        .bias([0, -4])
        .square()
        .linear(2, [1, -1, -3, 2])
        .bias([5, 0])
        .build()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() -> Result<(), Box<dyn std::error::Error>> {
        super::run(tempfile::tempdir()?.path())
    }
}
