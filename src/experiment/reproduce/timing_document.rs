//! Writes the timing records as a Markdown document.

use std::fmt::Write as _;

use super::{bars::primes_of_bits, ticks};
use crate::data::DatasetName;
use crate::experiment::{TimingCase, TimingRecord, TimingRow};

/// The published results of the paper's own run: seconds for one MNIST image, and the conditions.
const PAPER_MNIST: [(&str, f64); 3] = [
    ("N = 16384, t of 55 bits", 333.13),
    ("N = 16384, t of 35 bits", 311.13),
    ("N = 8192, t of 24 bits", 58.04),
];

/// Returns the saving of time that the paper claims.
const fn claimed(dataset: DatasetName) -> Option<u32> {
    match dataset {
        DatasetName::Mnist => Some(80),
        DatasetName::Cifar10 => Some(40),
        DatasetName::FashionMnist => None,
    }
}

/// Writes a document with a section for each record: the cases, the contribution of each change, and what correctness
/// needed in addition to the authors' schedule and what that costs. It links to the plots by the name under which
/// [`plot_timing`](super::plot_timing) is stored: `timing-<dataset>.svg`.
pub fn timing_document(records: &[TimingRecord]) -> String {
    let mut out = String::from(
        "# Time of the authors' schedule\n\n\
         Written by `sealquant reproduce timing --document DIR`. The authors' schedule (`src/engine/backend/reference`): stock SEAL calls, one \
         image per ciphertext, a rotation for each kernel tap and output channel, Galois keys for powers of two, nothing \
         cached, one thread. Parameters are SEAL's default primes for N. Every weight that is not zero costs a rotation, \
         a product and an addition; those that are zero cost nothing.\n\n\
         Times are of the server's evaluation, in seconds of processor time (wall time where the system does not tell \
         it), with wall time beside it: where the two differ, the machine had other work, which also slows what runs.\n",
    );
    for record in records {
        section(&mut out, record);
    }
    deviations(&mut out, records);
    out
}

fn section(out: &mut String, record: &TimingRecord) {
    let name = record.dataset.as_str();
    let build = if record.host.hexl {
        "**with HEXL, which the authors did not have: not a faithful comparison**"
    } else {
        "without HEXL"
    };
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        out,
        "\n## {}\n\n```sh\n{}\n```\n\nTest image {}; {}, SEAL {} {build}, commit {}, {}. Record: \
         [timing-{name}.json](timing-{name}.json).\n\n",
        record.dataset.title(),
        record.command,
        record.image,
        record.host.cpu,
        record.host.seal_version,
        record.host.git_commit,
        record.host.time
    );
    if let Some(channels) = record.rows.iter().find_map(|row| row.channels) {
        let _ = write!(
            out,
            "**Shortened and extrapolated**: of each layer {} (of linear layers the diagonals of as many input \
             channels), for the first plaintext prime only, were computed and timed; the rest is extrapolated layer by \
             layer, by the key switches and products that are left. Logits are not checked, and the noise budget is that \
             of the part.\n\n",
            match channels {
                1 => "1 output channel".to_owned(),
                several => format!("{several} output channels"),
            }
        );
    }
    if record.rows.iter().any(has_primes_left) {
        out.push_str(
            "**Not every plaintext prime ran.** Under those that did, all of the network ran and every logit was compared \
             modulo the prime. The circuit is the same for each prime, and so the others are taken to last as long as the \
             mean of those that ran.\n\n",
        );
    }
    table(out, record);
    runs(out, record);
    let _ = write!(out, "\n![Time of each case](timing-{name}.svg)\n");
    causes(out, record);
    layers(out, record);
}

/// Tells whether the whole network ran, but under only some of the plaintext primes.
const fn has_primes_left(row: &TimingRow) -> bool {
    row.channels.is_none() && !row.is_measured()
}

