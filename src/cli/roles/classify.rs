//! `sealquant classify`: in one process, or with a service ([`super::remote`]).

use std::{num::NonZeroUsize, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};

use super::super::{
    exit_code, interrupt, model,
    output::{Output, note},
    progress::{Stages, doing},
    scheme::{LayoutArgument, ParameterArguments},
    table,
};
use super::{
    pictures::ReadingArguments,
    predictions::{Names, PredictionArguments, Predictions},
    remote::RemoteArguments,
};
use crate::{
    data::DatasetName,
    deploy::Deployment,
    engine::Contexts,
    experiment::{Encryption, classify},
    params::{BoundRule, select},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ClassifyArguments {
    /// The images: PNG or JPEG files, a folder of them, an .npy, .npz, IDX or CSV file, or the name of a dataset
    #[arg(value_name = "WHAT", required = true)]
    what: Vec<PathBuf>,
    /// The model: a directory, a network file, or the name of a model that is built in (mnist-w2, mnist-t17)
    #[arg(long, value_name = "MODEL", default_value = model::DEFAULT_MODEL)]
    model: PathBuf,
    /// In place of a model, a service that `sealquant serve` offers: it gets the images encrypted, and no secret key
    #[arg(long, value_name = "URL", conflicts_with_all = ["model", "classes", "layout", "ParameterArguments"])]
    server: Option<String>,
    #[command(flatten)]
    remote: RemoteArguments,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Names of the classes, in the order of the logits, with commas between them [default: their numbers]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    classes: Vec<String>,
    /// The layout of images in ciphertexts
    #[arg(long, value_enum, default_value = "auto")]
    layout: LayoutArgument,
    #[command(flatten)]
    parameters: ParameterArguments,
    #[command(flatten)]
    predictions: PredictionArguments,
    /// Worker threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = model::whole::<NonZeroUsize>(1..=usize::MAX))]
    pub(in crate::cli) threads: Option<NonZeroUsize>,
}

pub(in crate::cli) fn run(
    arguments: &ClassifyArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    arguments.predictions.check()?;
    interrupt::say(|| "nothing was written".to_owned());
    if let Some(server) = &arguments.server {
        let images = (arguments.what.as_slice(), &arguments.reading);
        return (arguments.remote).classify(server, images, &arguments.predictions, output);
    }
    let network = model::load_network(&arguments.model)?;
    let shape = network.input().quantizer.image_shape(network.input().shape);
    let pictures = arguments.reading.read(&arguments.what, shape)?;
    arguments.reading.show(&pictures, output)?;
    let classes = classes(arguments, network.classes())?;
    let images = Some(pictures.len());
    let options = (arguments.parameters).options(arguments.layout, BoundRule::Proven, images)?;
    let parameters = doing("choosing parameters", || select(&network, &options))?;
    let deployment = Deployment::new(network, parameters, classes);
    let plan = deployment.plan()?;
    let contexts = Contexts::new(plan.client_spec())?;
    let file = deployment.client_file(&plan)?;
    let images: Vec<&[u8]> = pictures.images().collect();
    let prepared = (&plan, &contexts, Encryption::Own);
    let stages = Stages::new();
    let classified = classify(deployment.network(), prepared, &images, false, &stages)
        .context("running the network under encryption")?;

    let predictions = Predictions::new(&file, classified.decrypted, Some(&Names::of(&pictures)));
    arguments.predictions.deliver(&predictions, output)?;
    let seconds = classified.seconds;
    note(format_args!(
        "client {}, server {}; up {}, down {}; {} of {} logits differ from exact integer arithmetic",
        table::seconds(seconds.encrypt + seconds.decrypt),
        table::seconds(seconds.expand + seconds.evaluate),
        table::bytes(classified.bytes.upload),
        table::bytes(classified.bytes.response),
        classified.twin_mismatches,
        table::thousands(classified.logits),
    ));
    Ok(exit_code(classified.twin_mismatches == 0))
}

/// Returns the names of the classes: those that are given, or those of the dataset whose images are classified.
fn classes(arguments: &ClassifyArguments, logits: usize) -> anyhow::Result<Vec<String>> {
    let given = &arguments.classes;
    if !given.is_empty() && given.len() != logits {
        bail!(
            "--classes: names {} classes, the network has {logits}",
            given.len()
        );
    }
    let dataset = match arguments.what.as_slice() {
        [what] => what
            .to_str()
            .and_then(|name| name.parse::<DatasetName>().ok()),
        _ => None,
    };
    let names = dataset
        .map(DatasetName::classes)
        .filter(|names| names.len() == logits);
    Ok(match names {
        Some(names) if given.is_empty() => names.iter().map(|&name| name.to_owned()).collect(),
        _ => given.clone(),
    })
}
