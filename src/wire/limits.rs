//! The limits that a reader sets.

/// The limits that a reader sets. A sender can promise any size: nothing is allocated on the strength of a promise, and
/// a message beyond these limits is refused as soon as its header has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of the message, in bytes.
    pub message_bytes: u64,
    /// Maximum size of the message's residues in memory, in bytes. A seeded message also counts the whole object that
    /// it expands to, because both are held at once: three times what is read. While a message is read, the current
    /// ciphertext or key part temporarily takes up to three times its own size more.
    pub memory_bytes: u64,
}

impl Default for Limits {
    /// Allows 1 GiB of message and 4 GiB of memory.
    fn default() -> Self {
        Self {
            message_bytes: 1 << 30,
            memory_bytes: 4 << 30,
        }
    }
}
