//! The array of Slurm jobs in `examples/evaluate_array.sh`, as Slurm would start it.

use std::{fs, path::Path, process::Command};

use crate::roles::Sides;

/// Names of the files in a folder that end so.
fn count(folder: &Path, ending: &str) -> usize {
    let files = fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(ending)).count()
}

#[test]
fn the_jobs_of_an_array_share_the_requests() {
    let sides = Sides::new(&["--layout", "diagonal"]);
    sides.keygen("client/keys");
    sides.encrypt("requests");
    let at = sides.at(".");
    fs::rename(sides.at("owner/deploy"), sides.at("deploy")).unwrap();
    fs::rename(
        sides.at("client/keys/evaluation.keys"),
        sides.at("evaluation.keys"),
    )
    .unwrap();
    let bin = sides.at("bin");
    fs::create_dir(&bin).unwrap();
    let program = assert_cmd::cargo::cargo_bin!("sealquant");
    std::os::unix::fs::symlink(program, bin.join("sealquant")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/evaluate_array.sh");
    let requests = count(&sides.at("requests"), "") - 1;
    assert_eq!(requests, 22);
    let job = |number: usize| {
        let output = Command::new("sh")
            .arg(&script)
            .current_dir(&at)
            .env("PATH", &path)
            .env("SLURM_ARRAY_TASK_ID", number.to_string())
            .env("SLURM_ARRAY_TASK_COUNT", "3")
            .env("SLURM_CPUS_PER_TASK", "1")
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        // All but the manifest.
        count(&sides.at("responses"), "") - 1
    };
    // Out of order, and one of them twice.
    assert_eq!([3, 1, 1, 2].map(job), [7, 15, 15, 22]);
}
