//! Generates the reference page of configurations, docs/CONFIG.md, from the types.

use std::{fmt::Write as _, path::Path};

use serde_json::{Value, json};

use super::*;

const COMMAND: &str = "SEALQUANT_WRITE_DOCS=1 cargo test --lib the_reference_page";

/// Returns a configuration that sets every field, for the examples. Its network is small and quantised.
fn sample() -> Value {
    json!({
        "name": "small-w3",
        "dataset": "mnist",
        "seed": 1,
        "network": {
            "input": [1, 28, 28],
            "layers": [
                {"conv2d": {"out_channels": 5, "kernel": [5, 5], "stride": [2, 2], "padding": [1, 1]}},
                "square",
                {"sum-pool": {"kernel": [2, 2], "stride": [2, 2]}},
                "flatten",
                {"linear": {"out_features": 10}}
            ]
        },
        "input_thresholds": [85, 170, 255],
        "validation_images": 5000,
        "epochs": 20,
        "batch_size": 128,
        "optimizer": {
            "learning_rate": 0.002,
            "schedule": "cosine",
            "warmup_steps": 200,
            "clip_norm": 1.0,
            "weight_decay": 0.01,
            "first_layer_factor": 0.5,
            "bias_factor": 0.5,
            "scale_factor": 0.1
        },
        "batch_norm": false,
        "norm_gamma": 0.5,
        "label_smoothing": 0.05,
        "augmentation": {"rotation": 10.0, "scale": 0.1, "shift": 1.5, "shear": 0.1, "flip": true, "crop": 2},
        "distillation": {"teacher": "models/mnist-teacher", "weight": 0.7, "temperature": 3.0},
        "quantization": {
            "parent": "runs/small-float",
            "n_bits": 3,
            "rules": [{"top-k": {"keep": 8, "limit": 3}}, "learned"],
            "start": "equalized",
            "anneal": 0.4,
            "freeze": [0.6],
            "center_output": true,
            "plain_moduli": [65537, 114_689],
            "normalize": true
        }
    })
}

/// Returns the encoding that replaces the thresholds.
fn encoding() -> Value {
    json!({
        "channels": [{"mix": [77, 150, 29], "unit": 256, "center": {"mean": [1, 1]}}, {"mix": [77, 150, 29], "unit": 256, "center": {"blur": 2}}],
        "floor": 4,
        "thresholds": [-50, 50]
    })
}

/// Each type of the schema: its name, its title on the page, and the place in [`sample`] with examples of its fields.
const TYPES: [(&str, &str, &str); 12] = [
    ("TrainConfig", "The configuration", ""),
    ("NetworkSpec", "`network`", "/network"),
    (
        "LayerSpec",
        "A layer of `network.layers`",
        "/network/layers",
    ),
    ("InputEncoding", "`input_encoding`", "/input_encoding"),
    (
        "EncodedChannel",
        "A channel of `input_encoding.channels`",
        "/input_encoding/channels/0",
    ),
    (
        "Center",
        "`center` of a channel",
        "/input_encoding/channels",
    ),
    ("OptimizerConfig", "`optimizer`", "/optimizer"),
    ("AugmentConfig", "`augmentation`", "/augmentation"),
    ("DistillConfig", "`distillation`", "/distillation"),
    ("QatConfig", "`quantization`", "/quantization"),
    (
        "WeightRule",
        "A rule of `quantization.rules`",
        "/quantization/rules",
    ),
    ("DatasetName", "`dataset`", "/dataset"),
];
/// Types that take one of a few words; they are shown with the field that has them.
const WORDS: [&str; 2] = ["Schedule", "QatStart"];

/// Returns the sample with both kinds of input, for looking up examples. No real configuration may have both.
fn examples() -> Value {
    let mut sample = sample();
    sample["input_encoding"] = encoding();
    sample
}

struct Page {
    schema: Value,
    examples: Value,
}

