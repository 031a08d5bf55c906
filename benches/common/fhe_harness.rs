//! Runs a submission to the public benchmark as its harness does: programs that share only folders. A test and a benchmark
//! share this file through `#[path]`.

use sealquant::data::{self, DatasetName, Source, Split};
use serde::Serialize;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Names of the sizes and numbers of images.
pub const SIZES: [(&str, usize); 4] = [
    ("single", 1),
    ("small", 15),
    ("medium", 1_000),
    ("large", 10_000),
];
/// The programs in the order in which they run; false for the one that takes no size.
pub const PROGRAMS: [(&str, bool); 7] = [
    ("client_key_generation", true),
    ("server_preprocess_model", false),
    ("client_preprocess_input", true),
    ("client_encode_encrypt_input", true),
    ("server_encrypted_compute", true),
    ("client_decrypt_decode", true),
    ("client_postprocess", true),
];

/// Times and sizes of a run.
#[derive(Debug, Serialize)]
pub struct HarnessRun {
    pub size: String,
    pub images: usize,
    /// Milliseconds of each program, as whole processes.
    pub milliseconds: Vec<(String, f64)>,
    /// Milliseconds of all programs.
    pub total_milliseconds: f64,
    pub public_key_bytes: u64,
    pub upload_bytes: u64,
    pub download_bytes: u64,
    /// Images that were classified as their labels say.
    pub right: usize,
}

/// The harness's folder, with the inputs of one size.
pub struct Harness {
    folder: PathBuf,
    programs: PathBuf,
    size: usize,
    labels: Vec<u8>,
}

impl Harness {
    /// Writes the inputs of a size into a folder: the first test images, normalised as text.
    pub fn new(folder: &Path, programs: &Path, size: usize) -> Result<Self, Box<dyn Error>> {
        let (name, images) = SIZES[size];
        let test = data::load(
            DatasetName::Mnist,
            Split::Test,
            &Source::default(),
            &mut |_| (),
        )?;
        let mut text = String::new();
        for image in test.images().take(images) {
            let values = image.iter().map(|&pixel| {
                let value = (f32::from(pixel) / 255.0 - 0.1307) / 0.3081;
                format!("{value:.6}")
            });
            writeln!(text, "{}", values.collect::<Vec<_>>().join(" "))?;
        }
        let input = folder.join("datasets").join(name).join("intermediate");
        fs::create_dir_all(&input)?;
        fs::write(input.join("test_pixels.txt"), text)?;
        Ok(Self {
            folder: folder.to_owned(),
            programs: programs.to_owned(),
            size,
            labels: test.labels()[..images].to_vec(),
        })
    }

    /// Runs all programs once, on new folders.
    pub fn run(&self) -> Result<HarnessRun, Box<dyn Error>> {
        let (name, images) = SIZES[self.size];
        let io = self.folder.join("io").join(name);
        if io.exists() {
            fs::remove_dir_all(&io)?;
        }
        let mut milliseconds = Vec::new();
        for (program, takes_size) in PROGRAMS {
            let mut command = Command::new(self.programs.join(program));
            if takes_size {
                command.arg(self.size.to_string());
            }
            let start = Instant::now();
            let output = command.current_dir(&self.folder).output()?;
            let time = start.elapsed().as_secs_f64() * 1e3;
            if !output.status.success() {
                let words = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("{program}: {words}").into());
            }
            milliseconds.push((program.to_owned(), time));
        }
        let classes = fs::read_to_string(io.join("encrypted_model_predictions.txt"))?;
        let classes = classes.lines().map(str::parse);
        let classes = classes.collect::<Result<Vec<u8>, _>>()?;
        if classes.len() != images {
            return Err(format!("{} classes for {images} images", classes.len()).into());
        }
        let pairs = classes.iter().zip(&self.labels);
        Ok(HarnessRun {
            size: name.to_owned(),
            images,
            total_milliseconds: milliseconds.iter().map(|(_, time)| time).sum(),
            milliseconds,
            public_key_bytes: bytes(&io.join("public_keys"))?,
            upload_bytes: bytes(&io.join("ciphertexts_upload"))?,
            download_bytes: bytes(&io.join("ciphertexts_download"))?,
            right: pairs.filter(|(class, label)| class == label).count(),
        })
    }
}

/// Adds up the sizes of the files in a folder.
fn bytes(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for file in fs::read_dir(folder)? {
        sum += file?.metadata()?.len();
    }
    Ok(sum)
}
