//! Pads, which are made, sent and prepared before there are images.

use super::stage::{Clock, receive, send};
use super::{Party, Stages, server};
use sealquant::engine::ClientSpec;
use sealquant::experiment::Spread;
use sealquant::pads::PadStore;
use sealquant::wire::Message;
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use tempfile::TempDir;

/// The client's store, in a folder that goes with it.
pub struct Secrets {
    pub store: PadStore,
    _folder: TempDir,
}

/// The cost of one pad before there is an image. Times are milliseconds.
#[derive(Debug, Serialize)]
pub struct Beforehand {
    /// From the start of making it until the server has stored it.
    all: Spread,
    stages: BTreeMap<String, Spread>,
    pads: usize,
    upload_bytes: usize,
    /// Bytes that the server stores.
    stored_bytes: u64,
}

impl Beforehand {
    pub fn print(&self) {
        let stages = self.stages.iter();
        let stages: Vec<_> = stages
            .map(|(name, spread)| format!("{name} {:.1}", spread.median))
            .collect();
        println!(
            "  a pad: {:.1} ms ({:.1}..{:.1}), up {} bytes, stored {}; {}",
            self.all.median,
            self.all.lower,
            self.all.upper,
            self.upload_bytes,
            self.stored_bytes,
            stages.join(", ")
        );
    }
}

impl Secrets {
    pub fn new(spec: &ClientSpec) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        Ok(Self {
            store: PadStore::open(folder.path(), spec)?,
            _folder: folder,
        })
    }

    /// Makes so many pads and has the server prepare each.
    pub fn fill(&self, party: &mut Party<'_>, count: usize) -> Result<Beforehand, Box<dyn Error>> {
        let mut all = Vec::with_capacity(count);
        let mut of_stages: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let (mut upload_bytes, mut stored_bytes) = (0, 0);
        for _ in 0..count {
            let mut clock = Clock::start("client: ");
            let (secret, pad) = party.client.make_pad()?;
            clock.lap("make");
            self.store.put(secret)?;
            clock.lap("store");
            let message = pad.to_wire(&party.contexts)?;
            clock.lap("write");
            party.connection.write_all(&server::PAD)?;
            send(&mut party.connection, &message)?;
            let answer = receive(&mut party.connection)?;
            clock.lap("send, wait");
            let (stored, of_server): (u64, Stages) = serde_json::from_slice(&answer)?;
            let (stages, milliseconds) = clock.stages();
            all.push(milliseconds);
            for (name, milliseconds) in stages.into_iter().chain(of_server) {
                of_stages.entry(name).or_default().push(milliseconds);
            }
            (upload_bytes, stored_bytes) = (message.len(), stored);
        }
        let stages = of_stages.into_iter();
        Ok(Beforehand {
            all: Spread::of(all),
            stages: stages
                .map(|(name, times)| (name, Spread::of(times)))
                .collect(),
            pads: count,
            upload_bytes,
            stored_bytes,
        })
    }
}