/// Writes the time of each plaintext prime, if there are several.
fn runs(out: &mut String, record: &TimingRecord) {
    let rows = record.rows.iter();
    let rows = rows.filter(|row| row.channels.is_none() && row.plain_moduli.len() > 1);
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    out.push_str(
        "\nThe plaintext primes that ran:\n\n\
         | case | t | processor time | budget left, bits | ended, at commit |\n\
         | --- | ---: | ---: | ---: | --- |\n",
    );
    for row in rows {
        for run in &row.runs {
            let _ = writeln!(
                out,
                "| {} | {} | {:.1} s | {} | {}, {} |",
                row.case.label(),
                run.plain_modulus,
                run.seconds,
                run.noise_budget_bits,
                run.time,
                run.git_commit
            );
        }
    }
}

/// Returns the rows that are compared with each other.
fn compared(record: &TimingRecord) -> impl Iterator<Item = &TimingRow> {
    let rows = record.rows.iter();
    rows.filter(|row| row.is_compared())
}

fn table(out: &mut String, record: &TimingRecord) {
    out.push_str(
        "| case | network | logits, bits | N | log2 q | t | rotations | key switches | measured: processor, wall | whole network | against the first | mismatches | budget left, bits |\n\
         | --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let first = record.rows.first();
    let first = first.map_or((f64::NAN, false), |row| {
        (row.whole_seconds, row.is_measured())
    });
    for row in &record.rows {
        let ops = row.ops();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} s, {:.1} s{} | {} | {} | {} | {} |",
            row.case.label(),
            row.network,
            row.logit_bits,
            row.poly_modulus_degree,
            row.coeff_modulus_bits.iter().sum::<u32>(),
            primes_of_bits(&row.plain_moduli),
            ops.rotations,
            ops.key_switches(),
            row.evaluate_cpu_seconds
                .map_or("?".to_owned(), |seconds| format!("{seconds:.1}")),
            row.evaluate_seconds,
            if has_primes_left(row) {
                format!(" ({} of {} primes)", row.runs.len(), row.plain_moduli.len())
            } else {
                String::new()
            },
            whole(row),
            change(row.whole_seconds, first.0, row.is_measured() && first.1),
            match (row.twin_mismatches, row.noise_budget_bits) {
                (Some(count), _) if has_primes_left(row) => format!(
                    "{count} modulo {} of {} primes",
                    row.runs.len(),
                    row.plain_moduli.len()
                ),
                (Some(count), _) => count.to_string(),
                (None, 0) => "noise hides the logits".to_owned(),
                (None, _) => "not checked".to_owned(),
            },
            row.noise_budget_bits,
        );
    }
}

/// Formats the time of the whole network: as "about" with two digits if not all of it ran.
fn whole(row: &TimingRow) -> String {
    let seconds = ticks::seconds(row.whole_seconds, row.is_measured());
    if row.is_measured() {
        seconds
    } else {
        format!("{seconds} (extrapolated)")
    }
}

/// Formats the change of a time: without decimals if the times are extrapolated.
fn change(seconds: f64, first: f64, measured: bool) -> String {
    let percent = 100.0 * (seconds / first - 1.0);
    if measured {
        format!("{percent:+.1} %")
    } else {
        format!("about {percent:+.0} %")
    }
}

/// Formats how many times longer one took than the other: with two digits if the times are extrapolated.
fn ratio(before: &TimingRow, after: &TimingRow) -> String {
    let ratio = before.whole_seconds / after.whole_seconds;
    if before.is_measured() && after.is_measured() {
        format!("{ratio:.2}")
    } else {
        format!("about {}", ticks::two_digits(ratio))
    }
}

/// Formats both the ratio and the change.
fn ratio_and_change(before: &TimingRow, after: &TimingRow) -> String {
    let measured = before.is_measured() && after.is_measured();
    format!(
        "{}, that is {}",
        ratio(before, after),
        change(after.whole_seconds, before.whole_seconds, measured)
    )
}

/// Returns the wall time of the whole network, extrapolated in the same way as the processor time.
fn whole_wall_seconds(row: &TimingRow) -> f64 {
    let layers = row.layers.iter();
    layers
        .map(|layer| layer.seconds * layer.all_work as f64 / layer.work.max(1) as f64)
        .sum()
}

