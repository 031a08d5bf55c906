//! Networks from elsewhere.

use super::*;

#[test]
fn an_imported_float_network_computes_what_its_tensors_say() {
    use safetensors::{Dtype, tensor::TensorView};
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    // A network of batch norms, as it is before folding.
    let config = float_config();
    let mut model = Model::new(&config).unwrap();
    for layer in 0..2 {
        let outputs = model.layers[layer].outputs;
        let some = |a: f32, b: f32| (0..outputs).map(|c| a + b * c as f32).collect::<Vec<f32>>();
        model.set(layer, Role::RunningMean, some(0.2, -0.1));
        model.set(layer, Role::RunningVar, some(0.5, 0.4));
        model.set(layer, Role::Gamma, some(1.5, -0.5));
        model.set(layer, Role::Beta, some(-0.1, 0.1));
    }
    let suffixes = [
        (Role::Gamma, "weight"),
        (Role::Beta, "bias"),
        (Role::RunningMean, "running_mean"),
        (Role::RunningVar, "running_var"),
    ];
    let mut parts: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut names = Vec::new();
    for (layer, shape) in [
        (0, vec![3, 1, 3, 3]),
        (1, vec![4, 3, 3, 3]),
        (2, vec![4, 16]),
    ] {
        let mut push = |name: String, shape: Vec<usize>, role| {
            let values = model.get(layer, role).unwrap();
            let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            parts.push((name, shape, bytes));
        };
        let outputs = shape[0];
        push(format!("l{layer}.weight"), shape, Role::Weight);
        push(format!("l{layer}.bias"), vec![outputs], Role::Bias);
        if layer < 2 {
            for (role, suffix) in suffixes {
                push(format!("bn{layer}.{suffix}"), vec![outputs], role);
            }
        }
        names.push(LayerTensors {
            weight: format!("l{layer}.weight"),
            bias: Some(format!("l{layer}.bias")),
            weight_scale: None,
            norm: (layer < 2).then(|| format!("bn{layer}")),
        });
    }
    let views = parts.iter().map(|(name, shape, bytes)| {
        (
            name.as_str(),
            TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    let file = top.path().join("w.safetensors");
    std::fs::write(&file, safetensors::serialize(views, None).unwrap()).unwrap();
    let spec = ImportSpec {
        name: "imported".into(),
        dataset: DatasetName::Mnist,
        network: config.network.clone(),
        input_thresholds: config.input_thresholds.clone(),
        input_encoding: None,
        tensors: names,
    };
    let dir = top.path().join("imported");
    let record = import(&spec, &file, &dir).unwrap();
    assert!(!record.quantized);
    let (_, imported, _) = start::load_float(&dir).unwrap();
    let map = InputMap::new(&config, model.shapes[0], 1.0 / 3.0).unwrap();
    let expected = batch::all_logits(&model, &[], &data.test, &map).unwrap();
    let found = batch::all_logits(&imported, &[], &data.test, &map).unwrap();
    let largest = expected.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    for (a, b) in expected.iter().zip(&found) {
        assert!((a - b).abs() <= 1e-5 * largest, "{a} {b}");
    }

    let refused = |change: &dyn Fn(&mut ImportSpec), words: &str| {
        let mut spec = spec.clone();
        change(&mut spec);
        let message = import(&spec, &file, &top.path().join("bad"))
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{message}");
    };
    refused(&|s| s.tensors.truncate(2), "2 entries");
    refused(
        &|s| s.tensors[0].weight = "l1.weight".into(),
        "[4, 3, 3, 3], expected [3, 1, 3, 3]",
    );
    refused(&|s| s.tensors[1].norm = Some("none".into()), "none.weight");
    refused(&|s| s.input_thresholds.clear(), "thresholds");
}
