//! Tests of the stores: nothing is used twice, whatever ends a process, and whoever asks at the same time.

use super::secrets::SecretForm;
use super::{PadStore, PadStoreError, PreparedPadStore};
use crate::engine::{Contexts, PadNumber, PadSecret, PreparedPad, SpecFingerprint};
use crate::seal::{Ciphertext, Context, ParametersLiteral, SecurityLevel};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// Names the step at which the process is to end.
const CRASH_AT: &str = "SEALQUANT_TEST_CRASH_AT";
/// Names what a child process does, and its folder.
const CHILD: &str = "SEALQUANT_TEST_PADS";
const FOLDER: &str = "SEALQUANT_TEST_FOLDER";

/// Ends the process, as if it were killed, if this is the step to do so.
pub(super) fn reached(step: &str) {
    if env::var_os(CRASH_AT).is_some_and(|at| at == step) {
        std::process::abort();
    }
}

fn form() -> SecretForm {
    SecretForm {
        fingerprint: SpecFingerprint([3; 16]),
        plain_moduli: vec![97, 193],
        values: 5,
    }
}

fn number(index: u8) -> PadNumber {
    PadNumber([index; 16])
}

fn secret(index: u8) -> PadSecret {
    let residues = |t: u64| {
        (0..5)
            .map(|value| (u64::from(index) * 7 + value) % t)
            .collect()
    };
    PadSecret {
        number: number(index),
        fingerprint: form().fingerprint,
        residues: [97, 193].map(|t| Zeroizing::new(residues(t))).into(),
    }
}

fn secrets(folder: &Path) -> PadStore {
    PadStore::of_form(folder, form()).unwrap()
}

/// Makes contexts that are far too small to hide anything.
fn contexts() -> Contexts {
    let context = Context::from_literal(&ParametersLiteral {
        poly_modulus_degree: 16,
        coeff_modulus: vec![1_073_741_441, 2_147_483_489, 4_294_966_657],
        plain_modulus: 97,
        security: SecurityLevel::None,
    });
    Contexts::from_contexts(vec![context.unwrap()], 1, 1, false).unwrap()
}

fn prepared(contexts: &Contexts, index: u8) -> PreparedPad {
    let context = &contexts.contexts()[0];
    let limbs: Vec<u64> = (0..2 * 16).map(|word| word + u64::from(index)).collect();
    let level = context.data_levels()[1].parms_id;
    PreparedPad {
        number: number(index),
        first_layer: [7; 16],
        keys: [8; 16],
        parts: vec![vec![
            Ciphertext::from_limbs(context, level, 2, true, &limbs).unwrap(),
        ]],
    }
}

/// Starts a process that runs the test `child`.
fn start(what: &str, folder: &Path, crash_at: Option<&str>) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "pads::tests::child",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, what)
        .env(FOLDER, folder)
        .env_remove(CRASH_AT)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(step) = crash_at {
        command.env(CRASH_AT, step);
    }
    command.spawn().unwrap()
}

/// Returns the numbers that a process was handed.
fn handed(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter_map(|line| line.split_once("handed "));
    lines.map(|(_, number)| number.to_owned()).collect()
}

fn hand(number: PadNumber) {
    // In one piece: several threads of the test harness may write.
    println!("\nhanded {number}");
    reached("handed");
}

