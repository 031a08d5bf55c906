//! The machine and the program of a run.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use crate::seal;

/// Facts about the machine and the program. They are part of every record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The version of SEAL.
    pub seal_version: String,
    /// True if SEAL was compiled with Intel HEXL.
    pub hexl: bool,
    /// The processor's model, or the architecture's name if the system does not tell the model.
    pub cpu: String,
    /// The commit checked out where the program lies, with `-dirty` if tracked files differ from it; `unknown` outside
    /// a checkout of this project.
    pub git_commit: String,
    /// The current time: RFC 3339, UTC.
    pub time: String,
}

impl Host {
    /// Asks the system and git.
    pub fn now() -> Self {
        Self {
            seal_version: seal::SEAL_VERSION.to_owned(),
            hexl: seal::HEXL,
            cpu: cpu(),
            git_commit: git_commit(),
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }

    /// Returns the largest memory this process has used so far, in bytes, if the system tells it (Linux does).
    pub fn peak_memory_bytes() -> Option<u64> {
        kibibytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmHWM")
    }

    /// Returns the memory that this process may still use without swapping, in bytes, if the system tells it (Linux
    /// does). It is the machine's available memory or the rest of the control group's limit, whichever is less.
    pub fn available_memory_bytes() -> Option<u64> {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let machine = kibibytes(&read("/proc/meminfo")?, "MemAvailable")?;
        let group = |limit: &str, used: &str| {
            let read = |path| read(path)?.trim().parse::<u64>().ok();
            // If there is no limit, the file contains `max` or a number beyond any memory.
            Some(read(limit)?.saturating_sub(read(used)?))
        };
        let left =
            group("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current").or_else(|| {
                group(
                    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                    "/sys/fs/cgroup/memory/memory.usage_in_bytes",
                )
            });
        Some(left.map_or(machine, |left| left.min(machine)))
    }
}

fn cpu() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpuinfo, "model name").filter(|model| !model.is_empty());
    model.unwrap_or(std::env::consts::ARCH).to_owned()
}

/// Reads a field of a Linux file that is a number of kibibytes; returns bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let number = field(text, name)?.strip_suffix("kB")?.trim_end();
    number.parse::<u64>().ok()?.checked_mul(1024)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

/// Returns the commit. It is queried when the run is recorded, not when the program is built, so a new commit does not
/// cause a rebuild.
fn git_commit() -> String {
    std::env::current_exe()
        .ok()
        .and_then(|program| commit_of(program.parent()?))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn commit_of(directory: &Path) -> Option<String> {
    // Use the way up, not the absolute path, which may not be valid text.
    let top = directory.join(git(directory, &["rev-parse", "--show-cdup"])?);
    // An installed program may lie in somebody else's repository.
    let manifest = std::fs::read_to_string(top.join("Cargo.toml")).ok()?;
    let mut lines = manifest.lines();
    lines.find(|line| line.trim() == "name = \"sealquant\"")?;
    let commit = git(directory, &["rev-parse", "HEAD"])?;
    let status = ["status", "--porcelain", "--untracked-files=no"];
    let changed = !git(directory, &status)?.is_empty();
    Some(commit + if changed { "-dirty" } else { "" })
}

fn git(directory: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_linux_are_read() {
        let cpuinfo =
            "processor\t: 0\nmodel\t\t: 7\nmodel name\t: Some CPU @ 2 GHz\nprocessor\t: 1\n";
        assert_eq!(field(cpuinfo, "model name"), Some("Some CPU @ 2 GHz"));
        assert_eq!(field("processor : 0\n", "model name"), None);
        let status = "VmPeak:\t 9 kB\nVmHWM:\t    12 kB\n";
        assert_eq!(kibibytes(status, "VmHWM"), Some(12 * 1024));
        assert_eq!(kibibytes("VmHWM:\t 12\n", "VmHWM"), None);
        if cfg!(target_os = "linux") {
            let available = Host::available_memory_bytes().unwrap();
            assert!(available > 0, "{available}");
        }
        assert_eq!(kibibytes("", "VmHWM"), None);
    }

    #[test]
    fn a_commit_is_reported_only_for_this_project() {
        let top = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
            let arguments = [identity.as_slice(), arguments].concat();
            git(top.path(), &arguments).unwrap()
        };
        run(&["init", "--quiet"]);
        let name = |name: &str| {
            let manifest = format!("[package]\nname = \"{name}\"\n");
            std::fs::write(top.path().join("Cargo.toml"), manifest).unwrap();
        };
        name("other");
        run(&["add", "Cargo.toml"]);
        run(&["commit", "--quiet", "--message", "one"]);
        assert_eq!(commit_of(top.path()), None);
        name("sealquant");
        let dirty = commit_of(top.path()).unwrap();
        assert!(dirty.ends_with("-dirty") && dirty.len() == 46, "{dirty}");
        run(&["commit", "--quiet", "--all", "--message", "two"]);
        assert_eq!(commit_of(top.path()).unwrap(), run(&["rev-parse", "HEAD"]));
        std::fs::write(top.path().join("untracked"), "").unwrap();
        let commit = commit_of(top.path()).unwrap();
        assert_eq!(commit.len(), 40, "untracked files do not count");
    }

    #[test]
    fn the_time_is_rfc_3339() {
        let Host { time, cpu, .. } = Host::now();
        assert!(time.ends_with('Z') && time.len() == 20, "{time}");
        assert!(!cpu.is_empty());
    }
}