fn causes(out: &mut String, record: &TimingRecord) {
    out.push_str(
        "\nWhat each change contributes, one after the other:\n\n| change | time before / after |\n| --- | ---: |\n",
    );
    let rows: Vec<&TimingRow> = compared(record).collect();
    for pair in rows.windows(2) {
        let [before, after] = pair else { continue };
        let words = match after.case {
            TimingCase::Baseline | TimingCase::Masks => continue,
            TimingCase::SmallWeights => format!(
                "products by zero weights skipped ({} of the baseline's products are left)",
                left(before, after)
            ),
            TimingCase::FewerPlainPrimes => format!(
                "plaintext primes, {} to {}",
                before.plain_moduli.len(),
                after.plain_moduli.len()
            ),
            TimingCase::SmallQ => format!(
                "q, {} to {} bits{}",
                before.coeff_modulus_bits.iter().sum::<u32>(),
                after.coeff_modulus_bits.iter().sum::<u32>(),
                more_primes(before, after)
            ),
            TimingCase::SmallN => format!(
                "N, {} to {}",
                before.poly_modulus_degree, after.poly_modulus_degree
            ),
        };
        let _ = writeln!(out, "| {words} | {} |", ratio(before, after));
    }
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return;
    };
    // Cases with the same weights and the same number of plaintext primes.
    let same = rows
        .iter()
        .rev()
        .find(|row| !matches!(row.case, TimingCase::SmallQ | TimingCase::SmallN));
    if let Some(same) = same
        && matches!(last.case, TimingCase::SmallN)
        && same.plain_moduli.len() == last.plain_moduli.len()
    {
        let _ = writeln!(
            out,
            "| q and N alone, with the same weights | {} |",
            ratio_and_change(same, last)
        );
    }
    let _ = writeln!(out, "| all | {} |", ratio_and_change(first, last));
    let _ = writeln!(
        out,
        "| all, by wall time | {} |",
        change(
            whole_wall_seconds(last),
            whole_wall_seconds(first),
            first.is_measured() && last.is_measured()
        )
    );
    if let Some(claimed) = claimed(record.dataset) {
        let bits = 100.0 * (last.logit_bits as f64 / first.logit_bits as f64 - 1.0);
        let _ = write!(
            out,
            "\nThe paper claims -{claimed} %. The logits need {bits:+.0} % bits here.\n"
        );
    }
    if record.dataset == DatasetName::Mnist {
        let own: Vec<String> = PAPER_MNIST
            .iter()
            .map(|(words, seconds)| format!("{words}: {seconds} s"))
            .collect();
        let _ = writeln!(
            out,
            "The paper's own run of one image, on its machine: {}; 58.04 / 311.13 = 0.187 is its -80 %.",
            own.join("; ")
        );
    }
}

/// Formats the share of products that remain, in whole layers.
fn left(before: &TimingRow, after: &TimingRow) -> String {
    let work = |row: &TimingRow| -> u64 {
        let moduli = row.plain_moduli.len().max(1) as u64;
        row.layers.iter().map(|layer| layer.all_work / moduli).sum()
    };
    format!("{:.0} %", 100.0 * work(after) as f64 / work(before) as f64)
}

fn more_primes(before: &TimingRow, after: &TimingRow) -> String {
    let (before, after) = (before.plain_moduli.len(), after.plain_moduli.len());
    if before == after {
        String::new()
    } else {
        format!(", and plaintext primes, {before} to {after}: there is less room for noise")
    }
}

fn layers(out: &mut String, record: &TimingRecord) {
    let Some(first) = record.rows.first() else {
        return;
    };
    out.push_str("\nSeconds of the whole network by layer:\n\n| case |");
    for layer in &first.layers {
        let _ = write!(out, " {} |", layer.name);
    }
    out.push_str("\n| --- |");
    out.push_str(&" ---: |".repeat(first.layers.len()));
    out.push('\n');
    for row in &record.rows {
        let measured = row.is_measured();
        let mark = if measured { "" } else { " (extrapolated)" };
        let _ = write!(out, "| {}{mark} |", row.case.label());
        for layer in &row.layers {
            let seconds = layer.whole_seconds();
            let _ = if measured {
                write!(out, " {seconds:.2} |")
            } else {
                write!(out, " {} |", ticks::seconds(seconds, false))
            };
        }
        out.push('\n');
    }
}

