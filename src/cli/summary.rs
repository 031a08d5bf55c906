//! The summary table of a run.

use super::table;
use crate::experiment::{BoundRecord, LayerRecord, RunRecord, reproduce::join};

type SummaryRow = (String, String);

/// Shows everything important about a run in one table; with a row for each layer if requested.
pub(super) fn summary(record: &RunRecord, each_layer: bool) -> String {
    let mut rows = results(record);
    rows.extend(clocks(record));
    rows.extend(parameters(record));
    rows.extend(sizes(record));
    rows.extend(times(record, each_layer));
    rows.extend(machine(record));
    table::facts(rows)
}

fn row(name: &str, value: impl Into<String>) -> SummaryRow {
    (name.to_owned(), value.into())
}

fn results(record: &RunRecord) -> Vec<SummaryRow> {
    let images = format!(
        "{} of {} {}, from number {}, in {} batch{}",
        table::thousands(record.images),
        record.dataset,
        record.split,
        record.first_image,
        record.batches,
        if record.batches == 1 { "" } else { "es" },
    );
    let accuracy = format!(
        "{} ({} right)",
        table::percent(record.accuracy()),
        table::thousands(record.correct)
    );
    let mismatches = format!(
        "{} of {} logits",
        table::thousands(record.twin_mismatches),
        table::thousands(record.logits)
    );
    let model = if record.model.ends_with(&record.network) {
        record.model.clone()
    } else {
        format!("{}, the network {}", record.model, record.network)
    };
    vec![
        row("model", model),
        row(
            "computed",
            format!(
                "with {} kernels, in the {} layout",
                record.kernels, record.layout
            ),
        ),
        row("images", images),
        row("accuracy", accuracy),
        row("mismatches against the twin", mismatches),
    ]
}

fn parameters(record: &RunRecord) -> Vec<SummaryRow> {
    let words = format!(
        "N = {}, log2 q = {} ({}), t = {}",
        record.poly_modulus_degree,
        record.coeff_modulus_bits.iter().sum::<u32>(),
        join(&record.coeff_modulus_bits, " + "),
        join(&record.plain_moduli, " * "),
    );
    let noise = format!(
        "{} bits (predicted: at least {:.0})",
        record.noise_budget_bits,
        record.predicted_noise_budget_bits.floor()
    );
    vec![
        row("parameters", words),
        row("security", record.security.clone()),
        row("bound on the logits", bound(&record.bound)),
        row("noise budget left", noise),
    ]
}

/// Describes the bound that the plaintext modulus was chosen for.
fn bound(bound: &BoundRecord) -> String {
    match &bound.source {
        None => format!("{} for every input, {} bits", bound.rule, bound.bits),
        Some(source) => format!(
            "{} on {source}, {} bits; another input may exceed it unnoticed",
            bound.rule, bound.bits
        ),
    }
}

fn sizes(record: &RunRecord) -> Vec<SummaryRow> {
    vec![
        row("evaluation keys", table::bytes(record.bytes.keys)),
        row("upload, with seeds", table::bytes(record.bytes.upload)),
        row("response", table::bytes(record.bytes.response)),
    ]
}

/// The user's clock, without and with a line, and the server's.
fn clocks(record: &RunRecord) -> Vec<SummaryRow> {
    let user = record.seconds.user();
    let bits = 8.0 * (record.bytes.upload + record.bytes.response) as f64;
    let rate = record.line_bits_per_second as f64;
    let of_line = format!("  with a line of {:.0} Mbit/s", rate / 1e6);
    vec![
        row("user's clock, images to classes", table::seconds(user)),
        row(
            &of_line,
            format!("  {}", table::seconds(user + bits / rate)),
        ),
        row(
            "server's clock, evaluation",
            table::seconds(record.seconds.evaluate),
        ),
    ]
}

fn times(record: &RunRecord, each_layer: bool) -> Vec<SummaryRow> {
    let seconds = record.seconds;
    let mut rows = vec![
        row("key generation (client)", table::seconds(seconds.keygen)),
        row("encryption (client)", table::seconds(seconds.encrypt)),
        row(
            "expansion of seeds (server)",
            table::seconds(seconds.expand),
        ),
        row("evaluation (server)", table::seconds(seconds.evaluate)),
    ];
    if record.batches > 1 {
        let batch = record.evaluate_batch;
        let words = format!(
            "{} in the median, 95 % within {}",
            table::seconds(batch.median),
            table::seconds(batch.percentile_95)
        );
        rows.push(row("  of a batch", format!("  {words}")));
    }
    if each_layer {
        let layer = |layer: &LayerRecord| {
            let seconds = table::seconds(layer.seconds);
            row(&format!("  {}", layer.name), format!("  {seconds}"))
        };
        rows.extend(record.layers.iter().map(layer));
    }
    rows.push(row("decryption (client)", table::seconds(seconds.decrypt)));
    rows.push(row(
        "images per second (server)",
        format!("{:.0}", record.images_per_second()),
    ));
    rows
}

fn machine(record: &RunRecord) -> Vec<SummaryRow> {
    let machine = format!(
        "{}, {} thread{}, SEAL {} {} HEXL",
        record.host.cpu,
        record.threads,
        if record.threads == 1 { "" } else { "s" },
        record.host.seal_version,
        if record.host.hexl { "with" } else { "without" },
    );
    let predicted = record
        .predicted_memory_bytes
        .map_or(String::new(), |memory| {
            format!(" (predicted: about {})", table::bytes(memory))
        });
    let memory = record.peak_memory_bytes.map(|memory| {
        row(
            "peak memory",
            format!("{}{predicted}", table::bytes(memory)),
        )
    });
    std::iter::once(row("machine", machine))
        .chain(memory)
        .collect()
}
