//! Shows the classes of images.

use super::table;

/// Largest number of images that are listed one by one.
const LISTED: usize = 20;

/// An image and the class it is read as.
pub(super) struct Seen {
    /// Its name or its number.
    pub(super) image: String,
    /// The class it is read as.
    pub(super) class: usize,
    /// The largest logit, as a real number.
    pub(super) score: Option<f64>,
    /// The class it has.
    pub(super) label: Option<usize>,
}

/// Shows a few images one by one, or, for more images, one line for each class: for each label, if all images have one.
pub(super) fn class_table<N: AsRef<str>>(names: &[N], images: &[Seen]) -> String {
    let name = |class: usize| {
        let name = names.get(class).map(|name| name.as_ref().to_owned());
        name.unwrap_or_else(|| class.to_string())
    };
    if images.len() <= LISTED {
        let rows = images.iter().map(|seen| {
            let right = |label| {
                if label == seen.class {
                    "right"
                } else {
                    "wrong"
                }
            };
            vec![
                seen.image.clone(),
                name(seen.class),
                seen.score
                    .map_or_else(String::new, |score| format!("{score:.3}")),
                seen.label.map_or_else(String::new, name),
                seen.label.map_or("", right).to_owned(),
            ]
        });
        return table::columns(&["image", "class", "score", "label", "that is"], rows);
    }
    let pairs: Option<Vec<(usize, usize)>> = images
        .iter()
        .map(|seen| Some((seen.class, seen.label?)))
        .collect();
    let Some(pairs) = pairs else {
        let rows = (0..names.len()).filter_map(|class| {
            let count = images.iter().filter(|seen| seen.class == class).count();
            (count > 0).then(|| vec![name(class), table::thousands(count)])
        });
        return table::columns(&["class", "images"], rows);
    };
    let rows = (0..names.len()).filter_map(|class| {
        let images = pairs.iter().filter(|pair| pair.1 == class).count();
        let taken = |other: usize| pairs.iter().filter(|pair| **pair == (other, class)).count();
        let right = taken(class);
        // The class it is most often mistaken for, if it is not recognised.
        let others = (0..names.len()).filter(|&other| other != class);
        let other = others.max_by_key(|&other| (taken(other), std::cmp::Reverse(other)));
        let other = other.filter(|&other| taken(other) > 0);
        (images > 0).then(|| {
            let other = other.map(|other| format!("{} ({})", name(other), taken(other)));
            vec![
                name(class),
                table::thousands(images),
                table::thousands(right),
                table::percent(right as f64 / images as f64),
                other.unwrap_or_default(),
            ]
        })
    });
    table::columns(
        &["label", "images", "right", "share", "else mostly read as"],
        rows,
    )
}
