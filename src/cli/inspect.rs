//! `sealquant inspect`.

use std::{num::NonZeroUsize, process::ExitCode};

use super::{
    float,
    model::{self, DataDirectory, ModelArgument},
    output::Output,
    progress::doing,
    run::memory_words,
    scheme::{LayoutArgument, ParameterArguments},
    table,
};
use crate::{
    data::DatasetName,
    engine::{Contexts, Plan},
    experiment::ForecastRecord,
    network::{CropNetwork, LayerBound, Network, op_counts, proven_bounds},
    params::{BoundRule, Parameters, ParamsError, select},
};

#[derive(Debug, clap::Args)]
#[command(mut_arg("model", |model| ModelArgument::required(
    model,
    "The model: a directory, a network file, or the name of a model that is built in (mnist-w2, mnist-t17)",
)))]
pub(super) struct InspectArguments {
    #[command(flatten)]
    model: ModelArgument,
    /// Also observe the bounds on all images of this dataset
    #[arg(long, value_name = "NAME", value_enum)]
    dataset: Option<DatasetName>,
    #[command(flatten)]
    data: DataDirectory,
    /// The layout of images in ciphertexts
    #[arg(long, value_enum, default_value = "auto")]
    layout: LayoutArgument,
    /// Plan for so many images at a time [default: full batches]
    #[arg(long, value_name = "N", value_parser = model::whole::<NonZeroUsize>(1..=usize::MAX))]
    images: Option<NonZeroUsize>,
    /// Choose the plaintext modulus for the largest logit on all images of the dataset instead of the proven bound
    #[arg(long, requires = "dataset")]
    accept_observed_bound: bool,
    #[command(flatten)]
    parameters: ParameterArguments,
}

/// Explanations of the parameters, shown before their values.
const TERMS: [&str; 3] = [
    "t (plain_modulus) is what the network is computed modulo: more than twice the magnitude of any logit.",
    "N (poly_modulus_degree) is how many coefficients a polynomial has, and how many numbers a ciphertext holds: a larger N \
     allows a larger q at the same security, and takes time and memory in proportion.",
    "q (coeff_modulus) is what ciphertexts are computed modulo, a product of primes: t and the noise that each operation \
     adds must fit it, and the larger it is, the larger N must be to stay secure.",
];

