//! `sealquant reproduce accuracy`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

use crate::cli::{
    interrupt,
    model::DataDirectory,
    output::{Output, check_directory, check_files, note, write_text},
    progress, table,
    train::Display,
};
use crate::{
    data::{self, DatasetName, Split},
    experiment::reproduce::{
        AccuracyRow, Document, Images, Method, Options, ReproduceError, claims, document, plan,
        plot_accuracy, plot_layers, run as run_rows,
    },
    experiment::{Host, write_record},
    file::{ResultKind, write_atomically},
    train::RECORD_FILE,
};

#[derive(Debug, clap::Args)]
pub(super) struct AccuracyArguments {
    /// A few rows of MNIST, two epochs on few images: a check of the machinery, in some seconds
    #[arg(long)]
    quick: bool,
    /// Only this dataset; may be given several times [default: mnist and cifar10]
    #[arg(long, value_name = "NAME", value_enum)]
    only: Vec<DatasetName>,
    /// Do not train; take the rows that are finished among the runs or in the document, and round what is not rounded
    #[arg(long)]
    only_finished: bool,
    /// The directory of the runs
    #[arg(long, value_name = "DIR", default_value = "runs/accuracy")]
    out: PathBuf,
    /// The directory for accuracy.md, rows.json and the plots [default: the directory of the runs]
    #[arg(long, value_name = "DIR")]
    document: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirectory,
}

/// Numbers of images in the quick check: training (including validation) and test.
const QUICK_IMAGES: [usize; 2] = [6_500, 1_000];

