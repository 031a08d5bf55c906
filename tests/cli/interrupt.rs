//! Ctrl-C and SIGTERM.

use std::{
    fs,
    io::{Read as _, Seek as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::kit::{write_data, write_model};

/// The running program, and its standard error in a file, as nobody reads it meanwhile. It is killed if a test fails.
struct Running(Child, fs::File);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let stderr = tempfile::tempfile().unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr.try_clone().unwrap())
            .spawn();
        Self(child.unwrap(), stderr)
    }

    fn signal(&self, name: &str) {
        send(name, &self.0.id().to_string());
    }

    /// Waits for the end; returns exit code and standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        let code = wait_for("the end", || self.0.try_wait().unwrap()).code();
        self.1.rewind().unwrap();
        self.1.read_to_string(&mut stderr).unwrap();
        (code, stderr)
    }
}

fn send(signal: &str, process: &str) {
    let text = format!("kill -{signal} {process}");
    assert!(
        Command::new("sh")
            .args(["-c", &text])
            .status()
            .unwrap()
            .success()
    );
}

fn sealquant() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealquant"));
    command.env_remove("SEALQUANT_DATA");
    command
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(2),
            "waited too long for {what}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

fn wait_for_file(path: &Path) {
    wait_for(&path.display().to_string(), || path.exists().then_some(()));
}

/// Lists everything in a directory whose name begins with a dot.
fn hidden(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let hidden = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"."));
    hidden.map(|entry| entry.path()).collect()
}

fn last_line(stderr: &str) -> &str {
    stderr.lines().last().unwrap_or_default()
}

/// A client that has fetched half of a package and then runs for minutes.
struct SlowClient {
    top: tempfile::TempDir,
}

impl SlowClient {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let client = top.path().join("npm");
        let text = format!(
            "#!/bin/sh\n[ -e '{0}/fail' ] && exit 1\necho half > half.tgz\necho $$ > '{0}/id.new'\n\
             mv '{0}/id.new' '{0}/id'\nexec sleep 600\n",
            top.path().display()
        );
        fs::write(&client, text).unwrap();
        fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
        Self { top }
    }

    fn cache(&self) -> PathBuf {
        self.top.path().join("cache/sealquant")
    }

    fn fetch(&self) -> Command {
        let mut path = self.top.path().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = sealquant();
        command
            .args(["data", "fetch"])
            .env("PATH", path)
            .env("XDG_CACHE_HOME", self.top.path().join("cache"));
        command
    }

    /// Starts a fetch and waits until the client is at work; returns its process number.
    fn at_work(&self) -> (Running, String) {
        let id = self.top.path().join("id");
        let _ = fs::remove_file(&id);
        let running = Running::start(&mut self.fetch());
        wait_for_file(&id);
        (running, fs::read_to_string(id).unwrap().trim().to_owned())
    }
}

#[test]
fn an_interrupted_fetch_leaves_nothing() {
    let client = SlowClient::new();
    for signal in ["INT", "TERM"] {
        let (running, id) = client.at_work();
        assert_eq!(hidden(&client.cache()).len(), 1);
        running.signal(signal);
        let (code, stderr) = running.end();
        assert_eq!(code, Some(130), "{stderr}");
        assert!(last_line(&stderr).starts_with("interrupted: "), "{stderr}");
        assert!(!stderr.contains("error: "), "{stderr}");
        assert_eq!(fs::read_dir(client.cache()).unwrap().count(), 0);
        let gone = || (!Path::new(&format!("/proc/{id}")).exists()).then_some(());
        wait_for("the client's end", gone);
    }
}

/// `timeout` sends a signal to its child and to the group: that is one request, not a second, impatient one.
#[test]
fn a_signal_that_arrives_twice_still_cleans_up() {
    let client = SlowClient::new();
    let (running, _) = client.at_work();
    let id = running.0.id().to_string();
    send("INT", &format!("{id}; kill -INT {id}"));
    let (code, stderr) = running.end();
    assert_eq!(code, Some(130), "{stderr}");
    assert!(last_line(&stderr).starts_with("interrupted: "), "{stderr}");
    assert!(hidden(&client.cache()).is_empty());
}