impl Page {
    fn new() -> Self {
        let schema = serde_json::to_value(schemars::schema_for!(TrainConfig)).unwrap();
        Self {
            schema,
            examples: examples(),
        }
    }

    fn of(&self, name: &str) -> &Value {
        if name == "TrainConfig" {
            &self.schema
        } else {
            &self.schema["$defs"][name]
        }
    }

    /// Returns the name of the type that a field refers to, if it does.
    fn reference(schema: &Value) -> Option<String> {
        let direct = schema["$ref"].as_str();
        let inner = schema["anyOf"]
            .as_array()
            .and_then(|any| any.iter().find_map(|one| one["$ref"].as_str()));
        direct
            .or(inner)
            .and_then(|path| path.rsplit('/').next())
            .map(str::to_owned)
    }

    /// Describes the type in a word or two.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = Self::reference(schema) {
            return if WORDS.contains(&name.as_str()) {
                let words: Vec<String> = variants(self.of(&name))
                    .into_iter()
                    .map(|(word, _, _)| format!("`\"{word}\"`"))
                    .collect();
                words.join(" or ")
            } else {
                let title = TYPES.iter().find(|(known, _, _)| *known == name);
                let (_, title, _) = title.unwrap_or_else(|| panic!("no section for {name}"));
                format!("[{}](#{})", title.replace('`', ""), anchor(title))
            };
        }
        let kind = match &schema["type"] {
            Value::String(kind) => kind.as_str(),
            Value::Array(kinds) => kinds[0].as_str().unwrap(),
            other => panic!("no type: {other} in {schema}"),
        };
        match kind {
            "array" => match schema["minItems"].as_u64() {
                Some(n) if schema["maxItems"] == schema["minItems"] => {
                    format!("{n} of: {}", self.kind(&schema["items"]))
                }
                _ => format!("list of: {}", self.kind(&schema["items"])),
            },
            "integer" => "integer".into(),
            "number" => "number".into(),
            "string" => "text".into(),
            "boolean" => "`true` or `false`".into(),
            other => panic!("a type not on the page: {other}"),
        }
    }

    fn write_fields(&self, page: &mut String, schema: &Value, at: &str) {
        page.push_str("| field | type | default | range | meaning | example |\n");
        page.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for (name, field) in schema["properties"].as_object().unwrap() {
            let example = self.example(at, name);
            writeln!(
                page,
                "| `{name}` | {} | {} | {} | {} | {example} |",
                self.kind(field),
                default(schema, name).map_or_else(|| "required".to_owned(), |d| shown(&d)),
                range(field),
                words(field),
            )
            .unwrap();
        }
        page.push('\n');
    }

    /// Finds an example for a field of the object at `at`, or of the one object in the list there that has the field.
    fn example(&self, at: &str, name: &str) -> String {
        let here = self.examples.pointer(at).unwrap();
        let found = here.get(name).or_else(|| {
            let list = here.as_array()?;
            list.iter()
                .filter_map(Value::as_object)
                .flat_map(serde_json::Map::values)
                .find_map(|inner| inner.get(name))
        });
        let example = found.unwrap_or_else(|| panic!("no example of {at}/{name}"));
        let text = example.to_string();
        match example {
            Value::Object(_) | Value::Array(_) if text.len() > 60 => "see below".to_owned(),
            _ => format!("`{text}`"),
        }
    }

    /// Lists all objects of the sample that the page describes: the type, the object's place, and its schema.
    fn objects(&self) -> Vec<(&'static str, String, Value)> {
        let mut found = Vec::new();
        for (name, _, at) in TYPES {
            let schema = self.of(name);
            if schema["properties"].is_object() {
                found.push((name, at.to_owned(), schema.clone()));
                continue;
            }
            let list = self.examples.pointer(at).and_then(Value::as_array);
            for (index, item) in list.into_iter().flatten().enumerate() {
                for (word, _, fields) in variants(schema) {
                    let fields = fields.filter(|fields| fields["properties"].is_object());
                    if let (Some(fields), Some(_)) = (fields, item.get(&word)) {
                        found.push((name, format!("{at}/{index}/{word}"), fields));
                    }
                }
            }
        }
        found
    }

    fn write(&self) -> String {
        let mut page = String::from(
            "# Training configurations\n\n\
             Every field of the JSON file that `sealquant train --config FILE` reads. [TRAINING.md](TRAINING.md) says what the\n\
             fields are for, [configs/](../configs/README.md) holds whole configurations. An unknown field is an error, and so is a\n\
             value that no integer network could have: all of it is checked before the first epoch.\n\n",
        );
        writeln!(
            page,
            "This page is written from the types by `{COMMAND}`; a test fails if it is out of date.\n"
        )
        .unwrap();
        for (name, title, at) in TYPES {
            let schema = self.of(name);
            writeln!(page, "## {title}\n\n{}\n", words(schema)).unwrap();
            if schema["properties"].is_object() {
                self.write_fields(&mut page, schema, at);
                continue;
            }
            for (word, meaning, fields) in variants(schema) {
                match fields {
                    None => writeln!(page, "- `\"{word}\"`: {meaning}").unwrap(),
                    Some(fields) if fields["properties"].is_object() => {
                        writeln!(page, "- `{{\"{word}\": {{...}}}}`: {meaning}\n").unwrap();
                        self.write_fields(&mut page, &fields, at);
                    }
                    Some(fields) => {
                        let list = self.examples.pointer(at).and_then(Value::as_array).unwrap();
                        let one = list.iter().map(|item| &item["center"][&word]);
                        let one = one.into_iter().find(|v| !v.is_null()).unwrap();
                        let kind = self.kind(&fields);
                        writeln!(page, "- `{{\"{word}\": {one}}}` ({kind}): {meaning}").unwrap();
                    }
                }
            }
            while !page.ends_with("\n\n") {
                page.push('\n');
            }
        }
        let json = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        writeln!(
            page,
            "## An example with every field\n\n```json\n{}\n```\n\n\
             For colour images, an `input_encoding` of two channels could take the place of `input_thresholds` (and\n\
             `network.input` would begin with 2):\n\n```json\n{}\n```",
            json(&sample()),
            json(&encoding())
        )
        .unwrap();
        page
    }
}

