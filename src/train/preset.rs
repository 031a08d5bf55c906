//! Training configurations by name.

use super::{TrainConfig, TrainError};
use crate::data::DatasetName;

/// Embeds the files of `configs/presets`: declares their names and their texts.
macro_rules! presets {
    ($($name:literal),+ $(,)?) => {
        /// All names that [`TrainConfig::preset`] knows: the files of `configs/presets`, which are part of the program.
        pub const PRESETS: [&str; [$($name),+].len()] = [$($name),+];

        const FILES: [&str; PRESETS.len()] = [$(include_str!(concat!("../../configs/presets/", $name, ".json"))),+];
    };
}

presets![
    "teacher-mnist",
    "hcnn-mnist-float",
    "hcnn-mnist-paper",
    "hcnn-mnist-w2",
    "hcnn-mnist-w3",
    "hcnn-mnist-w4",
    "hcnn-mnist-w5",
    "hcnn-mnist-w6",
    "hcnn-mnist-w7",
    "hcnn-mnist-w8",
    "hcnn-mnist-w9",
    "hcnn-mnist-w10",
    "hcnn-mnist-w11",
    "hcnn-mnist-w12",
    "hcnn-mnist-w13",
    "hcnn-mnist-w14",
    "hcnn-mnist-w15",
    "hcnn-mnist-w16",
    "hcnn-mnist-w32",
    "hcnn-mnist-float1",
    "hcnn-mnist-wide1",
    "hcnn-mnist-wider1",
    "hcnn-mnist-t17",
    "hcnn-mnist-wide17",
    "hcnn-mnist-t21",
    "hcnn-mnist-p20",
    "hcnn-mnist-best",
    "hcnn-cifar-float",
    "hcnn-cifar-w2",
    "hcnn-cifar-w3",
    "hcnn-cifar-w4",
    "hcnn-cifar-w5",
    "hcnn-cifar-w6",
    "hcnn-cifar-w7",
    "hcnn-cifar-w8",
    "hcnn-cifar-w9",
    "hcnn-cifar-w10",
    "hcnn-cifar-w11",
    "hcnn-cifar-w12",
    "hcnn-cifar-w13",
    "hcnn-cifar-w14",
    "hcnn-cifar-w15",
    "hcnn-cifar-w16",
    "hcnn-cifar-w32",
    "hcnn-cifar-mixed",
    "hcnn-cifar-contrast2",
    "hcnn-cifar-contrast4",
    "hcnn-cifar-34",
    "hcnn-cifar-51",
    "hcnn-cifar-68",
];

impl TrainConfig {
    /// Returns the configuration of this name.
    ///
    /// - `teacher-mnist`: a small ReLU network on plain pixels, which serves as a teacher.
    /// - `hcnn-mnist-float`: HCNN in floating point on two-bit input: parent and teacher of the quantised networks.
    /// - `hcnn-mnist-paper`: HCNN in floating point as the paper trained it (Adam 0.001, batches of 128, nothing else).
    /// - `hcnn-mnist-w2`: two-bit (ternary) weights and two-bit input, from `models/mnist-float`.
    /// - `hcnn-mnist-wB`: B-bit weights by the paper's rule, two-bit input, from `models/mnist-float`.
    /// - `hcnn-mnist-float1`: HCNN in floating point on one-bit input, taught by `models/mnist-teacher`.
    /// - `hcnn-mnist-best`: four-bit weights by the paper's rule on inputs with three levels, for logits of 33 bits.
    /// - `hcnn-mnist-wide1`, `hcnn-mnist-wider1`: `hcnn-mnist-float1` with 10 and 80, and with 16 and 128, channels in
    ///   place of 5 and 50.
    /// - `hcnn-mnist-t17`, `hcnn-mnist-p20`: ternary networks on one-bit input from `models/mnist-float1`, for logits
    ///   of 17 bits (t = 114689) and for logits of at most 20 bits, proven.
    /// - `hcnn-mnist-t21`, `hcnn-mnist-wide17`: the same from `models/mnist-wide1` for logits of 21 bits, and from
    ///   `models/mnist-wider1` for 17 bits.
    /// - `hcnn-cifar-float`: the paper's CIFAR-10 network in floating point, on plain pixels.
    /// - `hcnn-cifar-wB`: B-bit weights and four-bit pixels, from `models/cifar-float`. From four bits on they use the
    ///   paper's rule, which is not stable below.
    /// - `hcnn-cifar-mixed`: three bits in the first two layers, two in the others.
    /// - `hcnn-cifar-contrast2`, `hcnn-cifar-contrast4`: floating point, one linear layer, on the contrast encoding
    ///   with two levels (48, 96 and 192 channels) and with four (the paper's channels).
    /// - `hcnn-cifar-34`, `hcnn-cifar-51`, `hcnn-cifar-68`: weight budgets for logits of that many bits, from those
    ///   two.
    ///
    /// # Errors
    /// [`TrainError::UnknownPreset`].
    pub fn preset(name: &str) -> Result<Self, TrainError> {
        let file = PRESETS.iter().zip(FILES).find(|(known, _)| **known == name);
        let (_, text) = file.ok_or_else(|| TrainError::UnknownPreset {
            name: name.to_owned(),
            known: PRESETS.join(", "),
        })?;
        let path = format!("configs/presets/{name}.json");
        serde_json::from_str(text).map_err(TrainError::json("training configuration", path))
    }