/// Does what the environment says, in a process of its own. Without it, nothing.
#[test]
fn child() {
    let (Ok(what), Some(folder)) = (env::var(CHILD), env::var_os(FOLDER)) else {
        return;
    };
    let folder = Path::new(&folder);
    match what.as_str() {
        "take secret" => hand(secrets(folder).take().unwrap().number),
        "take all secrets" => {
            let store = secrets(folder);
            loop {
                match store.take() {
                    Ok(secret) => hand(secret.number),
                    Err(PadStoreError::Empty { .. }) => return,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        "put secret" => secrets(folder).put(secret(9)).unwrap(),
        "take prepared" => {
            let store = PreparedPadStore::open(folder).unwrap();
            hand(store.take(&contexts(), number(1)).unwrap().number());
        }
        "take all prepared" => {
            let (store, contexts) = (PreparedPadStore::open(folder).unwrap(), contexts());
            for index in 0..40 {
                match store.take(&contexts, number(index)) {
                    Ok(pad) => hand(pad.number()),
                    Err(PadStoreError::Used { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        other => panic!("no task {other}"),
    }
}

#[test]
fn a_secret_comes_back_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/pads");
    let store = secrets(&path);
    assert!(matches!(
        store.take(),
        Err(PadStoreError::Empty { others: 0, .. })
    ));
    for index in 0..3 {
        store.put(secret(index)).unwrap();
    }
    assert!(matches!(
        store.put(secret(1)),
        Err(PadStoreError::Exists { number }) if number == self::number(1)
    ));
    #[cfg(unix)]
    for entry in fs::read_dir(&path)
        .unwrap()
        .chain(fs::read_dir(path.parent().unwrap()).unwrap())
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
    let mut taken = BTreeMap::new();
    for left in (0..3).rev() {
        let secret = secrets(&path).take().unwrap();
        assert_eq!(store.count().unwrap(), left);
        taken.insert(secret.number, secret.residues);
    }
    for (index, (number, residues)) in (0..).zip(taken) {
        assert_eq!(
            (number, residues),
            (self::number(index), secret(index).residues)
        );
    }
    assert!(matches!(store.take(), Err(PadStoreError::Empty { .. })));
}

#[test]
fn a_pad_of_another_deployment_is_neither_taken_nor_stored() {
    let folder = TempDir::new().unwrap();
    secrets(folder.path()).put(secret(1)).unwrap();
    let other = SecretForm {
        fingerprint: SpecFingerprint([4; 16]),
        plain_moduli: vec![97, 193, 257],
        values: 9,
    };
    let other = PadStore::of_form(folder.path(), other).unwrap();
    assert!(matches!(
        other.take(),
        Err(PadStoreError::Empty { others: 1, .. })
    ));
    assert!(matches!(
        other.put(secret(2)),
        Err(PadStoreError::Engine(_))
    ));
    assert_eq!(other.count().unwrap(), 1);
    assert_eq!(secrets(folder.path()).take().unwrap().number, number(1));
}

#[test]
fn damaged_secrets_are_refused_and_named() {
    let folder = TempDir::new().unwrap();
    let good = form().encode(&secret(1)).to_vec();
    let path = folder.path().join(format!("{}.secret", number(1)));
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match secrets(folder.path()).take() {
            Err(PadStoreError::Damaged {
                path: named,
                reason,
            }) => {
                assert_eq!(named, path);
                assert!(path.exists());
                reason
            }
            other => panic!("{other:?}"),
        }
    };
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(refused(&[]), "it is too short");
    assert_eq!(refused(&changed(0, 0)), "it does not hold a pad's secret");
    assert_eq!(refused(&changed(4, 9)), "it has another version");
    assert_eq!(refused(&changed(30, 9)), "its name is that of another pad");
    assert_eq!(refused(&changed(41, 0xFF)), "its checksum is wrong");
    assert_eq!(refused(&good[..good.len() - 1]), "its length is wrong");
    assert_eq!(
        refused(&[good.as_slice(), &[0; 99]].concat()),
        "its length is wrong"
    );
    // A checksum that fits, over a residue that is too large.
    let mut bytes = changed(40, 0xFF);
    let end = bytes.len() - 8;
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(refused(&bytes), "a number in it is too large");
    // Every byte matters, and what is accepted is what was written.
    for (at, byte) in good.iter().enumerate() {
        fs::write(&path, changed(at, byte ^ 1)).unwrap();
        assert!(secrets(folder.path()).take().is_err(), "byte {at}");
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(
        secrets(folder.path()).take().unwrap().residues,
        secret(1).residues
    );
}

#[test]
fn folders_with_other_things_and_missing_ones_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pads");
    let store = secrets(&path);
    fs::write(path.join("notes.txt"), "x").unwrap();
    let refused = PadStore::of_form(&path, form()).unwrap_err();
    assert!(matches!(&refused, PadStoreError::Foreign { path } if path.ends_with("notes.txt")));
    assert!(matches!(
        PreparedPadStore::open(&path),
        Err(PadStoreError::Foreign { .. })
    ));
    fs::remove_file(path.join("notes.txt")).unwrap();
    // A server's folder is none of a client's.
    let served = folder.path().join("prepared");
    let server = PreparedPadStore::open(&served).unwrap();
    server.put(&contexts(), prepared(&contexts(), 1)).unwrap();
    assert!(matches!(
        PadStore::of_form(&served, form()),
        Err(PadStoreError::Foreign { .. })
    ));
    // A file in its place, and a folder that went.
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(matches!(
        PreparedPadStore::open(&file),
        Err(PadStoreError::Io {
            doing: "creating the folder",
            ..
        })
    ));
    fs::remove_dir_all(&path).unwrap();
    assert!(matches!(
        store.take(),
        Err(PadStoreError::Io {
            doing: "reading the folder",
            ..
        })
    ));
    assert!(matches!(
        store.put(secret(1)),
        Err(PadStoreError::Io {
            doing: "writing",
            ..
        })
    ));
    assert!(!path.exists());
}

#[test]
fn a_prepared_pad_serves_once() {
    let folder = TempDir::new().unwrap();
    let contexts = contexts();
    let store = PreparedPadStore::open(folder.path()).unwrap();
    for index in 0..3 {
        store.put(&contexts, prepared(&contexts, index)).unwrap();
    }
    assert!(matches!(
        store.put(&contexts, prepared(&contexts, 1)),
        Err(PadStoreError::Exists { .. })
    ));
    assert_eq!(store.count().unwrap(), 3);
    let pad = store.take(&contexts, number(1)).unwrap();
    let expected = prepared(&contexts, 1);
    assert_eq!(pad.parts[0][0].limbs(), expected.parts[0][0].limbs());
    assert_eq!(
        (pad.keys, pad.first_layer),
        (expected.keys, expected.first_layer)
    );
    for store in [store, PreparedPadStore::open(folder.path()).unwrap()] {
        let refused = store.take(&contexts, number(1)).unwrap_err();
        assert!(matches!(refused, PadStoreError::Used { .. }));
        assert!(refused.to_string().contains("has been used"), "{refused}");
        // Not even if it is sent and prepared anew.
        assert!(matches!(
            store.put(&contexts, prepared(&contexts, 1)),
            Err(PadStoreError::Used { .. })
        ));
        assert!(matches!(
            store.take(&contexts, number(8)),
            Err(PadStoreError::Unknown { .. })
        ));
        assert_eq!(store.count().unwrap(), 2);
    }
    // A pad that was put back by hand is refused, and removed.
    let name = |index, ending: &str| folder.path().join(format!("{}.{ending}", number(index)));
    fs::copy(name(2, "prepared"), name(1, "prepared")).unwrap();
    let store = PreparedPadStore::open(folder.path()).unwrap();
    assert!(!name(1, "prepared").exists());
    // Another pad's bytes under this name.
    fs::copy(name(2, "prepared"), name(5, "prepared")).unwrap();
    assert!(matches!(
        store.take(&contexts, number(5)),
        Err(PadStoreError::Engine(_))
    ));
    fs::write(name(5, "prepared"), "damaged").unwrap();
    assert!(matches!(
        store.take(&contexts, number(5)),
        Err(PadStoreError::Prepared { .. })
    ));
    assert!(!name(5, "used").exists());
}

/// Ends processes at each step of taking a secret, and checks that what one was handed is not handed out again.
#[test]
fn a_killed_client_loses_a_pad_at_most() {
    for (step, left) in [("read", 2), ("removed", 1), ("synced", 1), ("handed", 1)] {
        let folder = TempDir::new().unwrap();
        for index in 0..2 {
            secrets(folder.path()).put(secret(index)).unwrap();
        }
        let output = start("take secret", folder.path(), Some(step));
        let output = output.wait_with_output().unwrap();
        assert!(!output.status.success(), "{step}");
        let mut all = handed(&output);
        assert_eq!(all.len(), usize::from(step == "handed"), "{step}");
        let store = secrets(folder.path());
        assert_eq!(store.count().unwrap(), left, "{step}");
        while let Ok(secret) = store.take() {
            all.push(secret.number.to_string());
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{step}");
    }
}

/// Ends processes at each step of taking a prepared pad, and checks that it is refused afterwards.
#[test]
fn a_killed_server_loses_a_pad_at_most() {
    let contexts = contexts();
    for step in ["read", "marked", "synced", "removed", "handed"] {
        let folder = TempDir::new().unwrap();
        let store = PreparedPadStore::open(folder.path()).unwrap();
        store.put(&contexts, prepared(&contexts, 1)).unwrap();
        let output = start("take prepared", folder.path(), Some(step));
        let output = output.wait_with_output().unwrap();
        assert!(!output.status.success(), "{step}");
        assert_eq!(
            handed(&output).len(),
            usize::from(step == "handed"),
            "{step}"
        );
        for store in [store, PreparedPadStore::open(folder.path()).unwrap()] {
            assert_eq!(
                store.count().unwrap(),
                usize::from(step == "read"),
                "{step}"
            );
        }
        let store = PreparedPadStore::open(folder.path()).unwrap();
        match store.take(&contexts, number(1)) {
            Ok(_) => assert_eq!(step, "read"),
            Err(error) => assert!(
                matches!(error, PadStoreError::Used { .. }),
                "{step}: {error}"
            ),
        }
    }
}

/// Kills processes at moments that nobody chose while they take one pad after the other.
#[test]
fn a_process_that_is_killed_at_any_moment_hands_out_nothing_twice() {
    let contexts = contexts();
    for round in 0..8 {
        let (clients, servers) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let store = PreparedPadStore::open(servers.path()).unwrap();
        for index in 0..40 {
            secrets(clients.path()).put(secret(index)).unwrap();
            store.put(&contexts, prepared(&contexts, index)).unwrap();
        }
        for (what, folder) in [
            ("take all secrets", &clients),
            ("take all prepared", &servers),
        ] {
            let mut child = start(what, folder.path(), None);
            std::thread::sleep(std::time::Duration::from_millis(5 + 3 * round));
            // SIGKILL, unless it has ended.
            let _ = child.kill();
            let mut all = handed(&child.wait_with_output().unwrap());
            if what == "take all secrets" {
                let store = secrets(clients.path());
                all.extend(
                    std::iter::from_fn(|| store.take().ok())
                        .map(|secret| secret.number.to_string()),
                );
            } else {
                let store = PreparedPadStore::open(servers.path()).unwrap();
                let numbers = (0..40).map(number);
                all.extend(
                    numbers
                        .filter_map(|number| store.take(&contexts, number).ok())
                        .map(|pad| pad.number().to_string()),
                );
            }
            let handed_out = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), handed_out, "{what}");
            assert!(handed_out >= 39, "{what}: {handed_out}");
        }
    }
}

#[test]
fn several_processes_never_get_the_same_pad() {
    let contexts = contexts();
    let (clients, servers) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = PreparedPadStore::open(servers.path()).unwrap();
    for index in 0..40 {
        secrets(clients.path()).put(secret(index)).unwrap();
        store.put(&contexts, prepared(&contexts, index)).unwrap();
    }
    for (what, folder) in [
        ("take all secrets", &clients),
        ("take all prepared", &servers),
    ] {
        let children = [(); 4].map(|()| start(what, folder.path(), None));
        let mut all = Vec::new();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            all.extend(handed(&output));
        }
        all.sort();
        let expected: Vec<String> = (0..40).map(|index| number(index).to_string()).collect();
        assert_eq!(all, expected, "{what}");
    }
}

#[test]
fn several_threads_never_get_the_same_pad() {
    let folder = TempDir::new().unwrap();
    for index in 0..40 {
        secrets(folder.path()).put(secret(index)).unwrap();
    }
    let take = || {
        let store = secrets(folder.path());
        std::iter::from_fn(|| store.take().ok())
            .map(|secret| secret.number)
            .collect::<Vec<_>>()
    };
    let mut all: Vec<PadNumber> = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(take));
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    all.sort();
    assert_eq!(all, (0..40).map(number).collect::<Vec<_>>());
}

/// Writes with a limit of 0 bytes to a file, which fails as on a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_is_reported_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let program = env::current_exe().unwrap();
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 0; exec \"$0\" pads::tests::child --exact --nocapture",
        ])
        .arg(program)
        .env(CHILD, "put secret")
        .env(FOLDER, folder.path())
        .env_remove(CRASH_AT)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("writing"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // Marking a pad as used takes no bytes, but what cannot be marked is not handed out.
    assert!(secrets(folder.path()).take().is_err());
}
