//! `sealquant compile`.

use std::{num::NonZeroUsize, path::PathBuf, process::ExitCode};

use anyhow::bail;

use super::super::{
    interrupt,
    model::{self, DataDirectory, ModelArgument},
    output::{Output, check_directory},
    progress::doing,
    scheme::{LayoutArgument, ParameterArguments},
    table,
};
use crate::{
    data::DatasetName,
    deploy::{CLIENT_FILE, Deployment, SERVER_FOLDER},
    engine::Contexts,
    params::{BoundRule, Scheme, SelectOptions, select},
    wire::UploadSizes,
};

#[derive(Debug, clap::Args)]
#[command(mut_arg("model", |model| ModelArgument::required(
    model,
    "The model: a directory, a network file, or the name of a model that is built in (mnist-w2, mnist-t17)",
)))]
pub(in crate::cli) struct CompileArguments {
    #[command(flatten)]
    model: ModelArgument,
    /// New folder for the deployment: client.json for clients, and the folder server
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of images that a client usually sends at once, for which parameters are chosen
    #[arg(long, value_name = "N", default_value = "1", value_parser = model::whole::<NonZeroUsize>(1..=usize::MAX))]
    batch_size: NonZeroUsize,
    /// The layout of images in ciphertexts
    #[arg(long, value_enum, default_value = "auto")]
    layout: LayoutArgument,
    #[command(flatten)]
    parameters: ParameterArguments,
    /// Names of the classes, in the order of the logits, with commas between them [default: those of --dataset, else
    /// their numbers]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    classes: Vec<String>,
    /// The dataset that the network was trained for: its classes, and images for --accept-observed-bound
    #[arg(long, value_name = "NAME", value_enum)]
    dataset: Option<DatasetName>,
    #[command(flatten)]
    data: DataDirectory,
    /// Choose the plaintext modulus for the largest logit on all images of the dataset instead of the proven bound:
    /// smaller and faster, but another image may wrap around without notice
    #[arg(long, requires = "dataset")]
    accept_observed_bound: bool,
    /// An upload for each plain prime, never one for all: for the web page, and for other clients that know SEAL alone
    #[arg(long)]
    separate_uploads: bool,
}

pub(in crate::cli) fn run(
    arguments: &CompileArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let out = &arguments.out;
    check_directory("--out", out)?;
    if out.join(CLIENT_FILE).exists() || out.join(SERVER_FOLDER).exists() {
        bail!(
            "--out: {} holds a deployment already: name another folder, or remove it",
            out.display()
        );
    }
    interrupt::say(|| "no whole deployment was written".to_owned());
    let network = model::load_network(arguments.model.path())?;
    let classes = classes(arguments, network.classes())?;
    let bound = match arguments.dataset {
        Some(dataset) if arguments.accept_observed_bound => {
            let (bounds, words) = model::observe(&network, dataset, &arguments.data.source())?;
            model::observed_rule(&bounds, words)?
        }
        _ => BoundRule::Proven,
    };
    let images = Some(arguments.batch_size.get());
    let options = SelectOptions {
        // The machines that will run it are others.
        memory: None,
        shared_upload: !arguments.separate_uploads,
        ..(arguments.parameters).options(arguments.layout, bound, images)?
    };
    if options.scheme == Some(Scheme::Stock) {
        bail!("own kernels serve deployments, SEAL's do not: leave out --kernels");
    }
    let parameters = doing("choosing parameters", || select(&network, &options))?;
    let deployment = Deployment::new(network, parameters, classes);
    let plan = deployment.plan()?;
    let contexts = Contexts::new(plan.client_spec())?;
    let sizes = UploadSizes::of(&contexts)?;
    deployment.save(out)?;

    for sentence in deployment.parameters().explain() {
        output.paragraph(sentence)?;
    }
    let keys = sizes.compact_keys.unwrap_or(sizes.evaluation_keys);
    let keys = if contexts.needs_keys() {
        table::bytes(keys)
    } else {
        "none".to_owned()
    };
    output.line(table::facts([
        ("deployment", deployment.id().to_string()),
        ("images in a request", table::thousands(plan.batch_size())),
        ("request", table::bytes(sizes.compact_request)),
        ("keys for the server", keys),
        ("for clients", out.join(CLIENT_FILE).display().to_string()),
        (
            "for the server",
            out.join(SERVER_FOLDER).display().to_string(),
        ),
    ]))?;
    Ok(ExitCode::SUCCESS)
}

fn classes(arguments: &CompileArguments, logits: usize) -> anyhow::Result<Vec<String>> {
    let of_dataset = |dataset: DatasetName| dataset.classes().iter().map(|&name| name.to_owned());
    let (option, names): (_, Vec<String>) = if arguments.classes.is_empty() {
        let dataset = arguments.dataset.map(of_dataset);
        ("--dataset", dataset.into_iter().flatten().collect())
    } else {
        ("--classes", arguments.classes.clone())
    };
    if !names.is_empty() && names.len() != logits {
        bail!(
            "{option}: names {} classes, the network has {logits}",
            names.len()
        );
    }
    Ok(names)
}
