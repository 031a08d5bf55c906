//! The engine's steps on small networks of one layer each: `cargo bench --bench batched`.
//!
//! A batch fills every slot, so each measured time is for N images.

use criterion::{Criterion, criterion_group, criterion_main};
use sealquant::engine::{Client, Contexts, Plan, Request, Server};
use sealquant::network::{NetworkBuilder, Shape, Twin, random_images};
use sealquant::params::{Scheme, SelectOptions, select};
use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

/// Everything needed for the measurement, and a batch of images.
struct Kit {
    client: Client,
    server: Server,
    images: Vec<Vec<i64>>,
    request: Request,
}

/// Builds a network, flattened at its end, and a batch whose first images are compared with the twin.
fn kit(network: NetworkBuilder) -> Result<Kit, Box<dyn Error>> {
    let network = network.flatten().build()?;
    let options = SelectOptions {
        scheme: Some(Scheme::Stock),
        ..SelectOptions::default()
    };
    let selection = select(&network, &options)?;
    let plan = Plan::new(&network, &selection)?;
    let contexts = Contexts::new(plan.client_spec())?;
    let client = Client::new(plan.client_spec(), &contexts)?;
    let server = Server::new(&plan, &contexts, client.evaluation_keys()?)?;
    let images = random_images(1, &network, selection.poly_modulus_degree());
    let request = client.encrypt(&images, &())?;
    let logits = client.decrypt(&server.evaluate(&request, &())?.response, images.len())?;
    let few = 16.min(images.len());
    if logits[..few] != Twin::new(&network).logits_batch(&images[..few])? {
        return Err(format!("{}: the decrypted results are wrong", network.name()).into());
    }
    Ok(Kit {
        client,
        server,
        images,
        request,
    })
}

/// Makes small weights, one in five of which is zero.
fn weights(count: usize) -> Vec<i64> {
    [-1, 2, 0, 1, 3].into_iter().cycle().take(count).collect()
}

fn layers() -> Result<Vec<(&'static str, Kit)>, Box<dyn Error>> {
    // A network that reads integers from 0 to 3.
    let on = |name: &str, shape| NetworkBuilder::new(name, shape).uniform_bits(2);
    let image = Shape::new(1, 8, 8);
    let linear = on("linear", image).linear(10, weights(640)).bias([1; 10]);
    let conv2d = on("conv2d", image)
        .conv2d(2, [3, 3], [2, 2], [1, 1], weights(18))
        .bias([1; 2]);
    let sum_pool = on("sum_pool", image).sum_pool([2, 2], [2, 2]);
    let square = on("square", Shape::vector(16)).square();
    Ok(vec![
        ("linear 64 to 10", kit(linear)?),
        ("conv2d 2 of 3x3 on 8x8", kit(conv2d)?),
        ("sum_pool 2x2 on 8x8", kit(sum_pool)?),
        ("square of 16", kit(square)?),
    ])
}

fn engine(criterion: &mut Criterion) {
    let kits = match layers() {
        Ok(kits) => kits,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let mut group = criterion.benchmark_group("evaluate");
    for (name, kit) in &kits {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| black_box(kit.server.evaluate(&kit.request, &())));
        });
    }
    group.finish();
    let (name, kit) = &kits[0];
    criterion.bench_function(&format!("encrypt for {name}"), |bencher| {
        bencher.iter(|| black_box(kit.client.encrypt(&kit.images, &())));
    });
    if let Ok(evaluation) = kit.server.evaluate(&kit.request, &()) {
        criterion.bench_function(&format!("decrypt of {name}"), |bencher| {
            bencher.iter(|| black_box(kit.client.decrypt(&evaluation.response, kit.images.len())));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = engine
}
criterion_main!(benches);
