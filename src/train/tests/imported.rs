//! Networks imported from elsewhere.

use super::*;
use half::{bf16, f16};
use safetensors::{Dtype, tensor::TensorView};
use std::path::{Path, PathBuf};

#[test]
fn an_imported_float_network_computes_what_its_tensors_say() {
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    // A network with batch norms, as it is before folding.
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
    let mut parts = Vec::new();
    let mut names = Vec::new();
    for (layer, shape) in [
        (0, vec![3, 1, 3, 3]),
        (1, vec![4, 3, 3, 3]),
        (2, vec![4, 16]),
    ] {
        let mut push = |name: String, shape: Vec<usize>, role| {
            let values = model.get(layer, role).unwrap();
            let values = bytes(values.into_iter().map(f32::to_le_bytes));
            parts.push((name, Dtype::F32, shape, values));
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
            norm: (layer < 2).then(|| format!("bn{layer}")),
            ..LayerTensors::default()
        });
    }
    let file = tensor_file(top.path(), &parts);
    let spec = ImportSpec {
        name: "imported".into(),
        dataset: DatasetName::Mnist,
        network: config.network.clone(),
        input_thresholds: config.input_thresholds.clone(),
        input_encoding: None,
        tensors: names,
    };
    let dir = top.path().join("imported");
    assert!(!imported(&spec, &file, &dir).unwrap().quantized);
    let (_, network, _) = start::load_float(&dir).unwrap();
    let map = InputMap::new(&config, model.shapes[0], 1.0 / 3.0).unwrap();
    let expected = batch::all_logits(&model, &[], &data.test, &map).unwrap();
    let found = batch::all_logits(&network, &[], &data.test, &map).unwrap();
    let largest = expected.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    for (a, b) in expected.iter().zip(&found) {
        assert!((a - b).abs() <= 1e-5 * largest, "{a} {b}");
    }

    let refused = |change: &dyn Fn(&mut ImportSpec), words: &str| {
        let mut spec = spec.clone();
        change(&mut spec);
        let error = imported(&spec, &file, &top.path().join("bad")).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    };
    refused(&|s| s.tensors.truncate(2), "2 entries");
    refused(
        &|s| s.tensors[0].weight = "l1.weight".into(),
        "[4, 3, 3, 3], expected [3, 1, 3, 3]",
    );
    refused(&|s| s.tensors[1].norm = Some("none".into()), "none.weight");
    refused(&|s| s.input_thresholds.clear(), "thresholds");
    for epsilon in [0.0, -1.0, 1e308, f64::NAN] {
        refused(&|s| s.tensors[0].norm_epsilon = Some(epsilon), "epsilon");
    }
    refused(&|s| s.tensors[2].norm_epsilon = Some(1e-3), "batch norm");
    let scaled = |s: &mut ImportSpec| s.tensors[2].weight_scale = Some(0.5);
    refused(&scaled, "integer weights");
    assert!(!top.path().join("bad").exists());
}

/// Writes a file of tensors: their names, types, shapes and bytes.
fn tensor_file<N: AsRef<str>, S: AsRef<[usize]>>(
    top: &Path,
    tensors: &[(N, Dtype, S, Vec<u8>)],
) -> PathBuf {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.as_ref().to_vec(), bytes);
        (name.as_ref(), view.unwrap())
    });
    let file = top.join("tensors.safetensors");
    std::fs::write(&file, safetensors::serialize(views, None).unwrap()).unwrap();
    file
}

/// Writes a file with the weights of [`single_spec`].
fn weight_file(top: &Path, dtype: Dtype, bytes: Vec<u8>) -> PathBuf {
    tensor_file(top, &[("w", dtype, [3, 2], bytes)])
}

/// Imports a network into a new folder.
fn imported(spec: &ImportSpec, file: &Path, dir: &Path) -> Result<ImportRecord, TrainError> {
    import(
        spec,
        file,
        &OutputFolder::claim(dir, Existing::Refuse, &[file])?,
    )
}

/// Describes a network of one linear layer with two inputs and three outputs.
fn single_spec() -> ImportSpec {
    ImportSpec {
        name: "single".into(),
        dataset: DatasetName::Mnist,
        network: NetworkSpec {
            input: [1, 1, 2],
            layers: vec![LayerSpec::Flatten, LayerSpec::Linear { out_features: 3 }],
        },
        input_thresholds: vec![128],
        input_encoding: None,
        tensors: vec![LayerTensors {
            weight: "w".into(),
            ..LayerTensors::default()
        }],
    }
}

