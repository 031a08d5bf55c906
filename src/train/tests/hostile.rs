//! Configurations and data that make no sense.

use proptest::prelude::*;

use super::*;

#[test]
fn a_nonsense_network_and_ill_fitting_data_are_refused() {
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    let go = |config: &TrainConfig, train: &Dataset| {
        let folder = OutputFolder::claim(&top.path().join("x"), Existing::Refuse, &[]).unwrap();
        run(config, train, &data.test, &folder, &mut |_: &TrainEvent| ())
            .unwrap_err()
            .to_string()
    };
    let mut wrong = float_config();
    wrong.network.input = [1, 9, 9];
    assert!(go(&wrong, &data.train).contains("training images"));
    assert!(go(&float_config(), &data.train.slice(0..110)).contains("too few"));
    let mut relu = float_config();
    relu.epochs = 1;
    for layer in &mut relu.network.layers {
        if *layer == LayerSpec::Square {
            *layer = LayerSpec::Relu;
        }
    }
    let parent = top.path().join("relu");
    train(&relu, &data, &parent);
    let refused = ptq(&parent, &options(4, WeightRule::Max), &data.test).unwrap_err();
    let message = refused.to_string();
    assert!(
        message.contains("relu1") && message.contains("use `square`"),
        "{message}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_text_is_no_configuration(text in "[{}\\[\\]\":,a-z0-9 ]{0,60}") {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        std::fs::write(&path, text).unwrap();
        prop_assert!(TrainConfig::load(&path).is_err());
    }

    /// Replaces any one value of a configuration by a hostile one: it is refused by name, or the configuration can be
    /// trained.
    #[test]
    fn one_hostile_value_is_refused_or_harmless(which in 0_usize..1000, kind in 0_usize..12) {
        let config = TrainConfig::preset("hcnn-mnist-t17").unwrap();
        let mut value = serde_json::to_value(&config).unwrap();
        let hostile = ["-1", "0", "1", "1e999", "1e308", "1099511627776", "18446744073709551615", "null", "\"\"", "[]", "{}", "0.5"];
        let leaves = leaves(&value, "");
        let pointer = &leaves[which % leaves.len()];
        *value.pointer_mut(pointer).unwrap() = serde_json::from_str(hostile[kind]).unwrap_or_default();
        if let Ok(config) = serde_json::from_value::<TrainConfig>(value) {
            match config.validate() {
                Ok(()) => {
                    let again = serde_json::from_slice(&serde_json::to_vec(&config).unwrap()).unwrap();
                    prop_assert_eq!(config, again);
                }
                Err(error) => prop_assert!(error.to_string().contains('`'), "{}", error),
            }
        }
    }
}

/// Lists JSON pointers to all values that contain no others.
fn leaves(value: &serde_json::Value, at: &str) -> Vec<String> {
    use serde_json::Value;
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| (format!("{at}/{k}"), v)).collect(),
        Value::Array(list) => {
            let inner = list.iter().enumerate();
            inner.map(|(k, v)| (format!("{at}/{k}"), v)).collect()
        }
        _ => return vec![at.to_owned()],
    };
    inner
        .iter()
        .flat_map(|(at, value)| leaves(value, at))
        .collect()
}
