//! The tables as a Markdown document.

use std::fmt::Write as _;

use super::{
    AccuracyRow, Baseline, Baselines, Choice, Claim, Claims, Saving,
    bars::bits_of,
    claims,
    row::grouped,
    ticks::{join, number},
};
use crate::data::DatasetName;

fn percent(share: f64) -> String {
    format!("{:.2}", share * 100.0)
}

/// Writes a document with the tables of `rows` (of any datasets), their comparison with the paper's claims, and `notes`
/// (what ran where) at the end. It links to the plots by the names under which [`plot_accuracy`](super::plot_accuracy)
/// and [`plot_layers`](super::plot_layers) are stored: `accuracy-<dataset>.svg` and `layers-<dataset>.svg`.
pub fn document(rows: &[AccuracyRow], notes: &[String]) -> String {
    let mut out = String::from(
        "# Accuracy\n\nWritten by `sealquant reproduce accuracy`. Bits are log2(2 * largest magnitude + 1); *proven* bits \
         hold for every input, *observed* ones for the images named below each table. t (or the product of several, by \
         CRT) and N follow from the observed bits unless a column says otherwise.\n",
    );
    for dataset in DatasetName::ALL {
        let of: Vec<AccuracyRow> = rows
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
        if let Some(claims) = claims(&of) {
            claim_table(&mut out, &claims);
        }
        recipes(&mut out, &of);
    }
    if !notes.is_empty() {
        out.push_str("\n## Runs\n\n");
        for note in notes {
            let _ = writeln!(out, "- {note}");
        }
    }
    out
}

fn table(out: &mut String, rows: &[AccuracyRow]) {
    out.push_str(
        "| network | weights | input | seed | test | validation | widest, proven | widest, observed | logits, observed | t | N | t, proven | N, proven |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let weights = match (row.narrowest_weight_bits, row.weight_bits) {
            (_, None) => "float".into(),
            (Some(least), Some(most)) if least < most => format!("{least} to {most} bits"),
            (_, Some(bits)) => format!("{bits} bits"),
        };
        // All other rows are compared with the first.
        let channels = if row.channels.is_empty() || row.channels == rows[0].channels {
            String::new()
        } else {
            format!(" ({} channels)", join(&row.channels, ", "))
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
    }
    let observed = rows.iter().filter_map(|row| {
        let widths = row.widths.as_ref()?;
        Some((widths.observed_on.as_str(), row.name.as_str()))
    });
    for (on, names) in grouped(observed) {
        let _ = write!(out, "\nObserved on {on}: {}.\n", names.join(", "));
    }
}

fn choice(choice: &Choice) -> String {
    match choice.plain_moduli.as_slice() {
        [] => "nothing fits | ".into(),
        [t] => format!("{t} | {}", choice.poly_modulus_degree),
        several => {
            let (count, degree) = (several.len(), choice.poly_modulus_degree);
            let most = bits_of(several).into_iter().max().unwrap_or(0);
            format!("{count} primes of up to {most} bits | {degree}")
        }
    }
}