fn bytes<const N: usize>(values: impl IntoIterator<Item = [u8; N]>) -> Vec<u8> {
    values.into_iter().flatten().collect()
}

#[test]
fn tensors_of_every_width_are_read_as_what_they_are() {
    let top = tempfile::tempdir().unwrap();
    let numbers = [0.5, -1.0, 2.0, 0.0, -0.25, 8.0];
    let half = numbers.map(|x| f16::from_f64(x).to_le_bytes());
    let brain = numbers.map(|x| bf16::from_f64(x).to_le_bytes());
    for (dtype, data) in [
        (Dtype::F16, bytes(half)),
        (Dtype::BF16, bytes(brain)),
        (Dtype::F32, bytes(numbers.map(|x| (x as f32).to_le_bytes()))),
        (Dtype::F64, bytes(numbers.map(f64::to_le_bytes))),
    ] {
        let file = weight_file(top.path(), dtype, data);
        let dir = top.path().join(format!("{dtype:?}"));
        assert!(!imported(&single_spec(), &file, &dir).unwrap().quantized);
        let (_, model, _) = start::load_float(&dir).unwrap();
        let found = model.get(0, Role::Weight).unwrap();
        assert_eq!(found, numbers.map(|x| x as f32), "{dtype:?}");
    }
    let mut spec = single_spec();
    spec.tensors[0].weight_scale = Some(0.5);
    let whole = [0_u8, 1, 2, 100, 127, 3];
    for (dtype, data) in [
        (Dtype::U8, whole.to_vec()),
        (Dtype::I8, whole.to_vec()),
        (Dtype::U16, bytes(whole.map(|x| u16::from(x).to_le_bytes()))),
        (Dtype::I16, bytes(whole.map(|x| i16::from(x).to_le_bytes()))),
        (Dtype::U32, bytes(whole.map(|x| u32::from(x).to_le_bytes()))),
        (Dtype::I32, bytes(whole.map(|x| i32::from(x).to_le_bytes()))),
        (Dtype::U64, bytes(whole.map(|x| u64::from(x).to_le_bytes()))),
        (Dtype::I64, bytes(whole.map(|x| i64::from(x).to_le_bytes()))),
    ] {
        let file = weight_file(top.path(), dtype, data);
        let dir = top.path().join(format!("{dtype:?}"));
        assert!(imported(&spec, &file, &dir).unwrap().quantized);
        let network = crate::network::Network::load(&dir).unwrap();
        let weights = network.layers()[1].layer.weight().unwrap();
        assert_eq!(weights, whole.map(i64::from), "{dtype:?}");
    }
}

