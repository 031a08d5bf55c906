//! Parses the command line.

use crate::networks::Bound;
use crate::record::default_path;
use sealquant::kernels::Backend;
use sealquant::params::Scheme;
use std::error::Error;
use std::path::PathBuf;

/// The networks and settings to measure.
pub struct Options {
    pub networks: Vec<String>,
    pub bounds: Option<Vec<Bound>>,
    pub plain_bits: Option<u32>,
    pub percent: usize,
    pub images: usize,
    pub repeat: usize,
    pub threads: Vec<usize>,
    /// At least one scheme.
    pub schemes: Vec<Scheme>,
    pub seeded: bool,
    /// At least one backend.
    pub backends: Vec<Backend>,
    /// Path of the record.
    pub out: PathBuf,
}

impl Options {
    /// Parses the options from the command line.
    pub fn parse(given: &[String]) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            networks: ["mnist", "models/mnist-w2"].map(str::to_owned).to_vec(),
            bounds: None,
            plain_bits: None,
            percent: 20,
            images: 8192,
            repeat: 3,
            threads: vec![1, 2],
            schemes: vec![Scheme::Stock, Scheme::Batched],
            seeded: false,
            backends: vec![Backend::detect()],
            out: default_path("inference"),
        };
        let mut arguments = given.iter();
        while let Some(name) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{name} needs a value"))
            };
            match name.as_str() {
                "--network" => options.networks = value()?.split(',').map(str::to_owned).collect(),
                "--bound" => {
                    let bounds = value()?.split(',').map(str::parse::<Bound>);
                    options.bounds = Some(bounds.collect::<Result<_, _>>()?);
                }
                "--plain-bits" => options.plain_bits = Some(value()?.parse()?),
                "--images" => options.images = value()?.parse()?,
                "--repeat" => options.repeat = value()?.parse::<usize>()?.max(1),
                "--threads" => {
                    options.threads = value()?
                        .split(',')
                        .map(str::parse)
                        .collect::<Result<_, _>>()?;
                }
                // Passed by cargo.
                "--bench" => {}
                "--out" => options.out = value()?.into(),
                "--seeded" => options.seeded = true,
                "--backend" => {
                    let backend = |name: &str| {
                        let mut known = Backend::available().into_iter();
                        known
                            .find(|backend| backend.name() == name)
                            .ok_or_else(|| format!("this processor has no {name}"))
                    };
                    options.backends =
                        value()?.split(',').map(backend).collect::<Result<_, _>>()?;
                }
                "--percent" => options.percent = value()?.parse()?,
                "--scheme" => {
                    options.schemes = value()?
                        .split(',')
                        .map(|name| match name {
                            "seal" => Ok(Scheme::Stock),
                            "batched" => Ok(Scheme::Batched),
                            "crops" => Ok(Scheme::Crops),
                            "diagonal" => Ok(Scheme::Diagonal),
                            "few-uploads" => Ok(Scheme::FewUploads),
                            other => Err(format!("no scheme {other}")),
                        })
                        .collect::<Result<_, _>>()?;
                }
                other => return Err(format!("no option {other}").into()),
            }
        }
        Ok(options)
    }
}