/// Writes the comparison of the rows with the paper's claim, with the same tolerance for both sides and the claim as
/// the paper states it.
fn claim_table(out: &mut String, claims: &Claims) {
    let points = claims.tolerance * 100.0;
    let _ = write!(
        out,
        "\n### The widest integer against rounding alone\n\nThe paper claims {} % less and names no tolerance. Here a network is \
         good enough within {points:.1} points of the float network ({} % on test). The baseline is the rounded (PTQ) network \
         with the narrowest widest integer that is good enough, among all widths of 2 to 10 bits by both rules (`max` is the \
         paper's), 16 and 32: {}.\n\n",
        claims.paper_saves,
        percent(claims.float),
        baselines(&claims.baselines),
    );
    let _ = writeln!(
        out,
        "- **same tolerance**: the trained network must be good enough, too; otherwise \"too far below\".\n\
         - **baseline only**: the tolerance binds the baseline, and the trained network may lie anywhere."
    );
    if let (Some(accuracy), Some(paper)) = (claims.paper_float, &claims.paper_baselines) {
        let _ = writeln!(
            out,
            "- **paper's float**: both within {points:.1} points of the paper's own float network ({} %), which is less accurate \
             than this project's; the baseline is then {}.",
            percent(accuracy),
            baselines(paper),
        );
    }
    out.push_str(
        "\nSavings are by proven bounds / by the integers observed. A mean is good enough if its mean accuracy is. Networks marked \
         * were designed after these tables were seen.\n\n",
    );
    let (column, rule) = match claims.paper_float {
        Some(_) => (" paper's float |", " --- |"),
        None => ("", ""),
    };
    let _ = writeln!(
        out,
        "| network | row | test | below float, points | widest, proven | widest, observed | same tolerance | baseline only |{column}\n\
         | --- | --- | --- | ---: | ---: | ---: | --- | --- |{rule}"
    );
    for claim in &claims.networks {
        claim_row(out, claim, claims.float);
    }
    out.push('\n');
    for (later, words) in [
        (false, "of the rows by width"),
        (true, "of those designed later"),
    ] {
        let proven = claims.smallest(later, |claim| claim.proven_bits);
        let observed = claims.smallest(later, |claim| claim.observed_bits);
        let found = |claim: Option<&Claim>, share: fn(&Saving) -> Option<f64>| {
            claim.map_or("none".to_owned(), |claim| {
                let name = &claim.network;
                format!(
                    "{} ({name}, {} %)",
                    less(share(&claim.saved)),
                    percent(claim.accuracy)
                )
            })
        };
        let _ = writeln!(
            out,
            "With the same tolerance for both sides, {words}: proven {}; observed {}.",
            found(proven, |saved| saved.proven),
            found(observed, |saved| saved.observed),
        );
    }
}

fn claim_row(out: &mut String, claim: &Claim, float: f64) {
    let both = |saved: &Saving| format!("{} / {}", less(saved.proven), less(saved.observed));
    let judged = |within: bool, saved: &Saving| {
        if within {
            both(saved)
        } else {
            "too far below".to_owned()
        }
    };
    let row = match (&claim.row, claim.spread) {
        (Some(row), _) => format!("`{row}`"),
        (None, spread) => format!(
            "mean of {}, spread {}",
            claim.seeds,
            spread.map_or(String::new(), percent)
        ),
    };
    let _ = write!(
        out,
        "| {}{} | {row} | {} | {} | {:.2} | {:.2} | {} | {} |",
        claim.network,
        if claim.designed_later { "*" } else { "" },
        percent(claim.accuracy),
        number((float - claim.accuracy) * 100.0, 2),
        claim.proven_bits,
        claim.observed_bits,
        judged(claim.within, &claim.saved),
        both(&claim.saved),
    );
    if let (Some(within), Some(saved)) = (claim.within_paper, &claim.paper_saved) {
        let _ = write!(out, " {} |", judged(within, saved));
    }
    out.push('\n');
}

/// Describes a saved share as a change.
fn less(saved: Option<f64>) -> String {
    match saved.map(|share| (-100.0 * share).round()) {
        None => "no baseline".to_owned(),
        // Avoids "-0".
        Some(0.0) => "0 %".to_owned(),
        Some(change) => format!("{change:+.0} %"),
    }
}

fn baselines(of: &Baselines) -> String {
    let words = |baseline: &Option<Baseline>| {
        baseline.as_ref().map_or("none".to_owned(), |base| {
            format!(
                "`{}` ({} %, {:.2} bits)",
                base.name,
                percent(base.accuracy),
                base.bits
            )
        })
    };
    format!(
        "proven {}, observed {}",
        words(&of.proven),
        words(&of.observed)
    )
}

