//! Clocks of stages, and messages on a connection.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Milliseconds of stages that follow each other.
pub struct Clock {
    who: &'static str,
    start: Instant,
    last: Instant,
    stages: BTreeMap<String, f64>,
}

impl Clock {
    /// Starts a clock. The names of its stages begin with `who`.
    pub fn start(who: &'static str) -> Self {
        let now = Instant::now();
        Self {
            who,
            start: now,
            last: now,
            stages: BTreeMap::new(),
        }
    }

    /// Ends a stage: what follows is the next one's.
    pub fn lap(&mut self, stage: &str) {
        let now = Instant::now();
        let milliseconds = (now - self.last).as_secs_f64() * 1e3;
        self.stages
            .insert(format!("{}{stage}", self.who), milliseconds);
        self.last = now;
    }

    /// Returns the stages, and the milliseconds since the start.
    pub fn stages(self) -> (BTreeMap<String, f64>, f64) {
        let all = (self.last - self.start).as_secs_f64() * 1e3;
        (self.stages, all)
    }
}

/// Sends bytes behind their number.
pub fn send(connection: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    connection.write_all(&(bytes.len() as u64).to_le_bytes())?;
    connection.write_all(bytes)?;
    connection.flush()
}

/// Receives bytes behind their number, which the other process of this benchmark sent.
pub fn receive(connection: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    connection.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::try_from(u64::from_le_bytes(length)).map_err(io::Error::other)?];
    connection.read_exact(&mut bytes)?;
    Ok(bytes)
}
