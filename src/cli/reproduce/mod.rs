//! `sealquant reproduce`: the paper's two halves.

#[cfg(feature = "train")]
mod accuracy;
mod scaling;
mod stages;
mod timing;

use std::{num::NonZeroUsize, process::ExitCode};

use clap::Subcommand;

use super::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct ReproduceArguments {
    #[command(subcommand)]
    command: ReproduceCommand,
}

#[derive(Debug, Subcommand)]
enum ReproduceCommand {
    /// The paper's accuracy tables and the networks of fewer bits: trains what is missing, measures, writes accuracy.md,
    /// rows.json and plots. Interrupted runs go on.
    #[cfg(feature = "train")]
    Accuracy(accuracy::AccuracyArguments),
    /// One image by the authors' schedule: a network without quantised training at the larger N against one of small
    /// integers, and what N, q and skipped weights each contribute. One thread.
    Timing(timing::TimingArguments),
    /// Time and memory of own kernels against images, bits of the weights, bits of the logits and threads: a plot each.
    Scaling(scaling::ScalingArguments),
    /// The stages of a request on the user's clock, with SEAL's client and with the project's own: a plot of records that
    /// the benchmark `endtoend` made.
    Stages(stages::StagesArguments),
}

impl ReproduceArguments {
    /// Returns the number of worker threads if the command line gives it.
    pub(super) fn threads(&self) -> Option<NonZeroUsize> {
        if let ReproduceCommand::Scaling(arguments) = &self.command {
            arguments.threads()
        } else {
            None
        }
    }
}

pub(super) fn run(arguments: &ReproduceArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        #[cfg(feature = "train")]
        ReproduceCommand::Accuracy(arguments) => accuracy::run(arguments, output),
        ReproduceCommand::Timing(arguments) => timing::run(arguments, output),
        ReproduceCommand::Scaling(arguments) => scaling::run(arguments, output),
        ReproduceCommand::Stages(arguments) => stages::run(arguments, output),
    }
}