#[test]
fn numbers_that_are_none_are_refused_by_tensor_and_channel() {
    let top = tempfile::tempdir().unwrap();
    let out = top.path().join("out");
    let refused = |spec: &ImportSpec, file: &Path, words: &[&str]| {
        let message = imported(spec, file, &out).unwrap_err().to_string();
        for words in words {
            assert!(message.contains(words), "{words} is missing in: {message}");
        }
        assert!(!out.exists());
    };
    let weight = |values: [f64; 6]| bytes(values.map(f64::to_le_bytes));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e39, -1e300] {
        let file = weight_file(
            top.path(),
            Dtype::F64,
            weight([0.0, 1.0, 2.0, 3.0, bad, 5.0]),
        );
        refused(&single_spec(), &file, &["`w`", "channel 2"]);
    }
    // Weights that 32-bit floats cannot hold are not taken for zeros.
    let tiny = weight([0.0, 1e-60, 0.0, 0.0, -1e-59, 0.0]);
    let file = weight_file(top.path(), Dtype::F64, tiny);
    refused(&single_spec(), &file, &["`w`", "1e-59", "too small"]);

    let norm = |variance: [f64; 3], gamma: f64| {
        let part = |name, values: [f64; 3]| {
            let values = bytes(values.map(f64::to_le_bytes));
            (name, Dtype::F64, vec![3], values)
        };
        let parts = [
            ("w", Dtype::F64, vec![3, 2], weight([1.0; 6])),
            part("n.weight", [gamma; 3]),
            part("n.bias", [0.0; 3]),
            part("n.running_mean", [0.0; 3]),
            part("n.running_var", variance),
        ];
        tensor_file(top.path(), &parts)
    };
    let mut spec = single_spec();
    spec.tensors[0].norm = Some("n".into());
    for variance in [-1e-6, -0.5, f64::NAN] {
        let file = norm([1.0, variance, 1.0], 1.0);
        refused(&spec, &file, &["`n.running_var`", "channel 1"]);
    }
    // With a small epsilon, a variance of zero gives a factor that 32 bits cannot hold.
    spec.tensors[0].norm_epsilon = Some(1e-300);
    let file = norm([1.0, 0.0, 1.0], 1.0);
    refused(&spec, &file, &["`w`", "channel 1", "batch norm"]);
    let file = norm([1.0; 3], 1e-60);
    refused(&spec, &file, &["`w`", "1e-60", "batch norm"]);
    // The epsilon that Keras uses is applied.
    spec.tensors[0].norm_epsilon = Some(1e-3);
    imported(&spec, &norm([0.0; 3], 1.0), &out).unwrap();
    let (_, model, _) = start::load_float(&out).unwrap();
    let expected = 1.0 / 1e-3_f64.sqrt();
    for weight in model.get(0, Role::Weight).unwrap() {
        assert!(
            (f64::from(weight) / expected - 1.0).abs() < 1e-6,
            "{weight}"
        );
    }
    std::fs::remove_dir_all(&out).unwrap();

    let file = weight_file(top.path(), Dtype::F8_E4M3, vec![0; 6]);
    refused(&single_spec(), &file, &["`w`", "F8_E4M3", "convert"]);
    let large = [u64::MAX, 0, 0, 0, 0, 0].map(u64::to_le_bytes);
    let large = weight_file(top.path(), Dtype::U64, bytes(large));
    let mut whole = single_spec();
    whole.tensors[0].weight_scale = Some(1.0);
    refused(&whole, &large, &["`w`", "63 bits"]);
    let ones = weight_file(top.path(), Dtype::I8, vec![1; 6]);
    whole.tensors[0].weight_scale = Some(5e-324);
    refused(&whole, &ones, &["weight_scale", "5e-324", "full precision"]);

    for (content, words) in [
        (&b"PK\x03\x04 and so on"[..], "ZIP"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "LFS",
        ),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"", "empty"),
        (&[255; 64], "safetensors"),
    ] {
        let file = top.path().join("other.safetensors");
        std::fs::write(&file, content).unwrap();
        refused(&single_spec(), &file, &[words, "other.safetensors"]);
    }
}

#[test]
fn descriptions_name_the_field_at_fault() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("layers.json");
    let text = serde_json::to_string(&single_spec()).unwrap();
    let refused = |text: &str, words: &str| {
        std::fs::write(&path, text).unwrap();
        let message = ImportSpec::load(&path).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    };
    let with = |field: &str| text.replace("\"weight\":\"w\"", &format!("\"weight\":\"w\",{field}"));
    let scales = with("\"weight_scale\":[0.5,0.25,0.5]");
    refused(&scales, "one number for the whole tensor");
    refused(&scales, "tensors[0].weight_scale");
    let words = with("\"norm_epsilon\":\"small\"");
    refused(&words, "tensors[0].norm_epsilon");
    refused(&with("\"norme\":1"), "norme");
    std::fs::write(&path, with("\"weight_scale\":0.5")).unwrap();
    let spec = ImportSpec::load(&path).unwrap();
    assert_eq!(spec.tensors[0].weight_scale, Some(0.5));
}

#[test]
fn a_folder_holds_one_kind_of_network() {
    let top = tempfile::tempdir().unwrap();
    let out = top.path().join("model");
    let real = (
        Dtype::F32,
        bytes([1.0_f32; 6].map(f32::to_le_bytes)),
        single_spec(),
    );
    let mut whole = (Dtype::I8, vec![1; 6], single_spec());
    whole.2.tensors[0].weight_scale = Some(1.0);
    let float = ["config.json", "import.json", "weights.safetensors"];
    for ((dtype, bytes, spec), names) in [
        (&real, &float[..]),
        (&whole, &["import.json", "network.json.gz"]),
        (&real, &float),
    ] {
        let file = weight_file(top.path(), *dtype, bytes.clone());
        let folder = OutputFolder::claim(&out, Existing::Replace, &[]).unwrap();
        import(spec, &file, &folder).unwrap();
        drop(folder);
        let refused = imported(spec, &file, &out).unwrap_err();
        assert!(matches!(refused, TrainError::ModelExists { .. }));
        assert_eq!(contents(&out).into_keys().collect::<Vec<_>>(), names);
    }
}