pub(super) fn run(arguments: &InspectArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let path = arguments.model.path();
    if model::is_float(path) {
        return float::show(path, output);
    }
    let network = model::load_network(path)?;
    let observe = |dataset| model::observe(&network, dataset, &arguments.data.source());
    let observed = arguments.dataset.map(observe).transpose()?;
    let input = network.input();
    output.paragraph(format_args!(
        "{}: reads images of {} as integers 0 to {}, gives {} logits",
        network.name(),
        input.shape,
        input.quantizer.max(),
        network.classes()
    ))?;
    let bounds = observed.as_ref().map(|(bounds, _)| bounds.as_slice());
    output.line(layer_table(&network, bounds.unwrap_or_default()))?;
    output.paragraph(
        "Operations for one image (in the batched layout: on ciphertexts, for a whole batch):",
    )?;
    output.line(operation_table(&network))?;

    let bound = match observed {
        Some((bounds, source)) if arguments.accept_observed_bound => {
            model::observed_rule(&bounds, source)?
        }
        _ => BoundRule::Proven,
    };
    let images = arguments.images.map(NonZeroUsize::get);
    let mut options = arguments
        .parameters
        .options(arguments.layout, bound, images)?;
    let selection = doing("choosing parameters", || match select(&network, &options) {
        // Show the parameters even if this machine has too little memory for them.
        Err(ParamsError::Memory { .. }) => {
            options.memory = None;
            select(&network, &options)
        }
        other => other,
    })?;
    for sentence in TERMS {
        output.paragraph(sentence)?;
    }
    for sentence in selection.explain() {
        output.paragraph(sentence)?;
    }
    let plan = doing("planning", || Plan::new(&network, &selection))?;
    let memory = memory_words(&plan.memory(options.images), &selection);
    output.paragraph(format_args!("Memory: {memory}."))?;
    if !selection.scheme().is_stock()
        && let Err(reason) = CropNetwork::new(&network)
    {
        output.paragraph(format_args!(
            "The crop layout cannot serve this network: {reason}."
        ))?;
    }
    output.line(noise_table(&selection))?;
    let images = images.unwrap_or(plan.batch_size());
    let batches = images.div_ceil(plan.batch_size().max(1));
    let contexts = Contexts::new(plan.client_spec())?;
    if let Some(forecast) = ForecastRecord::measure(&plan, &contexts, batches, 1) {
        let bound = selection.bound().rule.name();
        show_forecast(&forecast, images, batches, bound, output)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the plan of own kernels, layer by layer.
fn show_forecast(
    forecast: &ForecastRecord,
    images: usize,
    batches: usize,
    bound: &str,
    output: &mut Output,
) -> anyhow::Result<()> {
    output.paragraph(format_args!(
        "The plan for {} image{} in {} batch{}, layer by layer (operations of a batch, over all plaintext moduli):",
        table::thousands(images),
        if images == 1 { "" } else { "s" },
        batches,
        if batches == 1 { "" } else { "es" },
    ))?;
    let rows = forecast.layers.iter().map(|layer| {
        vec![
            layer.name.clone(),
            table::thousands(layer.ciphertexts),
            layer.polynomials.to_string(),
            table::thousands(layer.additions),
            table::thousands(layer.products),
            table::thousands(layer.squares),
            layer
                .budget_bits
                .map_or(String::new(), |bits| format!("{bits:.1}")),
            table::seconds(layer.seconds),
        ]
    });
    let header = [
        "layer",
        "ciphertexts",
        "polynomials",
        "additions",
        "products",
        "squares",
        "noise budget left, bits",
        "predicted time",
    ];
    output.line(table::counts(&header, rows))?;
    let seconds = forecast.seconds();
    output.paragraph(format_args!(
        "Predicted with the {bound} bound: {} on one thread, {:.0} images/s, from the operations of each layer and the time of one as just \
         measured here: {:.2} ns ({:.2} ns where the first-level cache does not hold a window; {} instructions).",
        table::seconds(seconds),
        images as f64 / seconds,
        forecast.near_nanoseconds,
        forecast.far_nanoseconds,
        forecast.backend,
    ))?;
    Ok(())
}

/// Shows the layers and their bounds: the observed ones, too, if there are any.
fn layer_table(network: &Network, observed: &[LayerBound]) -> String {
    let proven = proven_bounds(network);
    let ops = op_counts(network);
    let header = [
        "layer",
        "kind",
        "output",
        "weights",
        "zero",
        "weight bits",
        "proven bits",
        "observed bits",
    ];
    let bits = |bounds: &[LayerBound], index: usize| {
        bounds.get(index).map_or(String::new(), |bound| {
            format!("{:.2}", bound.interval.bits_exact())
        })
    };
    let mut rows = vec![vec![
        "input".to_owned(),
        String::new(),
        network.input().shape.to_string(),
        String::new(),
        String::new(),
        String::new(),
        bits(&proven, 0),
        bits(observed, 0),
    ]];
    let layers = network.layers().iter().zip(network.weight_bits()).zip(&ops);
    for (index, ((named, weight_bits), ops)) in layers.enumerate() {
        let weights = weight_bits.map_or([const { String::new() }; 3], |bits| {
            let zero = ops.zero_weights as f64 / ops.weights.max(1) as f64;
            [
                table::thousands(ops.weights),
                table::percent(zero),
                bits.to_string(),
            ]
        });
        let mut row = vec![
            named.name.clone(),
            named.layer.kind().to_owned(),
            network.shapes()[index + 1].to_string(),
        ];
        row.extend(weights);
        row.push(bits(&proven, index + 1));
        row.push(bits(observed, index + 1));
        rows.push(row);
    }
    table::columns(&header, rows)
}

fn operation_table(network: &Network) -> String {
    let header = [
        "layer",
        "MACs, dense",
        "MACs, non-zero",
        "constant mult.",
        "additions",
        "bias additions",
        "squares",
    ];
    let rows = op_counts(network).into_iter().map(|ops| {
        let counts = [
            ops.macs,
            ops.nonzero_macs,
            ops.multiplications,
            ops.additions,
            ops.bias_additions,
            ops.squares,
        ];
        std::iter::once(ops.name)
            .chain(counts.map(table::thousands))
            .collect()
    });
    table::counts(&header, rows)
}

fn noise_table(selection: &Parameters) -> String {
    let rows = selection
        .predicted_noise()
        .iter()
        .map(|layer| vec![layer.name.clone(), format!("{:.1}", layer.budget_bits)]);
    table::columns(&["after", "predicted noise budget, bits"], rows)
}