/// Lists how the weights of each row were made; seeds of one recipe are listed together.
fn recipes(out: &mut String, rows: &[AccuracyRow]) {
    let made = rows.iter().filter(|row| !row.recipe.is_empty());
    let recipes = grouped(made.map(|row| (&row.recipe, format!("`{}`", row.name))));
    if recipes.is_empty() {
        return;
    }
    out.push_str(
        "\n### Recipes\n\nThe paper trains with Adam at 0.001 in batches of 128, up to 150 epochs, and rounds by `max`. No row here is \
         trained by that recipe: all quantised ones that are trained start from a float network and learn from a teacher, and \
         what else they do is named.\n\n",
    );
    for (recipe, names) in recipes {
        let _ = writeln!(out, "- {}: {recipe}.", names.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Method,
        claims::tests::{four_bits, table},
    };
    use super::*;

    #[test]
    fn every_row_is_in_the_document() {
        let mut rows = table();
        let last = rows.len() - 1;
        let wide = &mut rows[last];
        (wide.weight_bits, wide.channels) = (Some(3), vec![9, 8]);
        // Like a row of an older document.
        rows[1].channels = Vec::new();
        let text = document(&rows, &["a machine".into()]);
        let (first, rest) = text
            .split_once("### The widest integer")
            .unwrap_or_default();
        for row in &rows {
            let name = format!("`{}`", row.name);
            assert_eq!(first.matches(&name).count(), 1, "{first}");
        }
        assert!(text.contains("## MNIST") && !text.contains("## CIFAR-10"));
        assert!(text.contains("accuracy-mnist.svg") && text.ends_with("- a machine\n"));
        assert!(
            text.contains("`w2-s1` | 2 bits |")
                && text.contains("`t17` (9, 8 channels) | 2 to 3 bits |")
        );
        assert!(!text.contains("( channels)"), "{text}");
        assert!(
            rest.contains("- `float`, `ptq2`, `ptq4`, `ptq8`, `w2-s1`, `w2-s2`, `t17`: a rule.\n")
        );
        tables_are_regular(&text);
    }

    /// Checks that each line of a table has as many columns as its head.
    fn tables_are_regular(text: &str) {
        let mut columns = None;
        for line in text.lines() {
            let count = line.matches('|').count();
            if !line.starts_with('|') {
                columns = None;
            } else if *columns.get_or_insert(count) != count {
                panic!("{line}");
            }
        }
    }

    #[test]
    fn claims_name_the_tolerance_the_baseline_and_the_seeds() {
        let mut rows = table();
        rows.push(four_bits(Method::Qat, "w4-s1", 0.989, [45.0, 36.0]));
        let text = document(&rows, &[]);
        for words in [
            "proven `ptq4` (98.80 %, 50.00 bits), observed `ptq4` (98.80 %, 40.00 bits)",
            "within 0.3 points of the float network (99.00 % on test)",
            "| 2 bits | `w2-s1` | 98.50 | 0.50 | 31.00 | 24.00 | too far below | -38 % / -40 % | -38 % / -40 % |",
            "| 2 bits | mean of 2, spread 0.10 | 98.55 |",
            "| 4 bits | `w4-s1` | 98.90 | 0.10 | 45.00 | 36.00 | -10 % / -10 % | -10 % / -10 % | -10 % / -10 % |",
            "| t17* | `t17` | 98.00 | 1.00 | 22.00 | 17.20 | too far below | -56 % / -57 % | too far below |",
            "of the rows by width: proven -10 % (4 bits, 98.90 %); observed -10 % (4 bits, 98.90 %).",
            "of those designed later: proven none; observed none.",
        ] {
            assert!(text.contains(words), "{words} is missing in:\n{text}");
        }
        assert!(
            !text.contains("spread 0.00") && !text.contains("-0.00"),
            "{text}"
        );
        tables_are_regular(&text);
    }

    #[test]
    fn a_change_has_a_sign_and_no_negative_zero() {
        assert_eq!(less(Some(0.334)), "-33 %");
        assert_eq!(less(Some(-0.25)), "+25 %");
        assert_eq!(less(Some(0.001)), "0 %");
        assert_eq!(less(None), "no baseline");
    }
}
