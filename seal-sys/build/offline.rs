//! Finds out whether cargo may use the network, which cargo does not tell build scripts.

use std::env;
use std::fs;
use std::path::Path;

/// Names the setting that forbids cargo the network, if there is one: the environment, cargo's own command line
/// (readable on Linux), or a configuration file of the workspace.
pub fn reason(out_dir: &Path) -> Option<String> {
    if let Some(value) = env::var_os("CARGO_NET_OFFLINE")
        && is_true(&value.to_string_lossy())
    {
        return Some("CARGO_NET_OFFLINE is set".to_owned());
    }
    if let Some(flag) = command_line().as_deref().and_then(flag) {
        return Some(format!("cargo was called with {flag}"));
    }
    // The target folder is usually inside the workspace. A closer file overrides one further out.
    out_dir.ancestors().find_map(|folder| {
        ["config.toml", "config"].iter().find_map(|name| {
            let path = folder.join(".cargo").join(name);
            let text = fs::read_to_string(&path).ok()?;
            configured(&text).map(|offline| {
                offline.then(|| format!("{} says `net.offline = true`", path.display()))
            })
        })
    })?
}

fn is_true(value: &str) -> bool {
    matches!(value.trim(), "true" | "1")
}

/// Reads the arguments of the process that runs this build script, separated by NUL.
#[cfg(target_os = "linux")]
fn command_line() -> Option<Vec<u8>> {
    let parent = std::os::unix::process::parent_id();
    fs::read(format!("/proc/{parent}/cmdline")).ok()
}

#[cfg(not(target_os = "linux"))]
fn command_line() -> Option<Vec<u8>> {
    None
}

/// Finds the argument that keeps cargo from the network. Arguments after `--` are not for cargo.
pub fn flag(arguments: &[u8]) -> Option<&'static str> {
    arguments
        .split(|&byte| byte == 0)
        .take_while(|argument| *argument != b"--")
        .find_map(|argument| match argument {
            b"--offline" => Some("--offline"),
            b"--frozen" => Some("--frozen"),
            _ => None,
        })
}

/// Returns what a cargo configuration says about `net.offline`, if anything.
pub fn configured(toml: &str) -> Option<bool> {
    let mut section = "";
    let mut found = None;
    for line in toml.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name.trim();
        } else if let Some((key, value)) = line.split_once('=') {
            let key = match section {
                "" => key.trim().to_owned(),
                section => format!("{section}.{}", key.trim()),
            };
            if key == "net.offline" {
                found = Some(is_true(value));
            }
        }
    }
    found
}
