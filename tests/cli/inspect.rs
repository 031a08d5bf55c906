//! `sealquant inspect`.

use crate::kit::{assert_no_cell_is_wrapped, sealquant, write_data, write_model};

#[test]
fn inspect_explains_the_network_and_its_parameters() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 40);
    let stdout = |arguments: &[&str]| {
        let output = sealquant()
            .arg("inspect")
            .arg(&model)
            .args(arguments)
            .assert()
            .success();
        String::from_utf8(output.get_output().stdout.clone()).unwrap()
    };
    let proven = stdout(&[]);
    for word in [
        "conv1",
        "square1",
        "linear2",
        "1x4x4",
        "conv1 + square1",
        "noise budget left, bits",
        "images/s",
        "proven",
        "2024",
        "noise budget",
        "N = ",
    ] {
        assert!(proven.contains(word), "{word} is missing in:\n{proven}");
    }
    assert!(!proven.contains("observed"), "{proven}");
    assert_no_cell_is_wrapped(&proven);
    let data = data.to_str().unwrap();
    let observed = stdout(&[
        "--dataset",
        "mnist",
        "--data-dir",
        data,
        "--accept-observed-bound",
    ]);
    assert!(observed.contains("observed bits"), "{observed}");
    assert!(observed.contains("all 80 images of mnist"), "{observed}");
    assert!(observed.contains("not the published files"), "{observed}");
    assert!(stdout(&["--security", "2018"]).contains("2018"));
}
