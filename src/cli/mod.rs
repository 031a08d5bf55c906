//! The command line, with one file for each subcommand.
//!
//! Results go to standard output, progress and errors to standard error. The exit code is 0 on success, 1 on any
//! failure (including a decrypted logit that differs from the twin's), 2 on misuse, and 130 when Ctrl-C or SIGTERM
//! ended the command.

mod class_table;
mod data;
mod demo;
mod digits;
mod float;
mod hint;
mod import;
mod infer;
mod inspect;
mod interrupt;
mod memory;
mod model;
mod output;
mod progress;
#[cfg(feature = "train")]
mod ptq;
mod reproduce;
mod roles;
mod run;
mod scheme;
mod summary;
mod table;
mod terminal;
mod threads;
#[cfg(feature = "train")]
mod train;

use std::{ffi::OsString, io::ErrorKind, num::NonZeroUsize, process::ExitCode};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use output::Output;

/// Runs networks with small integer weights on encrypted images, by Microsoft SEAL's BFV.
#[derive(Debug, Parser)]
#[command(
    name = "sealquant",
    version,
    propagate_version = true,
    max_term_width = 120
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Datasets: fetch and verify.
    Data(data::DataArguments),
    /// Train a network; quantised ones are exported as integer networks.
    #[cfg(feature = "train")]
    Train(train::TrainArguments),
    /// Round a trained float network to integers without training it again.
    #[cfg(feature = "train")]
    Ptq(ptq::PtqArguments),
    /// Bring a network from an ONNX file, or weights from a safetensors file.
    Import(import::ImportArguments),
    /// Make the tables of results again, from presets.
    Reproduce(reproduce::ReproduceArguments),
    /// Show a network: layers, bounds, operations, and which encryption parameters it gets and why.
    Inspect(inspect::InspectArguments),
    /// Classify images under encryption and compare every logit with exact clear evaluation.
    Infer(infer::InferArguments),
    /// Prepare a model for a server and its clients: encryption parameters, files for both sides.
    Compile(roles::compile::CompileArguments),
    /// Client: make a secret key, and the keys that the server needs.
    Keygen(roles::keygen::KeygenArguments),
    /// Client: encrypt images.
    Encrypt(roles::encrypt::EncryptArguments),
    /// Server: evaluate encrypted images, without a secret key.
    Evaluate(roles::evaluate::EvaluateArguments),
    /// Server: serve deployments over HTTP, without a secret key.
    Serve(roles::serve::ServeArguments),
    /// Server: take requests of a service out of a queue and answer them, without a secret key.
    Worker(roles::worker::WorkerArguments),
    /// Client: decrypt the answers and show the classes.
    Decrypt(roles::decrypt::DecryptArguments),
    /// Classify your own images under encryption, in one process or with a service.
    Classify(roles::classify::ClassifyArguments),
    /// See it work: classify MNIST digits under encryption and draw some of them.
    Demo(demo::DemoArguments),
}

/// Parses the command line, runs the command, and reports an error in one line. The first argument is the program's
/// name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut command = Cli::command();
    let parsed = command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| {
            let names = chosen(&matches);
            Ok((Cli::from_arg_matches(&matches)?, names))
        });
    let (cli, names) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // This includes `--help` and `--version`. A closed pipe is not a failure.
            return match error.print() {
                Err(problem) if problem.kind() != ErrorKind::BrokenPipe => {
                    output::note(format_args!(
                        "error: cannot write to standard output: {problem}"
                    ));
                    ExitCode::FAILURE
                }
                _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
            };
        }
    };
    memory::watch();
    interrupt::listen();
    let mut output = Output::default();
    let result =
        threads::start(cli.command.threads()).and_then(|()| execute(cli.command, &mut output));
    interrupt::wait_if_stopping();
    match result {
        Ok(code) => code,
        Err(error) => {
            let takes = |option: &str| takes(&command, &names, option);
            output::error_line(&error, hint::hint(&error, &takes));
            ExitCode::FAILURE
        }
    }
}

/// Ends the process with an error in one line, because the system refuses to give it so many bytes. Allocates nothing.
pub fn out_of_memory(bytes: usize) -> ! {
    memory::end(Some(bytes))
}

impl Command {
    /// Returns the number of worker threads if the command line gives it.
    fn threads(&self) -> Option<NonZeroUsize> {
        match self {
            Self::Infer(arguments) => arguments.run.threads,
            Self::Demo(arguments) => arguments.run.threads,
            Self::Reproduce(arguments) => arguments.threads(),
            Self::Evaluate(arguments) => arguments.threads,
            Self::Classify(arguments) => arguments.threads,
            Self::Serve(arguments) => arguments.threads,
            Self::Worker(arguments) => arguments.threads,
            _ => None,
        }
    }
}

/// Returns success if everything is right. If not, standard output says what is wrong.
fn exit_code(right: bool) -> ExitCode {
    if right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn execute(command: Command, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        Command::Data(arguments) => data::run(&arguments, output),
        #[cfg(feature = "train")]
        Command::Train(arguments) => train::run(&arguments, output),
        #[cfg(feature = "train")]
        Command::Ptq(arguments) => ptq::run(&arguments, output),
        Command::Import(arguments) => import::run(&arguments, output),
        Command::Reproduce(arguments) => reproduce::run(&arguments, output),
        Command::Inspect(arguments) => inspect::run(&arguments, output),
        Command::Infer(arguments) => infer::run(&arguments, output),
        Command::Compile(arguments) => roles::compile::run(&arguments, output),
        Command::Keygen(arguments) => roles::keygen::run(&arguments, output),
        Command::Encrypt(arguments) => roles::encrypt::run(&arguments, output),
        Command::Evaluate(arguments) => roles::evaluate::run(&arguments, output),
        Command::Decrypt(arguments) => roles::decrypt::run(&arguments, output),
        Command::Serve(arguments) => roles::serve::run(&arguments, output),
        Command::Worker(arguments) => roles::worker::run(&arguments, output),
        Command::Classify(arguments) => roles::classify::run(&arguments, output),
        Command::Demo(arguments) => demo::run(&arguments, output),
    }
}

/// Returns the names of the chosen command and of the commands above it.
fn chosen(mut matches: &ArgMatches) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((name, below)) = matches.subcommand() {
        names.push(name.to_owned());
        matches = below;
    }
    names
}

/// Tells whether a command has an option that says where or how it works. `data fetch` has none: its `--data-dir` says
/// where copies go.
fn takes(command: &clap::Command, names: &[String], option: &str) -> bool {
    if names.first().is_some_and(|name| name == "data") {
        return false;
    }
    let found = names
        .iter()
        .try_fold(command, |command, name| command.find_subcommand(name));
    found.is_some_and(|command| {
        command
            .get_arguments()
            .any(|argument| argument.get_long() == Some(option))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn hints_know_the_options_of_commands() {
        let command = Cli::command();
        for (names, option, expected) in [
            ("infer", "accept-observed-bound", true),
            ("reproduce timing", "data-dir", true),
            ("reproduce scaling", "kernels", false),
            ("data fetch", "data-dir", false),
            ("none", "data-dir", false),
        ] {
            let path: Vec<String> = names.split(' ').map(str::to_owned).collect();
            assert_eq!(takes(&command, &path, option), expected, "{names}");
        }
    }
}