fn deviations(out: &mut String, records: &[TimingRecord]) {
    out.push_str(
        "\n## Where this differs from the authors' program, and what that costs\n\n\
         - **No masks after convolutions.** The slots that a mask clears are never read again. ",
    );
    let mut shown = false;
    for record in records {
        let rows = &record.rows;
        let masked = rows.iter().find(|row| row.case == TimingCase::Masks);
        let Some((masked, plain)) = masked.zip(compared(record).last()) else {
            continue;
        };
        shown = true;
        let _ = write!(
            out,
            "On {} at N = {}, {} masks change the time by {:+.1} % (what is below some percent is the measurement's own \
             noise), and the noise budget left from {} to {} bits{}.",
            record.dataset.title(),
            plain.poly_modulus_degree,
            masked
                .ops()
                .plain_multiplications
                .saturating_sub(plain.ops().plain_multiplications),
            100.0 * (masked.whole_seconds / plain.whole_seconds - 1.0),
            plain.noise_budget_bits,
            masked.noise_budget_bits,
            if masked.noise_budget_bits == 0 {
                ": the logits cannot be decrypted"
            } else {
                ""
            },
        );
    }
    if !shown {
        out.push_str("`--masks` measures them. ");
    }
    out.push_str(
        "\n\
         - **Negative weights** are multiplied by their magnitude and the product subtracted. SEAL 4.0.0 multiplies by \
         the constant -w as by t - w, at the noise of t - w. A subtraction in place of an addition: no operation more \
         or less.\n",
    );
    out.push_str(
        "- **Partial results of a fully connected layer** are added and folded on the server, not by the client, who \
         would learn more than the logits.",
    );
    for record in records {
        if let Some(words) = fold_cost(record) {
            let _ = write!(out, " {words}");
        }
    }
    out.push('\n');
}

