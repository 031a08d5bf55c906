//! The program, a small network and small datasets.

use std::{fs, path::Path};

use assert_cmd::{Command, cargo::cargo_bin_cmd};
use sealquant::network::{
    InputQuantizer, NETWORK_FILE, Network, NetworkBuilder, Shape, SplitMix64,
};

/// Returns a command for the built program.
pub fn sealquant() -> Command {
    let mut command = cargo_bin_cmd!("sealquant");
    // Keeps the user's own datasets out of the tests.
    command.env_remove("SEALQUANT_DATA");
    // Keeps the width of the terminal out as well.
    command.env_remove("COLUMNS");
    command
}

/// Makes a small network for 28x28 images: a strided convolution and two linear layers, with squares between them.
/// About half the weights are zero.
pub fn network() -> Network {
    network_times(1)
}

/// Makes the same network with weights `factor` times as large.
pub fn network_times(factor: i64) -> Network {
    let mut random = SplitMix64::new(7);
    let mut weights = |count: usize| -> Vec<i64> {
        (0..count)
            .map(|_| factor * [-1, 0, 1, 0][random.between(0, 3)])
            .collect()
    };
    let name = if factor == 1 { "small" } else { "large" };
    NetworkBuilder::new(name, Shape::new(1, 28, 28))
        .quantizer(InputQuantizer::from_thresholds(vec![102]).unwrap())
        .conv2d(1, [4, 4], [8, 8], [0, 0], weights(16))
        .bias([1])
        .weight_scale(0.5)
        .square()
        .flatten()
        .named("flatten")
        .linear(4, weights(64))
        .bias([2, 0, -1, 1])
        .weight_scale(0.25)
        .square()
        .linear(10, weights(40))
        .bias([0, 1, -1, 0, 2, 0, -2, 0, 0, 3])
        .weight_scale(0.25)
        .build()
        .unwrap()
}

/// Writes [`network`] as a model.
pub fn write_model(directory: &Path) {
    write_network(directory, &network());
}

/// Writes a network as a model.
pub fn write_network(directory: &Path, network: &Network) {
    fs::create_dir_all(directory).unwrap();
    network.save(directory.join(NETWORK_FILE)).unwrap();
}

/// Writes a dataset in MNIST's format: `images` random images in each split, with the labels 0 to 9 in turn.
pub fn write_data(directory: &Path, images: usize) {
    let mut random = SplitMix64::new(11);
    let idx = |dimensions: &[usize], data: Vec<u8>| {
        let mut file = vec![0, 0, 8, u8::try_from(dimensions.len()).unwrap()];
        for &dimension in dimensions {
            file.extend(u32::try_from(dimension).unwrap().to_be_bytes());
        }
        file.extend(data);
        file
    };
    fs::create_dir_all(directory).unwrap();
    for split in ["train", "t10k"] {
        let pixels = (0..images * 784 / 8).flat_map(|_| random.next_u64().to_le_bytes());
        let pixels = idx(&[images, 28, 28], pixels.collect());
        let labels = idx(&[images], (0..images).map(|i| (i % 10) as u8).collect());
        fs::write(directory.join(format!("{split}-images-idx3-ubyte")), pixels).unwrap();
        fs::write(directory.join(format!("{split}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// Checks that, on a standard output that is not a terminal, every table row is one line: its first cell is not empty.
pub fn assert_no_cell_is_wrapped(stdout: &str) {
    let rows = stdout.lines().filter_map(|line| line.strip_prefix('│'));
    let mut count = 0;
    for row in rows {
        let first = row.split(['┆', '│']).next().unwrap();
        assert!(!first.trim().is_empty(), "{row}\n{stdout}");
        count += 1;
    }
    assert!(count > 5, "{stdout}");
}

/// Runs a command that must fail with exit code 1 and one line on standard error (after any notes); returns that line.
pub fn failure(arguments: &[&str]) -> String {
    let output = sealquant()
        .args(arguments)
        .assert()
        .code(1)
        .get_output()
        .clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let line = stderr.lines().last().unwrap().to_owned();
    assert!(line.starts_with("error: "), "{stderr}");
    assert_eq!(stderr.matches("error: ").count(), 1, "{stderr}");
    line
}