pub(super) fn run(arguments: &AccuracyArguments, output: &mut Output) -> anyhow::Result<ExitCode> {
    let datasets = match (arguments.quick, arguments.only.as_slice()) {
        (true, []) => &[DatasetName::Mnist][..],
        (false, []) => &[DatasetName::Mnist, DatasetName::Cifar10],
        (_, given) => given,
    };
    let source = arguments.data.source();
    let out = if arguments.quick {
        arguments.out.join("quick")
    } else {
        arguments.out.clone()
    };
    let to = arguments.document.as_ref().unwrap_or(&out).clone();
    let options = Options {
        out,
        only_finished: arguments.only_finished,
        finished: (arguments.only_finished && !arguments.quick).then(|| to.clone()),
    };
    check_directory("--out", &options.out)?;
    let plots = datasets.iter().flat_map(|dataset| {
        ["accuracy", "layers"].map(|plot| (format!("{plot}-{dataset}.svg"), ResultKind::Plot))
    });
    let document = ("accuracy.md".to_owned(), ResultKind::Document);
    check_files("--document", &to, plots.chain([document]))?;
    let kept = options.out.display().to_string();
    interrupt::say(move || {
        format!("finished rows and epochs are kept in {kept}; the same command goes on from there")
    });
    let mut rows = Vec::new();
    for &dataset in datasets {
        let load = |split| data::load(dataset, split, &source, &mut progress::data_events());
        let mut images = Images {
            train: load(Split::Train)?,
            test: load(Split::Test)?,
        };
        if arguments.quick {
            images.train = images.train.slice(0..QUICK_IMAGES[0]);
            images.test = images.test.slice(0..QUICK_IMAGES[1]);
        }
        let jobs = plan(dataset, arguments.quick)?;
        let mut begin = |name: &str| -> Box<dyn crate::train::Observer> {
            note(format_args!("{dataset} {name}"));
            Box::new(Display::default())
        };
        rows.extend(run_rows(dataset, &jobs, &images, &options, &mut begin)?);
    }
    if arguments.quick {
        check(&rows)?;
    } else {
        keep_others(&mut rows, datasets, &to)?;
    }
    // Show the rows even if they cannot be written.
    let shown = output.line(columns(&rows));
    copy_records(&rows, &options.out, &to)?;
    write(&rows, &to)?;
    shown?;
    output.line(format_args!(
        "written: {}",
        to.join("accuracy.md").display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Checks the rows of a quick run: they are bad, but not as bad as a mistake would make them.
fn check(rows: &[AccuracyRow]) -> Result<(), ReproduceError> {
    let insane = |text: String| Err(ReproduceError::Insane(text));
    let find = |name: &str| {
        let found = rows.iter().find(|row| row.name == name);
        found.ok_or_else(|| ReproduceError::Insane(format!("the row {name} is missing")))
    };
    for (name, least) in [("ptq8", 0.97), ("w4-s1", 0.95), ("w2-s1", 0.85)] {
        let row = find(name)?;
        if row.test_accuracy < least {
            return insane(format!(
                "{name}: {} of test images, expected at least {}",
                table::percent(row.test_accuracy),
                table::percent(least)
            ));
        }
    }
    for row in rows.iter().filter(|row| row.method != Method::Float) {
        let Some(widths) = &row.widths else {
            return insane(format!("{}: its integers were not measured", row.name));
        };
        let layers = &widths.layers;
        if layers.iter().any(|l| l.observed_bits > l.proven_bits) {
            return insane(format!("{}: an image exceeds a proven bound", row.name));
        }
        if widths.observed.plain_moduli.is_empty() {
            return insane(format!("{}: no parameters hold its logits", row.name));
        }
    }
    let bits = |name: &str| -> Result<f64, ReproduceError> {
        Ok(find(name)?
            .widths
            .as_ref()
            .map_or(0.0, |w| w.proven.widest_bits))
    };
    let (two, four, eight) = (bits("w2-s1")?, bits("w4-s1")?, bits("ptq8")?);
    if two >= four || four >= eight {
        return insane(format!(
            "widest integers of {two:.1}, {four:.1} and {eight:.1} bits for weights of 2, 4 and 8"
        ));
    }
    Ok(())
}

fn columns(rows: &[AccuracyRow]) -> String {
    let header = [
        "network",
        "test",
        "widest, proven",
        "widest, observed",
        "logits",
        "N",
    ];
    let number = |x: Option<f64>| x.map_or(String::new(), |x| format!("{x:.2}"));
    let rows = rows.iter().map(|row| {
        let widths = row.widths.as_ref();
        let degree = widths.map(|w| w.observed.poly_modulus_degree);
        vec![
            format!("{} {} {}", row.dataset, row.method.label(), row.name),
            table::percent(row.test_accuracy),
            number(widths.map(|w| w.proven.widest_bits)),
            number(widths.map(|w| w.observed.widest_bits)),
            number(widths.map(|w| w.observed.logit_bits)),
            degree.map_or(String::new(), table::thousands),
        ]
    });
    table::columns(&header, rows)
}

/// Adds the rows of other datasets that the document has, so that they stay in it.
fn keep_others(
    rows: &mut Vec<AccuracyRow>,
    asked: &[DatasetName],
    to: &Path,
) -> anyhow::Result<()> {
    let earlier = Document::read(to)?;
    let others = earlier.rows().iter().cloned();
    rows.extend(others.filter(|row| !asked.contains(&row.dataset)));
    let place = |row: &AccuracyRow| {
        DatasetName::ALL
            .iter()
            .position(|name| *name == row.dataset)
    };
    rows.sort_by_key(place);
    Ok(())
}

/// Copies the record of each run to its place beside the document: `records/<dataset>/<name>.json`. The records of rows
/// from an earlier document are already there.
fn copy_records(rows: &[AccuracyRow], runs: &Path, to: &Path) -> anyhow::Result<()> {
    for row in rows.iter().filter(|row| row.method != Method::Float) {
        let dataset = row.dataset.as_str();
        let from = runs.join(dataset).join(&row.name).join(RECORD_FILE);
        let path = to.join(Document::record(row.dataset, &row.name));
        if !from.exists() && path.exists() {
            continue;
        }
        let bytes =
            std::fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        write_atomically(&path, &bytes)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn write(rows: &[AccuracyRow], to: &Path) -> anyhow::Result<()> {
    let save = |name: &str, text: &str| write_text(&to.join(name), text);
    let host = Host::now();
    let notes = [
        format!("written {} at commit {}", host.time, host.git_commit),
        format!("processor: {}", host.cpu),
        "each run's configuration, seed, epochs and hashes: records/<dataset>/<name>.json beside this document"
            .to_owned(),
    ];
    save("accuracy.md", &document(rows, &notes))?;
    write_record(to.join(Document::ROWS), &rows)?;
    let mut found = Vec::new();
    for dataset in DatasetName::ALL {
        let of: Vec<AccuracyRow> = rows
            .iter()
            .filter(|row| row.dataset == dataset)
            .cloned()
            .collect();
        found.extend(claims(&of));
        if of.iter().all(|row| row.widths.is_none()) {
            continue;
        }
        let title = format!(
            "{}: accuracy against the size of the integers",
            dataset.title()
        );
        save(
            &format!("accuracy-{dataset}.svg"),
            &plot_accuracy(&title, &of)?,
        )?;
        let title = format!("{}: how integers grow through the layers", dataset.title());
        save(&format!("layers-{dataset}.svg"), &plot_layers(&title, &of)?)?;
    }
    write_record(to.join("claims.json"), &found)?;
    Ok(())
}
