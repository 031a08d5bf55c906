//! Runs in folders that already hold something: what continues, what is replaced, what is refused.

use super::*;

#[test]
fn a_model_is_replaced_when_the_new_one_is_complete_and_not_before() {
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    let parent = top.path().join("float");
    let dir = top.path().join("model");
    let mut float = float_config();
    float.epochs = 2;
    train(&float, &data, &parent);
    train(&float, &data, &dir);
    let old = contents(&dir);
    let names = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
        files.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&old), [CONFIG_FILE, RECORD_FILE, WEIGHTS_FILE]);

    let mut qat = qat_config(&parent, 4, vec![WeightRule::Max], QatStart::Copy);
    qat.epochs = 3;
    let go = |existing| try_train(&qat, &data, &dir, existing, &mut Impatient);
    let refused = go(Existing::Refuse).unwrap_err();
    assert!(matches!(refused, TrainError::ModelExists { .. }));
    let other = go(Existing::Resume).unwrap_err().to_string();
    assert!(
        other.contains("`batch_norm` was true and is false now"),
        "{other}"
    );
    assert_eq!(contents(&dir), old);

    let stopped = go(Existing::Replace).unwrap_err();
    assert!(matches!(stopped, TrainError::Stopped { epoch: 1, .. }));
    let mut half = contents(&dir);
    assert!(half.remove(CHECKPOINT_FILE).is_some());
    assert_eq!(half, old);
    go(Existing::Resume).unwrap_err();
    let record = go(Existing::Resume).unwrap();
    let new = contents(&dir);
    assert_eq!(names(&new), [CONFIG_FILE, NETWORK_FILE, RECORD_FILE]);
    assert_eq!(TrainRecord::load(&dir).unwrap(), record);
    assert_eq!(TrainConfig::load(&dir.join(CONFIG_FILE)).unwrap(), qat);

    // Rounding also replaces all of it, but never its own parent.
    let options = options(3, WeightRule::MinError);
    let (network, rounded) = ptq(&parent, &options, &data.test).unwrap();
    assert_eq!(network.name(), "small-ptq3-min-error");
    for dir in [&parent, &dir] {
        let error = OutputFolder::claim(dir, Existing::Refuse, &[]).unwrap_err();
        assert!(matches!(error, TrainError::ModelExists { .. }));
    }
    let error = OutputFolder::claim(&parent, Existing::Replace, &[&parent]).unwrap_err();
    assert!(matches!(error, TrainError::OutputIsInput { .. }));
    let folder = OutputFolder::claim(&dir, Existing::Replace, &[&parent]).unwrap();
    rounded.save(&network, &folder).unwrap();
    assert_eq!(names(&contents(&dir)), [NETWORK_FILE, RECORD_FILE]);
}

#[test]
fn a_run_does_not_go_on_from_other_parents_teachers_or_images() {
    let (top, data) = (tempfile::tempdir().unwrap(), data());
    let path = |name: &str| top.path().join(name);
    let short = |seed| TrainConfig {
        seed,
        epochs: 1,
        ..float_config()
    };
    for name in ["parent", "teacher"] {
        train(&short(1), &data, &path(name));
    }
    let mut config = qat_config(&path("parent"), 4, vec![WeightRule::Max], QatStart::Copy);
    config.epochs = 2;
    config.distillation.as_mut().unwrap().teacher = path("teacher").display().to_string();
    let dir = path("run");
    let go = |data: &Data, existing| try_train(&config, data, &dir, existing, &mut Impatient);
    let refused = |data: &Data, words: &str| {
        let before = contents(&dir);
        let error = go(data, Existing::Resume).unwrap_err();
        assert!(matches!(error, TrainError::OtherRun { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(contents(&dir), before);
    };
    let again = |name: &str, seed| {
        let existing = Existing::Replace;
        try_train(
            &short(seed),
            &data,
            &path(name),
            existing,
            &mut |_: &TrainEvent| (),
        )
        .unwrap();
    };
    go(&data, Existing::Refuse).unwrap_err();
    // First with a checkpoint, then with a finished run.
    for finished in [false, true] {
        for name in ["parent", "teacher"] {
            again(name, 2);
            refused(&data, &format!("the {name}'s weights"));
            again(name, 1);
        }
        if finished {
            break;
        }
        let other = Data {
            train: quadrants(600, 9),
            test: data.test.clone(),
        };
        refused(&other, "the training images");
        let other = Data {
            train: data.train.clone(),
            test: quadrants(200, 9),
        };
        refused(&other, "the test images");
        go(&data, Existing::Resume).unwrap();
    }
    let record = go(&data, Existing::Resume).unwrap();
    assert_eq!(TrainRecord::load(&dir).unwrap(), record);
}
