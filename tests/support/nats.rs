//! Servers of NATS with JetStream, on free ports of this machine, with their files in a temporary folder.

use std::{
    fs,
    io::Read as _,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Returns the path of nats-server, or says why a test is skipped.
pub fn program() -> Option<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/nats.sh");
    let output = Command::new("sh").arg(script).output().unwrap();
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"))).join(path));
    }
    let why = String::from_utf8_lossy(&output.stderr);
    eprintln!("SKIPPED: there is no nats-server: {}", why.trim());
    None
}

/// A server that runs until it is dropped.
pub struct Nats {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Nats {
    /// Starts one server; `more` is added to its configuration.
    pub fn start(program: &PathBuf, more: &str) -> Self {
        Self::configured(program, "one", free_port(), more)
    }

    /// Starts a cluster of three.
    pub fn cluster(program: &PathBuf) -> Vec<Self> {
        let routes: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let addresses: Vec<String> = routes
            .iter()
            .map(|port| format!("nats://127.0.0.1:{port}"))
            .collect();
        let start = |(at, port): (usize, &u16)| {
            let cluster = format!(
                "cluster {{ name: test, listen: \"127.0.0.1:{port}\", routes: [{}] }}",
                addresses.join(", ")
            );
            Self::configured(program, &format!("node{at}"), free_port(), &cluster)
        };
        routes.iter().enumerate().map(start).collect()
    }

    fn configured(program: &PathBuf, name: &str, port: u16, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("nats.conf");
        let store = folder.path().join("store");
        let text = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\n\
             jetstream {{ store_dir: \"{}\", max_file: 100G, max_mem: 64M }}\n{more}\n",
            store.display()
        );
        fs::write(&config, text).unwrap();
        let child = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            port,
            _folder: folder,
        };
        server.wait();
        server
    }

    /// Waits until the server greets.
    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let greeting = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
                stream.set_read_timeout(Some(Duration::from_secs(5)))?;
                let mut word = [0; 4];
                stream.read_exact(&mut word)?;
                Ok(word)
            });
            if greeting.is_ok_and(|word| &word == b"INFO") {
                return;
            }
            assert!(Instant::now() < end, "nats-server does not start");
            sleep(Duration::from_millis(50));
        }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends the server as a crash does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}
