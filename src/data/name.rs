//! The datasets and their splits, and the published files of each.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A dataset that this crate can find and fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DatasetName {
    /// Handwritten digits: 60,000 + 10,000 grey images of 28x28.
    Mnist,
    /// Articles of clothing, in the form of MNIST.
    FashionMnist,
    /// Animals and vehicles: 50,000 + 10,000 colour images of 32x32.
    Cifar10,
}

/// A part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// The images to train on (the validation images are the last of these).
    Train,
    /// The images that are read only once, at the end.
    Test,
}

/// A published file: its unpacked name and, if we know it, the SHA-256 of its unpacked bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownFile {
    pub name: &'static str,
    pub sha256: Option<&'static str>,
}

/// The format of the files that hold a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// IDX: a file of images, a file of labels.
    Idx,
    /// PNG files in which each row is an image, and a JSON list of labels.
    PngRows,
    /// CIFAR-10's own binary files: for each image a label byte and 3,072 pixel bytes.
    CifarBinary,
}

/// The files of a split in one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileSet {
    pub form: Form,
    pub names: &'static [&'static str],
    /// The SHA-256 of each file; empty if we know none.
    sha256: &'static [&'static str],
}

impl FileSet {
    /// Lists the files in order.
    pub fn files(self) -> impl Iterator<Item = KnownFile> {
        let files = self.names.iter().enumerate();
        files.map(move |(index, name)| KnownFile {
            name,
            sha256: self.sha256.get(index).copied(),
        })
    }
}

const IDX_TRAIN: &[&str] = &["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
const IDX_TEST: &[&str] = &["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

const MNIST_TRAIN: &[FileSet] = &[FileSet {
    form: Form::Idx,
    names: IDX_TRAIN,
    sha256: &[
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ],
}];

const MNIST_TEST: &[FileSet] = &[FileSet {
    form: Form::Idx,
    names: IDX_TEST,
    sha256: &[
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ],
}];

const FASHION_TRAIN: &[FileSet] = &[FileSet {
    form: Form::Idx,
    names: IDX_TRAIN,
    sha256: &[
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ],
}];

const FASHION_TEST: &[FileSet] = &[FileSet {
    form: Form::Idx,
    names: IDX_TEST,
    sha256: &[
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ],
}];

const CIFAR_TRAIN: &[FileSet] = &[
    FileSet {
        form: Form::PngRows,
        names: &[
            "data_batch_1.png",
            "data_batch_2.png",
            "data_batch_3.png",
            "data_batch_4.png",
            "data_batch_5.png",
            "train_lables.json",
        ],
        sha256: &[
            "9a148385817b16e1840832575ee46ccac2ced61a305f07d4804805773c64e9bc",
            "47d610b8eb06af0c885fc499afc396d55f3a029b865725720a4f10474aac9d6f",
            "ca5d6af61c1791820d0fa2b0a842a73ed48978b698d74c26531d2c80373d4c10",
            "b9342d4f3cc3db72a731ca8ceb196a37d61480ea2da598ed0b32b74339bd04a5",
            "183d6d9af763804a99e1a6d8af723b9cfe906a61276466041dea4511ce015144",
            "a3a0d804911c71de4b73015af980e237de5f82da7b1482a8efaf7adcc1722f45",
        ],
    },
    FileSet {
        form: Form::CifarBinary,
        names: &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        sha256: &[],
    },
];

const CIFAR_TEST: &[FileSet] = &[
    FileSet {
        form: Form::PngRows,
        names: &["test_batch.png", "test_lables.json"],
        sha256: &[
            "ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09",
            "a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6",
        ],
    },
    FileSet {
        form: Form::CifarBinary,
        names: &["test_batch.bin"],
        sha256: &[],
    },
];

impl DatasetName {
    /// Every dataset, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Mnist, Self::FashionMnist, Self::Cifar10];

    /// The name on the command line, which is also the name of the subdirectory in the cache.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
        }
    }

    /// The name used in prose.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Mnist => "MNIST",
            Self::FashionMnist => "Fashion-MNIST",
            Self::Cifar10 => "CIFAR-10",
        }
    }

    /// The classes' names; a label is an index into them.
    pub const fn classes(self) -> &'static [&'static str] {
        match self {
            Self::Mnist => &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            Self::FashionMnist => &[
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ],
            Self::Cifar10 => &[
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ],
        }
    }

    /// Channels, height and width of an image.
    pub const fn shape(self) -> (usize, usize, usize) {
        match self {
            Self::Mnist | Self::FashionMnist => (1, 28, 28),
            Self::Cifar10 => (3, 32, 32),
        }
    }

    /// The forms in which a split can be read; the first is the published one, which is fetched.
    pub(super) const fn forms(self, split: Split) -> &'static [FileSet] {
        match (self, split) {
            (Self::Mnist, Split::Train) => MNIST_TRAIN,
            (Self::Mnist, Split::Test) => MNIST_TEST,
            (Self::FashionMnist, Split::Train) => FASHION_TRAIN,
            (Self::FashionMnist, Split::Test) => FASHION_TEST,
            (Self::Cifar10, Split::Train) => CIFAR_TRAIN,
            (Self::Cifar10, Split::Test) => CIFAR_TEST,
        }
    }

    /// The published files of the dataset, which are the ones that are fetched.
    pub(super) fn published_files(self) -> Vec<KnownFile> {
        [Split::Train, Split::Test]
            .into_iter()
            .flat_map(|split| self.forms(split)[0].files())
            .collect()
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name is not that of a known dataset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown dataset `{0}`: expected `mnist`, `fashion-mnist` or `cifar10`")]
pub struct UnknownDataset(String);

impl FromStr for DatasetName {
    type Err = UnknownDataset;

    fn from_str(text: &str) -> Result<Self, UnknownDataset> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| UnknownDataset(text.to_owned()))
    }
}

impl Split {
    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_everywhere() {
        for name in DatasetName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
            assert_eq!(name.as_str().parse::<DatasetName>().unwrap(), name);
            assert_eq!(name.classes().len(), 10);
        }
        for split in [Split::Train, Split::Test] {
            assert_eq!(serde_json::to_value(split).unwrap(), split.as_str());
        }
        let unknown = "cifar".parse::<DatasetName>().unwrap_err().to_string();
        assert!(unknown.contains("cifar"), "{unknown}");
        #[cfg(feature = "cli")]
        {
            use clap::ValueEnum;

            let names = DatasetName::value_variants().iter();
            let names = names.map(|name| (name.to_possible_value(), name.as_str()));
            let splits = Split::value_variants().iter();
            let splits = splits.map(|split| (split.to_possible_value(), split.as_str()));
            for (value, name) in names.chain(splits) {
                assert_eq!(value.unwrap().get_name(), name);
            }
        }
    }

    #[test]
    fn the_published_hashes_are_well_formed_and_distinct() {
        let mut hashes: Vec<&str> = DatasetName::ALL
            .iter()
            .flat_map(|n| n.published_files())
            .map(|f| f.sha256.unwrap())
            .collect();
        let is_hash = |h: &&str| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(hashes.iter().all(is_hash));
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 16);
    }
}
