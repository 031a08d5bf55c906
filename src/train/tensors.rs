//! Tensor files (safetensors), and the hash of tensors.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use sha2::{Digest as _, Sha256};

use super::{
    TrainError,
    files::write_atomically,
    model::{Model, tensor, values},
    read,
};
use crate::{data::hex, file_kind::describe};

/// Largest size of a weight or checkpoint file, in bytes: a checkpoint holds weights, the best ones and two moments.
const MAX_BYTES: u64 = 4 << 30;

/// Named matrices in order of name.
pub(super) type NamedTensors = BTreeMap<String, ([usize; 2], Vec<f32>)>;

/// Collects the model's tensors, with `prefix` before each name.
pub(super) fn of_model(model: &Model, prefix: &str) -> Result<NamedTensors, TrainError> {
    model
        .params
        .iter()
        .map(|p| {
            Ok((
                format!("{prefix}{}", p.name),
                (p.value.dims(), values(&p.value)?),
            ))
        })
        .collect()
}

/// Writes tensors, with `metadata` in the header.
pub(super) fn save(
    path: &Path,
    named: &NamedTensors,
    metadata: &[(&str, String)],
) -> Result<(), TrainError> {
    let failed = |problem: String| TrainError::Weights {
        path: path.to_owned(),
        problem,
    };
    let bytes: Vec<(&String, Vec<usize>, Vec<u8>)> = named
        .iter()
        .map(|(name, (shape, v))| {
            (
                name,
                shape.to_vec(),
                v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            )
        })
        .collect();
    let mut views = Vec::with_capacity(bytes.len());
    for (name, shape, data) in &bytes {
        let view =
            TensorView::new(Dtype::F32, shape.clone(), data).map_err(|e| failed(e.to_string()))?;
        views.push((name.as_str(), view));
    }
    let header = metadata
        .iter()
        .map(|(k, v)| ((*k).to_owned(), v.clone()))
        .collect();
    let file = safetensors::serialize(views, Some(header)).map_err(|e| failed(e.to_string()))?;
    write_atomically(path, &file)
}

/// Reads the tensors and the header's metadata.
pub(super) fn load(path: &Path) -> Result<(NamedTensors, BTreeMap<String, String>), TrainError> {
    let failed = |problem: String| TrainError::Weights {
        path: path.to_owned(),
        problem,
    };
    let bytes = read::bytes(path, MAX_BYTES)?;
    let (_, header) =
        SafeTensors::read_metadata(&bytes).map_err(|error| unreadable(path, &bytes, &error))?;
    let metadata = header
        .metadata()
        .clone()
        .unwrap_or_default()
        .into_iter()
        .collect();
    let file = SafeTensors::deserialize(&bytes).map_err(|e| failed(e.to_string()))?;
    let mut named = NamedTensors::new();
    for (name, view) in file.tensors() {
        let (Dtype::F32, &[rows, columns]) = (view.dtype(), view.shape()) else {
            return Err(failed(format!(
                "tensor `{name}` is not a matrix of 32-bit floats"
            )));
        };
        let v = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        named.insert(name, ([rows, columns], v));
    }
    Ok((named, metadata))
}

/// Builds the error for a file whose bytes are no tensors: it names what they are, if that is known.
pub(super) fn unreadable(path: &Path, bytes: &[u8], error: &SafeTensorError) -> TrainError {
    let path = path.to_owned();
    match describe(bytes) {
        Some(kind) => TrainError::OtherKind {
            path,
            what: "file of tensors (safetensors)",
            kind,
        },
        None => TrainError::Weights {
            path,
            problem: format!("not a file of tensors (safetensors): {error}"),
        },
    }
}

/// Sets the model's tensors from those named `prefix` + name.
pub(super) fn into_model(
    model: &mut Model,
    named: &NamedTensors,
    prefix: &str,
    path: &Path,
) -> Result<(), TrainError> {
    for param in &mut model.params {
        let name = format!("{prefix}{}", param.name);
        let problem = match named.get(&name) {
            None => format!("tensor `{name}` is missing"),
            Some((shape, _)) if *shape != param.value.dims() => {
                format!(
                    "tensor `{name}` has shape {shape:?}, expected {:?}",
                    param.value.dims()
                )
            }
            Some((_, v)) if v.iter().any(|x| !x.is_finite()) => {
                format!("tensor `{name}` is not finite")
            }
            Some((shape, v)) => {
                param.value = tensor(v.clone(), *shape);
                continue;
            }
        };
        return Err(TrainError::Weights {
            path: path.to_owned(),
            problem,
        });
    }
    Ok(())
}

/// Computes SHA-256 over the names, shapes and values of all tensors in order of name. Equal weights give the same
/// hash, whatever way they are stored.
pub(super) fn hash(named: &NamedTensors) -> String {
    let mut hasher = Sha256::new();
    for (name, (shape, v)) in named {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        for &n in shape {
            hasher.update((n as u64).to_le_bytes());
        }
        for x in v {
            hasher.update(x.to_le_bytes());
        }
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_survive_a_file_and_damage_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.safetensors");
        let mut named = NamedTensors::new();
        named.insert("b".into(), ([1, 2], vec![1.5, -0.0]));
        named.insert("a".into(), ([2, 2], vec![1.0, 2.0, 3.0, f32::MIN_POSITIVE]));
        save(&path, &named, &[("k", "v".into())]).unwrap();
        let (back, metadata) = load(&path).unwrap();
        assert_eq!(back, named);
        assert_eq!(metadata["k"], "v");
        let before = hash(&named);
        assert_eq!(hash(&back), before);
        named.get_mut("b").unwrap().1[1] = 0.0;
        assert_ne!(hash(&named), before);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 3);
        std::fs::write(&path, bytes).unwrap();
        assert!(
            load(&path)
                .unwrap_err()
                .to_string()
                .contains("t.safetensors")
        );
    }
}
