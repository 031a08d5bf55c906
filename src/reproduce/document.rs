//! The tables as a Markdown document.

use std::fmt::Write as _;

use super::{Choice, Claim, Row, claims, claims::tolerance, paper_float};
use crate::data::DatasetName;

fn percent(share: f64) -> String {
    format!("{:.2}", share * 100.0)
}

/// A document with the tables of `rows` (of any datasets), what they say to the paper's claims, and `notes` (what ran
/// where) at the end. Plots are named as [`plot_accuracy`](super::plot_accuracy) and
/// [`plot_layers`](super::plot_layers) are written: `accuracy-<dataset>.svg` and `layers-<dataset>.svg`.
pub fn document(rows: &[Row], notes: &[String]) -> String {
    let mut out = String::from(
        "# Accuracy\n\nWritten by `sealquant reproduce accuracy`. Bits are log2(2 * largest magnitude + 1); *proven* bits \
         hold for every input, *observed* ones for the images named below each table. t (or the product of several, by \
         CRT) and N follow from the observed bits unless a column says otherwise.\n",
    );
    for dataset in DatasetName::ALL {
        let of: Vec<Row> = rows
            .iter()
            .filter(|row| row.dataset == dataset)
            .cloned()
            .collect();
        if of.is_empty() {
            continue;
        }
        let name = dataset.as_str();
        // Writing to a string cannot fail, here and below.
        let _ = write!(out, "\n## {}\n\n", dataset.title());
        table(&mut out, &of);
        let _ = write!(
            out,
            "\n![Accuracy against bits](accuracy-{name}.svg)\n\n![Bits through the layers](layers-{name}.svg)\n"
        );
        claim_tables(&mut out, dataset, &of);
    }
    if !notes.is_empty() {
        out.push_str("\n## Runs\n\n");
        for note in notes {
            let _ = writeln!(out, "- {note}");
        }
    }
    out
}

fn table(out: &mut String, rows: &[Row]) {
    out.push_str(
        "| network | weights | input | seed | test | validation | widest, proven | widest, observed | logits, observed | t | N | t, proven | N, proven |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut observed: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let weights = match (row.narrowest_weight_bits, row.weight_bits) {
            (_, None) => "float".into(),
            (Some(least), Some(most)) if least < most => format!("{least} to {most} bits"),
            (_, Some(bits)) => format!("{bits} bits"),
        };
        // All but the first are compared with it.
        let channels = if row.channels == rows[0].channels {
            String::new()
        } else {
            let channels: Vec<String> = row.channels.iter().map(usize::to_string).collect();
            format!(" ({} channels)", channels.join(", "))
        };
        let input = match (row.encoded, row.input_levels) {
            (true, levels) => format!("contrast, {levels} levels"),
            (false, 256) => "pixels".into(),
            (false, levels) => format!("{levels} levels"),
        };
        let number = |x: Option<f64>| x.map_or(String::new(), |x| format!("{x:.2}"));
        let widths = row.widths.as_ref();
        let _ = writeln!(
            out,
            "| {} `{}`{channels} | {weights} | {input} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.method.label(),
            row.name,
            row.seed.map_or(String::new(), |s| s.to_string()),
            percent(row.test_accuracy),
            row.validation_accuracy.map_or(String::new(), percent),
            number(widths.map(|w| w.proven.widest_bits)),
            number(widths.map(|w| w.observed.widest_bits)),
            number(widths.map(|w| w.observed.logit_bits)),
            widths.map_or(" | ".into(), |w| choice(&w.observed)),
            widths.map_or(" | ".into(), |w| choice(&w.proven)),
        );
        if let Some(widths) = widths {
            match observed
                .iter_mut()
                .find(|(on, _)| *on == widths.observed_on)
            {
                Some((_, names)) => names.push(row.name.clone()),
                None => observed.push((widths.observed_on.clone(), vec![row.name.clone()])),
            }
        }
    }
    for (on, names) in observed {
        let _ = write!(out, "\nObserved on {on}: {}.\n", names.join(", "));
    }
}

fn choice(choice: &Choice) -> String {
    match choice.plain_moduli.as_slice() {
        [] => "nothing fits | ".into(),
        [t] => format!("{t} | {}", choice.poly_modulus_degree),
        several => {
            let bits = several.iter().map(|t| u64::BITS - t.leading_zeros()).max();
            format!(
                "{} primes of up to {} bits | {}",
                several.len(),
                bits.unwrap_or(0),
                choice.poly_modulus_degree
            )
        }
    }
}

/// What the rows say to the paper's claim, for each reading of "baseline".
fn claim_tables(out: &mut String, dataset: DatasetName, rows: &[Row]) {
    let ours = claims(rows, None);
    if ours.is_empty() {
        return;
    }
    let paper = match dataset {
        DatasetName::Cifar10 => "43 %",
        _ => "33 %",
    };
    let _ = write!(
        out,
        "\n### The widest integer against rounding alone\n\nThe paper claims {paper} less. The baseline is the rounded (PTQ) \
         network with the narrowest widest integer among those within {:.1} points of the float network: of this project's.\n\n",
        tolerance(dataset) * 100.0
    );
    claim_table(out, &ours);
    if let Some(reference) = paper_float(dataset) {
        let _ = write!(
            out,
            "\nAnother reading: of the paper's own float network ({} %), which is less accurate.\n\n",
            percent(reference)
        );
        claim_table(out, &claims(rows, Some(reference)));
    }
}

fn claim_table(out: &mut String, claims: &[Claim]) {
    out.push_str(
        "| network | seeds | test, mean | test, spread | widest, proven | baseline | saved | widest, observed | baseline | saved |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for claim in claims {
        let saved = |which: usize| {
            claim.saved[which].map_or("no baseline".into(), |s| format!("{:.0} %", s * 100.0))
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {:.2} | {} | {} | {:.2} | {} | {} |",
            claim.network,
            claim.rows.len(),
            percent(claim.accuracy),
            percent(claim.spread),
            claim.widest_bits[0],
            claim.baselines[0],
            saved(0),
            claim.widest_bits[1],
            claim.baselines[1],
            saved(1),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Method, claims::tests::table};
    use super::*;

    #[test]
    fn every_row_is_in_the_document_once() {
        let mut rows = table();
        let last = rows.len() - 1;
        let wide = &mut rows[last];
        (wide.weight_bits, wide.channels) = (Some(3), vec![9, 8]);
        let text = document(&rows, &["a machine".into()]);
        for row in rows.iter().filter(|row| row.method != Method::Float) {
            assert_eq!(text.matches(&format!("`{}`", row.name)).count(), 1);
        }
        assert!(text.contains("## MNIST") && !text.contains("## CIFAR-10"));
        assert!(
            text.contains("| 40 % |") && text.contains("| 38 % |"),
            "{text}"
        );
        assert!(text.contains("accuracy-mnist.svg") && text.ends_with("- a machine\n"));
        assert!(
            text.contains("`w2-s1` | 2 bits |")
                && text.contains("`t17` (9, 8 channels) | 2 to 3 bits |")
        );
        let columns = |line: &str| line.matches(" |").count();
        let lines: Vec<&str> = text.lines().filter(|l| l.starts_with('|')).collect();
        assert!(
            lines[..9].iter().all(|l| columns(l) == 13),
            "{:?}",
            &lines[..9]
        );
    }
}