#[test]
fn what_a_killed_fetch_left_is_cleared_by_the_next() {
    let client = SlowClient::new();
    let (first, first_client) = client.at_work();
    let (second, second_client) = client.at_work();
    assert_eq!(
        hidden(&client.cache()).len(),
        2,
        "one in use is not cleared"
    );
    first.signal("KILL");
    assert_eq!(first.end().0, None);
    send("KILL", &first_client);
    assert_eq!(hidden(&client.cache()).len(), 2);
    fs::write(client.top.path().join("fail"), "").unwrap();
    let (code, stderr) = Running::start(&mut client.fetch()).end();
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(
        hidden(&client.cache()).len(),
        1,
        "that of the second is in use"
    );
    second.signal("TERM");
    assert_eq!(second.end().0, Some(130));
    assert!(hidden(&client.cache()).is_empty());
    assert!(!Path::new(&format!("/proc/{second_client}")).exists());
}

#[test]
fn an_interrupted_run_writes_no_record() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 8000);
    for signal in ["INT", "TERM"] {
        let running = Running::start(
            sealquant()
                // Each batch has one image, so this takes minutes.
                .args(["infer", "--layout", "diagonal", "--threads", "1", "--model"])
                .arg(&model)
                .arg("--data-dir")
                .arg(&data)
                .arg("--record")
                .arg(top.path().join("record.json")),
        );
        thread::sleep(Duration::from_secs(1));
        running.signal(signal);
        let (code, stderr) = running.end();
        assert_eq!(code, Some(130), "{stderr}");
        assert!(last_line(&stderr).starts_with("interrupted: "), "{stderr}");
        let mut left: Vec<_> = fs::read_dir(top.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["data", "m"]);
    }
}

#[cfg(feature = "train")]
#[test]
fn an_interrupted_training_keeps_its_checkpoint_and_says_how_to_go_on() {
    use sealquant::train::{CHECKPOINT_FILE, TrainConfig};

    let top = tempfile::tempdir().unwrap();
    let (out, data, file) = (
        top.path().join("out"),
        top.path().join("data"),
        top.path().join("config.json"),
    );
    write_data(&data, 60);
    let config = TrainConfig {
        validation_images: 20,
        batch_size: 20,
        epochs: 100_000,
        ..TrainConfig::preset("hcnn-mnist-paper").unwrap()
    };
    config.save(&file).unwrap();
    let train = |more: &[&str]| {
        let mut command = sealquant();
        command.args(["train", "--config"]).arg(&file);
        command
            .arg("--out")
            .arg(&out)
            .arg("--data-dir")
            .arg(&data)
            .args(more);
        Running::start(&mut command)
    };
    let checkpoint = out.join(CHECKPOINT_FILE);
    for (signal, more) in [("INT", &[][..]), ("TERM", &["--resume"])] {
        // Left behind by a killed run.
        fs::create_dir_all(&out).unwrap();
        fs::write(out.join(".sealquant-dEaD01"), "half").unwrap();
        let before = fs::read(&checkpoint).ok();
        let running = train(more);
        wait_for("a new checkpoint", || {
            let now = fs::read(&checkpoint).ok()?;
            (Some(now) != before).then_some(())
        });
        running.signal(signal);
        let (code, stderr) = running.end();
        assert_eq!(code, Some(130), "{stderr}");
        let line = last_line(&stderr);
        let name = checkpoint.to_str().unwrap();
        assert!(
            line.starts_with("interrupted: ") && line.contains(name) && line.contains("--resume"),
            "{stderr}"
        );
        assert_eq!(
            stderr.contains(" of them done"),
            !more.is_empty(),
            "{stderr}"
        );
        let left: Vec<_> = fs::read_dir(&out)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, [CHECKPOINT_FILE]);
    }
}