/// Counts the rotations of the rotate-and-sum in the last layer.
fn fold_cost(record: &TimingRecord) -> Option<String> {
    let row = compared(record).last()?;
    let ops = row.layers.last()?.ops;
    // For each plaintext prime: one addition for the zero to start from, one for each product, one for each
    // rotate-and-sum step.
    let others = ops.plain_multiplications + row.runs.len() as u64;
    let folds = ops.additions.checked_sub(others)?;
    row.channels.is_none().then(|| {
        format!(
            "{}, last case: {folds} rotations of {}.",
            record.dataset.title(),
            row.ops().rotations
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::plot_timing;
    use super::*;
    use crate::circuit::OpCounts;
    use crate::experiment::{Host, PrimeLayer, PrimeSummary};

    fn row(case: TimingCase, seconds: f64, moduli: &[u64], budget: u32) -> TimingRow {
        let layer = |name: &str, seconds| PrimeLayer {
            name: name.to_owned(),
            seconds: 2.0 * seconds,
            cpu_seconds: Some(seconds),
            ops: OpCounts::default(),
            units: 1,
            all_units: 1,
            work: 3,
            all_work: 3,
        };
        TimingRow {
            case,
            network: "net".to_owned(),
            poly_modulus_degree: match case {
                TimingCase::SmallN => 8192,
                _ => 16384,
            },
            coeff_modulus_bits: vec![50, 50],
            plain_moduli: moduli.to_vec(),
            logit_bits: 25,
            channels: None,
            runs: moduli
                .iter()
                .map(|&plain_modulus| PrimeSummary {
                    plain_modulus,
                    seconds: seconds / moduli.len() as f64,
                    noise_budget_bits: budget,
                    git_commit: "unknown".to_owned(),
                    time: "2026-01-01T00:00:00Z".to_owned(),
                })
                .collect(),
            keygen_seconds: 1.0,
            encrypt_seconds: 1.0,
            evaluate_seconds: 2.0 * seconds,
            evaluate_cpu_seconds: Some(seconds),
            whole_seconds: seconds,
            decrypt_seconds: 1.0,
            layers: vec![
                layer("conv1", seconds / 4.0),
                layer("linear1", seconds * 0.75),
            ],
            twin_mismatches: (budget > 0).then_some(0),
            noise_budget_bits: budget,
        }
    }

    fn record() -> TimingRecord {
        TimingRecord {
            command: "sealquant reproduce timing".to_owned(),
            dataset: DatasetName::Mnist,
            image: 3,
            rows: vec![
                row(TimingCase::Baseline, 400.0, &[65537, 114_689], 90),
                row(TimingCase::SmallWeights, 100.0, &[65537, 114_689], 90),
                row(TimingCase::FewerPlainPrimes, 50.0, &[65537], 90),
                row(TimingCase::SmallN, 20.0, &[65537], 12),
                row(TimingCase::Masks, 20.2, &[65537], 0),
            ],
            peak_memory_bytes: None,
            host: Host {
                hexl: false,
                ..Host::now()
            },
        }
    }

    #[test]
    fn the_document_separates_the_causes() {
        let text = timing_document(&[record()]);
        for words in [
            "| plaintext primes, 2 to 1 | 2.00 |",
            "| N, 16384 to 8192 | 2.50 |",
            "| all | 20.00, that is -95.0 % |",
            "| all, by wall time | -95.0 % |",
            "the noise budget left from 12 to 0 bits: the logits cannot be decrypted",
            "| q and N alone, with the same weights | 2.50, that is -60.0 % |",
            "311.13",
            "without HEXL",
            "noise hides the logits",
            "| baseline | 100.00 | 300.00 |",
        ] {
            assert!(text.contains(words), "{words} is missing in:\n{text}");
        }
        assert!(!text.contains("extrapolated"), "{text}");
        let mut part = record();
        part.rows[0].channels = Some(2);
        let text = timing_document(&[part]);
        assert!(text.contains("2 output channels") && text.contains("(extrapolated)"));
        let mut primes = record();
        primes.rows[0].runs.truncate(1);
        let text = timing_document(&[primes]);
        for words in [
            "**Not every plaintext prime ran.**",
            "| 0 modulo 1 of 2 primes |",
            "| baseline | 65537 | 200.0 s | 90 |",
            "400.0 s, 800.0 s (1 of 2 primes) | about 400 s (extrapolated) | about +0 % |",
            "| baseline (extrapolated) | about 100 s | about 300 s |",
            "| small weights | 25.00 | 75.00 |",
            "| 100.0 s | about -75 % |",
            "| all | about 20, that is about -95 % |",
            "| all, by wall time | about -95 % |",
            "| small weights | 114689 | 50.0 s | 90 |",
        ] {
            assert!(text.contains(words), "{words} is missing in:\n{text}");
        }
        assert_eq!(text.matches("(extrapolated)").count(), 2, "{text}");
    }

    #[test]
    fn many_primes_are_a_range() {
        assert_eq!(
            primes_of_bits(&[65537, 114_689, 786_433, 1_376_257]),
            "4 primes of 17 to 21 bits"
        );
    }

    #[test]
    fn bars_name_the_cases() {
        let record = record();
        let text = plot_timing("MNIST", &record.rows).unwrap();
        for words in [
            "400.0 s",
            "20.0 s (-95 %)",
            "2 primes of 17, 17 bits",
            "linear1",
            "small N",
        ] {
            assert!(text.contains(words), "{words}");
        }
        assert!(!text.contains("with masks") && !text.contains("about"));
        let mut part = record.rows;
        part[0].channels = Some(1);
        assert!(plot_timing("MNIST", &part).unwrap().contains("about 400 s"));
        assert!(plot_timing("none", &[]).is_err());
    }
}