    /// Lists the presets of networks that were trained so that their logits need few bits.
    pub const fn front(dataset: DatasetName) -> &'static [&'static str] {
        match dataset {
            DatasetName::Mnist => &[
                "hcnn-mnist-t17",
                "hcnn-mnist-wide17",
                "hcnn-mnist-p20",
                "hcnn-mnist-t21",
                "hcnn-mnist-best",
            ],
            DatasetName::Cifar10 => &[
                "hcnn-cifar-mixed",
                "hcnn-cifar-34",
                "hcnn-cifar-51",
                "hcnn-cifar-68",
            ],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        quant::WeightRule,
        train::{LayerSpec, QatConfig, QatStart},
    };

    #[test]
    fn presets_are_valid_and_survive_json() {
        for name in PRESETS {
            let config = TrainConfig::preset(name).unwrap();
            config.validate().unwrap();
            let back: TrainConfig =
                serde_json::from_slice(&serde_json::to_vec(&config).unwrap()).unwrap();
            assert_eq!(back, config);
        }
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/presets");
        let mut files: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        let mut names = PRESETS.map(str::to_owned).to_vec();
        names.sort();
        assert_eq!(names, files);
        // There are no other presets.
        for bits in (0..=64).filter(|bits| !matches!(bits, 2..=16 | 32)) {
            for network in ["mnist", "cifar"] {
                let name = format!("hcnn-{network}-w{bits}");
                assert!(TrainConfig::preset(&name).is_err(), "{name}");
            }
        }
        assert!(TrainConfig::preset("hcnn-mnist-wB").is_err());
        assert!(
            TrainConfig::preset("x")
                .unwrap_err()
                .to_string()
                .contains("hcnn-mnist-w2")
        );
    }

    /// Checks the configurations that come with the project: each quantised one names its float one.
    #[test]
    fn configurations_of_other_architectures_are_valid() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let config = TrainConfig::load(&path).unwrap();
            assert_eq!(path.file_stem().unwrap().to_str().unwrap(), config.name);
            if let Some(q) = &config.quantization {
                let float = path.with_file_name(format!("{}.json", &q.parent["runs/".len()..]));
                assert_eq!(TrainConfig::load(&float).unwrap().network, config.network);
            }
            names.push(config.name);
        }
        assert_eq!(names.len(), 8, "{names:?}");
    }

    #[test]
    fn wrong_fields_are_named() {
        let base = TrainConfig::preset("hcnn-mnist-w2").unwrap();
        let changed = |change: &dyn Fn(&mut TrainConfig)| {
            let mut config = base.clone();
            change(&mut config);
            config.validate().map_err(|error| error.to_string())
        };
        let quantized = |change: &dyn Fn(&mut QatConfig)| {
            changed(&|config| change(config.quantization.as_mut().unwrap()))
        };
        let with_rules = |n_bits, rules: &[WeightRule]| {
            quantized(&|q| {
                q.start = QatStart::Copy;
                q.n_bits = n_bits;
                q.rules = rules.to_vec();
            })
        };
        let top_k = |limit| WeightRule::TopK { keep: 3, limit };
        let (ternary, wide) = (WeightRule::TernaryMean, top_k(4));
        for (result, field) in [
            (changed(&|c| c.epochs = 0), "epochs"),
            (
                changed(&|c| c.optimizer.learning_rate = f64::NAN),
                "learning_rate",
            ),
            (changed(&|c| c.batch_norm = true), "batch_norm"),
            (quantized(&|q| q.rules[1] = top_k(2)), "rules"),
            (quantized(&|q| q.rules = vec![WeightRule::Max]), "start"),
            (quantized(&|q| q.freeze = vec![0.8, 0.5]), "freeze"),
            (with_rules(3, &[ternary]), "n_bits"),
            (with_rules(3, &[wide]), "n_bits"),
            (with_rules(5, &[wide]), "n_bits"),
            (with_rules(3, &[ternary, wide, ternary]), "n_bits"),
            (with_rules(33, &[WeightRule::Max]), "n_bits"),
            (with_rules(1, &[WeightRule::Max]), "n_bits"),
        ] {
            let message = result.unwrap_err();
            assert!(message.contains(field), "{message}");
        }
        with_rules(2, &[ternary]).unwrap();
        with_rules(4, &[wide]).unwrap();
        with_rules(4, &[ternary, wide, ternary]).unwrap();
        with_rules(5, &[ternary, wide, WeightRule::Learned]).unwrap();
        let text = serde_json::to_string(&base).unwrap();
        let text = text.replace("\"epochs\"", "\"epoch\"");
        assert!(serde_json::from_str::<TrainConfig>(&text).is_err());
    }

    /// The product of moduli holds logits by the Chinese remainder theorem, which needs distinct primes.
    #[test]
    fn plain_moduli_are_distinct_primes_that_batch_or_the_entry_is_named() {
        let check = |moduli: &[u64]| {
            let mut config = TrainConfig::preset("hcnn-mnist-w2").unwrap();
            config.quantization.as_mut().unwrap().plain_moduli = moduli.to_vec();
            config.validate().map_err(|error| error.to_string())
        };
        for good in [
            &[][..],
            &[65_537],
            &[12_289],
            &[65_537, 114_689, 147_457],
            &[1_073_692_673, 1_073_643_521],
        ] {
            check(good).unwrap();
        }
        for (bad, entry, words) in [
            (&[65_537, 65_537][..], 1, "twice"),
            (&[65_537, 114_689, 65_537], 2, "twice"),
            (&[0], 0, "prime"),
            (&[1], 0, "no prime"),
            (&[2], 0, "batch"),
            (&[65_536], 0, "no prime"),
            (&[65_537, 1 << 40], 1, "no prime"),
            // 65537 * 114689, which is 1 modulo 16384 and not prime.
            (&[65_537 * 114_689], 0, "no prime"),
            // 1 modulo 2048 but composite: 3 * 683.
            (&[2049], 0, "no prime"),
            // Primes without a root of unity for any N.
            (&[65_539], 0, "batch"),
            (&[7], 0, "batch"),
            (&[1 << 60], 0, "60 bits"),
            (&[u64::MAX], 0, "60 bits"),
        ] {
            let said = check(bad).unwrap_err();
            let field = format!("plain_moduli[{entry}]");
            assert!(said.contains(&field) && said.contains(words), "{said}");
        }
    }

    /// Anything that the integer network would refuse after the last epoch is refused before the first.
    #[test]
    fn a_configuration_without_an_integer_network_is_refused() {
        let said = |name: &str, change: &dyn Fn(&mut TrainConfig)| {
            let mut config = TrainConfig::preset(name).unwrap();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        for preset in ["hcnn-mnist-w2", "hcnn-mnist-float", "teacher-mnist"] {
            for name in ["n".repeat(129), "two\nlines".into(), String::new()] {
                let message = said(preset, &|c| c.name.clone_from(&name));
                assert!(message.contains("`name`"), "{message}");
            }
            let message = said(preset, &|c| {
                if let LayerSpec::Conv2d { padding, .. } = &mut c.network.layers[0] {
                    *padding = [7, 7];
                }
            });
            assert!(message.contains("`network.layers[0].padding`"), "{message}");
        }
        let message = said("hcnn-mnist-float", &|c| {
            c.network.layers = vec![LayerSpec::Flatten; 256];
            c.network
                .layers
                .push(LayerSpec::Linear { out_features: 10 });
        });
        assert!(
            message.contains("`network.layers`") && message.contains("257"),
            "{message}"
        );
        // Each square doubles the number of bits.
        let message = said("hcnn-mnist-w2", &|c| {
            for _ in 0..11 {
                c.network.layers.insert(1, LayerSpec::Square);
            }
        });
        assert!(
            message.contains("network.layers[") && message.contains("bits, at most"),
            "{message}"
        );
        let message = said("hcnn-mnist-w2", &|c| c.network.layers[1] = LayerSpec::Relu);
        assert!(message.contains("relu1"), "{message}");
    }
}
