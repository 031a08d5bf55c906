//! A submission to the public benchmark of encrypted inference (HomomorphicEncryption.org, `ml-inference`, MNIST): its seven
//! programs in one, told apart by the name under which it is started. See README.md beside this file.
//!
//! ```text
//! client_key_generation SIZE          io/NAME/secret_key, io/NAME/public_keys
//! server_preprocess_model             nothing: the model is prepared when the submission is built
//! client_preprocess_input SIZE        pixels of 0 to 255
//! client_encode_encrypt_input SIZE    io/NAME/ciphertexts_upload
//! server_encrypted_compute SIZE       io/NAME/ciphertexts_download
//! client_decrypt_decode SIZE          logits
//! client_postprocess SIZE             io/NAME/encrypted_model_predictions.txt
//! ```
//!
//! They run in the harness's folder and share only files. `fhe_benchmark prepare DIR` chooses parameters for each size and
//! writes the deployments, which the programs find beside themselves.

use std::{
    error::Error,
    fs::{self, File},
    io::{BufReader, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use num_bigint::BigInt;
use sealquant::{
    deploy::{
        CLIENT_FILE, ClientFile, Deployment, EVALUATION_KEYS_FILE, SECRET_FILE, SERVER_FOLDER,
        SecretFile, read_response, request_file, response_file, write_response,
    },
    engine::{Client, CompactKeys, Contexts, EvaluationKeys, Request, Server},
    network::argmax,
    params::{SelectOptions, select},
    wire::{Limits, Message as _},
};

#[allow(dead_code, reason = "benchmarks use more of it")]
#[path = "../../benches/common/networks.rs"]
mod networks;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Names of the sizes, and the number of images for which each is prepared.
const SIZES: [(&str, usize); 4] = [
    ("single", 1),
    ("small", 15),
    ("medium", 1_000),
    ("large", 8_192),
];
/// The model.
const MODEL: &str = "models/mnist-t17";
/// Values of an image.
const PIXELS: usize = 784;
/// Mean and deviation by which the harness normalises pixels.
const NORMALISED: (f64, f64) = (0.1307, 0.3081);

/// One size of the benchmark: its folders, and the deployment for it.
struct Run {
    io: PathBuf,
    input: PathBuf,
    deployment: PathBuf,
}

impl Run {
    fn new(size: Option<&str>) -> Outcome<Self> {
        let size: usize = size.ok_or("give the size: 0, 1, 2 or 3")?.parse()?;
        let (name, _) = SIZES.get(size).ok_or("the size is 0, 1, 2 or 3")?;
        let program = std::env::current_exe()?;
        let beside = program.parent().ok_or("the program has no folder")?;
        Ok(Self {
            io: Path::new("io").join(name),
            input: Path::new("datasets")
                .join(name)
                .join("intermediate/test_pixels.txt"),
            deployment: beside.join("deployments").join(name),
        })
    }

    /// Returns a folder of the run, and makes it if it is missing.
    fn folder(&self, name: &str) -> Outcome<PathBuf> {
        let folder = self.io.join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn client_file(&self) -> Outcome<(ClientFile, Contexts)> {
        let file = ClientFile::load(&self.deployment.join(CLIENT_FILE))?;
        let contexts = Contexts::new(file.spec())?;
        Ok((file, contexts))
    }

    fn client(&self) -> Outcome<(ClientFile, Contexts, Client)> {
        let (file, contexts) = self.client_file()?;
        let path = self.folder("secret_key")?.join(SECRET_FILE);
        let client = SecretFile::load(&path, file.deployment())?.client(&file, &contexts)?;
        Ok((file, contexts, client))
    }

    /// Reads the pixels that `client_preprocess_input` wrote.
    fn pixels(&self) -> Outcome<Vec<u8>> {
        Ok(fs::read(self.folder("intermediate")?.join("pixels"))?)
    }

    fn generate_keys(&self) -> Outcome<()> {
        let (file, contexts) = self.client_file()?;
        let client = Client::new(file.spec(), &contexts)?;
        let path = self.folder("secret_key")?.join(SECRET_FILE);
        // The harness starts each run anew.
        if path.exists() {
            fs::remove_file(&path)?;
        }
        SecretFile::new(file.deployment(), &client)?.create(&path)?;
        let keys = self.folder("public_keys")?.join(EVALUATION_KEYS_FILE);
        if contexts.needs_keys() {
            client.compact_keys()?.save(&contexts, keys)?;
        }
        Ok(())
    }

    fn preprocess(&self) -> Outcome<()> {
        let text = fs::read_to_string(&self.input)?;
        let (mean, deviation) = NORMALISED;
        let pixel = |value: &str| -> Outcome<u8> {
            let real = (value.parse::<f64>()? * deviation + mean) * 255.0;
            let whole = real.round();
            if (real - whole).abs() > 0.01 || !(0.0..=255.0).contains(&whole) {
                return Err(format!("{value} is no normalised pixel").into());
            }
            Ok(whole as u8)
        };
        let pixels = text.split_whitespace().map(pixel);
        let pixels = pixels.collect::<Outcome<Vec<u8>>>()?;
        if pixels.is_empty() || pixels.len() % PIXELS != 0 {
            return Err(format!("{} values are no images", pixels.len()).into());
        }
        fs::write(self.folder("intermediate")?.join("pixels"), pixels)?;
        Ok(())
    }

    fn encrypt(&self) -> Outcome<()> {
        let (file, contexts, client) = self.client()?;
        let folder = self.folder("ciphertexts_upload")?;
        let pixels = self.pixels()?;
        let spec = file.spec();
        for (batch, pixels) in pixels.chunks(PIXELS * spec.batch_size()).enumerate() {
            let images = pixels
                .chunks(PIXELS)
                .map(|image| spec.quantize_image(image));
            let images = images.collect::<Result<Vec<_>, _>>()?;
            let out = File::create(folder.join(request_file(batch)))?;
            client.send_compact(&contexts, &images, &(), out)?;
        }
        Ok(())
    }

    fn compute(&self) -> Outcome<()> {
        let deployment = Deployment::load(&self.deployment.join(SERVER_FOLDER))?;
        let plan = deployment.plan()?;
        let contexts = Contexts::new(plan.client_spec())?;
        let limits = Limits::default();
        let keys = if contexts.needs_keys() {
            let path = self.folder("public_keys")?.join(EVALUATION_KEYS_FILE);
            CompactKeys::load(&contexts, path, &limits)?.into_keys(&contexts)
        } else {
            EvaluationKeys::none(&contexts)
        };
        let server = Server::new(&plan, &contexts, keys)?;
        let (up, down) = (
            self.folder("ciphertexts_upload")?,
            self.folder("ciphertexts_download")?,
        );
        let mut request = Request::default();
        for batch in 0.. {
            let Ok(file) = File::open(up.join(request_file(batch))) else {
                break;
            };
            request.read_compact(&contexts, BufReader::new(file), &limits)?;
            let evaluation = server.evaluate(&request, &())?;
            let response = write_response(&contexts, &evaluation.response)?;
            fs::write(down.join(response_file(batch)), response)?;
        }
        Ok(())
    }

    fn decrypt(&self) -> Outcome<()> {
        let (file, contexts, client) = self.client()?;
        let folder = self.folder("ciphertexts_download")?;
        let images = self.pixels()?.len() / PIXELS;
        let batch_size = file.spec().batch_size();
        let mut lines = String::new();
        for batch in 0..images.div_ceil(batch_size) {
            let mut bytes = Vec::new();
            File::open(folder.join(response_file(batch)))?.read_to_end(&mut bytes)?;
            let response = read_response(&contexts, &bytes, &Limits::default())?;
            let count = batch_size.min(images - batch * batch_size);
            for logits in client.decrypt(&response, count)? {
                let logits: Vec<String> = logits.iter().map(BigInt::to_string).collect();
                lines += &logits.join(" ");
                lines.push('\n');
            }
        }
        fs::write(self.folder("intermediate")?.join("logits"), lines)?;
        Ok(())
    }

    fn postprocess(&self) -> Outcome<()> {
        let logits = fs::read_to_string(self.folder("intermediate")?.join("logits"))?;
        let mut classes = String::new();
        for line in logits.lines() {
            let logits = line.split(' ').map(str::parse);
            let logits = logits.collect::<Result<Vec<BigInt>, _>>()?;
            classes += &argmax(&logits).to_string();
            classes.push('\n');
        }
        fs::write(self.io.join("encrypted_model_predictions.txt"), classes)?;
        Ok(())
    }
}

/// Chooses parameters for each size, and writes the deployments.
fn prepare(folder: &Path) -> Outcome<()> {
    let (network, _) = networks::network(MODEL, 0)?;
    let bound = networks::bound(MODEL, &network, networks::Bound::Observed, 0)?;
    for (name, images) in SIZES {
        let options = SelectOptions {
            bound: bound.clone(),
            images: Some(images),
            ..SelectOptions::default()
        };
        let parameters = select(&network, &options)?;
        Deployment::new(network.clone(), parameters, Vec::new()).save(&folder.join(name))?;
    }
    Ok(())
}

fn run() -> Outcome<()> {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let program = Path::new(&program).file_stem();
    let program = program.and_then(|name| name.to_str()).unwrap_or_default();
    let argument = arguments.next();
    let argument = argument.as_deref();
    match program {
        "client_key_generation" => Run::new(argument)?.generate_keys(),
        "server_preprocess_model" => Ok(()),
        "client_preprocess_input" => Run::new(argument)?.preprocess(),
        "client_encode_encrypt_input" => Run::new(argument)?.encrypt(),
        "server_encrypted_compute" => Run::new(argument)?.compute(),
        "client_decrypt_decode" => Run::new(argument)?.decrypt(),
        "client_postprocess" => Run::new(argument)?.postprocess(),
        _ => match (argument, arguments.next()) {
            (Some("prepare"), Some(folder)) => prepare(Path::new(&folder)),
            _ => Err("use: fhe_benchmark prepare DIR, or start it as one of its programs".into()),
        },
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
