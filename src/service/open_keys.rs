//! The clients whose keys are ready for evaluation.

use std::sync::{Arc, Mutex, PoisonError};

use super::key_hash::KeyHash;
use crate::engine::Server;

/// Servers by the hash of their client's keys: the last ones that were used, at most so many.
#[derive(Debug)]
pub(super) struct OpenKeys {
    most: usize,
    /// The last one was used last.
    open: Mutex<Vec<(KeyHash, Arc<Server>)>>,
}

impl OpenKeys {
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            open: Mutex::new(Vec::new()),
        }
    }

    /// Returns the server of these keys, if it is ready.
    pub fn get(&self, hash: &KeyHash) -> Option<Arc<Server>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let at = open.iter().position(|(of, _)| of == hash)?;
        let found = open.remove(at);
        let server = Arc::clone(&found.1);
        open.push(found);
        Some(server)
    }

    /// Returns a server of any keys, with whose weights others can be made.
    pub fn any(&self) -> Option<Arc<Server>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.last().map(|(_, server)| Arc::clone(server))
    }

    /// Keeps a server; the one that was used longest ago makes room.
    pub fn keep(&self, hash: KeyHash, server: Arc<Server>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(of, _)| *of != hash);
        open.push((hash, server));
        let over = open.len().saturating_sub(self.most.max(1));
        open.drain(..over);
    }

    /// Returns the number of servers that are ready.
    pub fn len(&self) -> usize {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}