/// Returns GitHub's anchor for a heading.
fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c),
            _ => None,
        })
        .collect()
}

/// Returns the doc comment in one line.
fn words(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Links within the API documentation lead nowhere on this page.
    let text = text.replace("](Self::floor)", "]");
    let text = text.replace("[`", "`").replace("`]", "`");
    assert!(
        !text.contains("::"),
        "a name of the API on the page: {text}"
    );
    text
}

/// Returns the default of a field that may be left out.
fn default(schema: &Value, name: &str) -> Option<Value> {
    let required = schema["required"].as_array();
    if required.is_some_and(|names| names.iter().any(|n| n == name)) {
        return None;
    }
    let field = &schema["properties"][name];
    Some(match field.get("default") {
        Some(value) => value.clone(),
        None if field["type"] == "array" => json!([]),
        None => Value::Null,
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        value => format!("`{value}`"),
    }
}

fn range(field: &Value) -> String {
    let bound = |name: &str| field[name].as_f64().map(|x| x.to_string());
    let mut parts = Vec::new();
    if let Some(low) = bound("minimum") {
        parts.push(format!("from {low}"));
    }
    if let Some(low) = bound("exclusiveMinimum") {
        parts.push(format!("above {low}"));
    }
    if let Some(high) = bound("maximum") {
        parts.push(format!("to {high}"));
    }
    if let Some(high) = bound("exclusiveMaximum") {
        parts.push(format!("below {high}"));
    }
    if parts.is_empty() && field["items"].is_object() {
        return match range(&field["items"]) {
            inner if inner.is_empty() => inner,
            inner => format!("each {inner}"),
        };
    }
    parts.join(" ")
}

/// Lists the values of an enumeration: the word, its meaning, and the schema of its content.
fn variants(schema: &Value) -> Vec<(String, String, Option<Value>)> {
    let mut found = Vec::new();
    for one in schema["oneOf"].as_array().unwrap() {
        if let Some(word) = one["const"].as_str() {
            found.push((word.to_owned(), words(one), None));
        } else if let Some(list) = one["enum"].as_array() {
            let word = |w: &Value| (w.as_str().unwrap().to_owned(), words(one), None);
            found.extend(list.iter().map(word));
        } else {
            for (word, fields) in one["properties"].as_object().unwrap() {
                found.push((word.clone(), words(one), Some(fields.clone())));
            }
        }
    }
    found
}

#[test]
fn the_reference_page_of_configurations_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CONFIG.md");
    let page = Page::new().write();
    if std::env::var_os("SEALQUANT_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = there.lines().zip(page.lines());
    let differs = lines.enumerate().find(|(_, (there, now))| there != now);
    assert!(
        there == page,
        "docs/CONFIG.md is out of date; write it anew: {COMMAND}\nfirst difference (line from 0, there, now): {differs:#?}"
    );
}

fn parsed(value: &Value) -> Result<TrainConfig, String> {
    let config: TrainConfig =
        serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    config.validate().map_err(|error| error.to_string())?;
    Ok(config)
}

/// Returns the sample, with an encoding in place of the thresholds if `at` lies in it.
fn sample_for(at: &str) -> Value {
    let mut sample = sample();
    if at.starts_with("/input_encoding") {
        sample.as_object_mut().unwrap().remove("input_thresholds");
        sample["input_encoding"] = encoding();
        sample["network"]["input"][0] = json!(2);
    }
    sample
}

/// Checks that every default and every range on the page matches the program.
#[test]
fn defaults_and_ranges_on_the_page_are_true() {
    parsed(&sample_for("")).unwrap();
    parsed(&sample_for("/input_encoding")).unwrap();
    let page = Page::new();
    let (mut defaults, mut bounds) = (0, 0);
    for (name, at, schema) in page.objects() {
        for (field, of) in schema["properties"].as_object().unwrap() {
            let base = sample_for(&at);
            let with = |value: Option<Value>| {
                let mut changed = base.clone();
                let object = changed.pointer_mut(&at).unwrap().as_object_mut().unwrap();
                match value {
                    Some(value) => object.insert(field.clone(), value),
                    None => object.remove(field),
                };
                changed
            };
            let read = |value: &Value| serde_json::from_value::<TrainConfig>(value.clone());
            match default(&schema, field) {
                None => assert!(read(&with(None)).is_err(), "{name}.{field} is required"),
                Some(default) => {
                    let (left_out, given) = (read(&with(None)), read(&with(Some(default))));
                    assert_eq!(left_out.unwrap(), given.unwrap(), "{name}.{field}");
                    defaults += 1;
                }
            }
            let is_list = of["items"].is_object();
            let limits = if is_list { &of["items"] } else { of };
            let wrap = |x: f64| {
                let x = if limits["type"] == "integer" {
                    json!(x as i64)
                } else {
                    json!(x)
                };
                // A list of one number stands for its elements; pairs and triples have a fixed length.
                let count = of["minItems"].as_u64().unwrap_or(1).max(1) as usize;
                if is_list { json!(vec![x; count]) } else { x }
            };
            let outside = [
                limits["minimum"].as_f64().map(|x| x - 1.0),
                limits["exclusiveMinimum"].as_f64(),
                limits["maximum"].as_f64().map(|x| x + 1.0),
                limits["exclusiveMaximum"].as_f64(),
            ];
            for x in outside.into_iter().flatten() {
                // Skip values beyond what a 64-bit JSON integer can hold.
                if x.abs() < 1e18 {
                    let found = parsed(&with(Some(wrap(x))));
                    assert!(found.is_err(), "{name}.{field} = {x} is accepted");
                    bounds += 1;
                }
            }
        }
    }
    assert!(defaults >= 25 && bounds >= 50, "{defaults} {bounds}");
}
