//! Encrypted inference for neural networks whose weights have a few bits, and the safe Rust bindings to the BFV scheme
//! of Microsoft SEAL on which it runs.
//!
//! Start with the half that you need:
//!
//! - [`seal`] binds SEAL's classes under SEAL's names: parameters, keys, encoders, encryption, evaluation. Errors are
//!   typed, and no C++ type appears in the API. [`wire`] exchanges keys and ciphertexts with a party that need not be
//!   trusted.
//! - [`network`] describes an integer network and evaluates it exactly in the clear. [`params`] chooses encryption
//!   parameters that hold its largest logit and its noise. [`engine`] runs it on encrypted images: the client encrypts,
//!   a server without a secret key computes, and the client decrypts.
//! - [`quant`] and `train` make such networks with burn; [`data`] reads the datasets.
//!
//! # Arithmetic on encrypted numbers
//!
//! ```
//! use sealquant::seal::{BatchEncoder, Context, Decryptor, Encryptor, Evaluator, KeyGenerator};
//! use sealquant::seal::{ParametersLiteral, SecurityLevel, plain_modulus};
//!
//! // Public: N numbers in a ciphertext, computed modulo t, at 128 bits of (classical) security.
//! let degree = 4096;
//! let t = plain_modulus::batching(degree, &[20])?[0].value();
//! let parameters = ParametersLiteral::bfv_default(degree, t, SecurityLevel::Bits128)?;
//! let context = Context::from_literal(&parameters)?;
//!
//! // The client holds the secret key and encrypts.
//! let secret_key = KeyGenerator::new(&context)?.secret_key()?;
//! let encoder = BatchEncoder::new(&context)?;
//! let encryptor = Encryptor::symmetric(&context, &secret_key)?;
//! let encrypted = encryptor.encrypt_symmetric(&encoder.encode_i64(&[1, -2, 3])?)?;
//!
//! // The server computes without it.
//! let doubled = Evaluator::new(&context)?.add(&encrypted, &encrypted)?;
//!
//! let decrypted = Decryptor::new(&context, &secret_key)?.decrypt(&doubled)?;
//! assert_eq!(encoder.decode_i64(&decrypted)?[..3], [2, -4, 6]);
//! # Ok::<(), sealquant::seal::Error>(())
//! ```
//!
//! # A network on encrypted images
//!
//! ```
//! # #[cfg(feature = "inference")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sealquant::engine::{Client, Contexts, Plan, Server};
//! use sealquant::network::{Network, Twin, argmax};
//! use sealquant::params::{SelectOptions, select};
//!
//! // From the folder `models` of the source, or what `sealquant train` made.
//! let network = Network::load("models/mnist-t17")?;
//! let options = SelectOptions {
//!     images: Some(1),
//!     ..SelectOptions::default()
//! };
//! let parameters = select(&network, &options)?;
//! for sentence in parameters.explain() {
//!     println!("{sentence}");
//! }
//! // The server computes the plan, which holds the weights; a client needs only its specification.
//! let plan = Plan::new(&network, &parameters)?;
//! let contexts = Contexts::new(plan.client_spec())?;
//!
//! // The client: pixels become the integers 0..=max of the network's quantiser, and are encrypted.
//! let client = Client::new(plan.client_spec(), &contexts)?;
//! let images = [plan.client_spec().quantize_image(&[0; 28 * 28])?];
//! let request = client.encrypt(&images, &())?;
//!
//! // The server has evaluation keys and ciphertexts; no type of its own can hold a secret key.
//! let server = Server::new(&plan, &contexts, client.evaluation_keys()?)?;
//! let evaluation = server.evaluate(&request, &())?;
//!
//! // The client again: decrypted logits equal those of exact arithmetic in the clear.
//! let logits = client.decrypt(&evaluation.response, images.len())?;
//! assert_eq!(logits, Twin::new(&network).logits_batch(&images)?);
//! println!("class {}", argmax(&logits[0]));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "inference"))]
//! # fn main() {}
//! ```
//!
//! Decrypted logits equal those of [`network::Twin`] bit for bit; [`experiment::classify`] compares them.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `inference` | yes | integer networks, parameters for them, encrypted inference, pads, readers of data and ONNX |
//! | `images` | yes | `images`: reads PNG, JPEG, NumPy and CSV files as images for a network |
//! | `service` | yes | `service`: deployments over HTTP, and a client for them |
//! | `cli` | yes | the program `sealquant` (module `cli`), and the tables and plots of `experiment::reproduce` |
//! | `train` | yes | `train`, and burn in [`quant`]: quantised training, rounding, import of weights |
//! | `hexl` | yes | SEAL with Intel HEXL; x86-64 only, ignored elsewhere |
//! | `zstd` | yes | SEAL's own serialisation with Zstandard |
//!
//! Without features, the crate is the bindings ([`seal`]) and their messages ([`wire`]): cxx, thiserror and little else.
//!
//! # Limits
//!
//! The encryption parameters are chosen for 128 bits of security against classical attacks. The server knows the
//! network. Ciphertexts are not authenticated. Noise budgets and decryption failures must not reach a server. This is
//! research software that nobody has audited.

mod bits;
#[cfg(feature = "inference")]
pub mod circuit;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "inference")]
mod clock;
#[cfg(feature = "inference")]
pub mod data;
#[cfg(feature = "inference")]
pub mod deploy;
#[cfg(feature = "inference")]
pub mod engine;
#[cfg(feature = "inference")]
pub mod experiment;
mod ffi;
#[cfg(feature = "inference")]
mod file;
#[cfg(feature = "inference")]
mod file_kind;
#[cfg(feature = "images")]
pub mod images;
#[cfg(feature = "inference")]
pub mod kernels;
#[cfg(feature = "inference")]
mod modular;
#[cfg(feature = "inference")]
pub mod network;
#[cfg(feature = "inference")]
pub mod onnx;
#[cfg(feature = "inference")]
pub mod packing;
#[cfg(feature = "inference")]
pub mod pads;
#[cfg(feature = "inference")]
pub mod params;
#[cfg(feature = "inference")]
mod process;
#[cfg(feature = "inference")]
pub mod quant;
pub mod seal;
#[cfg(feature = "service")]
pub mod service;
mod text;
#[cfg(feature = "train")]
pub mod train;
pub mod wire;

/// Compiles the code in the README.
#[cfg(all(doctest, feature = "inference"))]
#[doc = include_str!("../README.md")]
struct Readme;
