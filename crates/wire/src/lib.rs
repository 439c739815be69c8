//! The protobuf messages that Prometheus servers exchange, to and from the types of the model.
//!
//! ## Model
//! Series travel in `prometheus.WriteRequest` (remote write 1.0, [`v1`]), in
//! `io.prometheus.write.v2.Request` (remote write 2.0, [`v2`]), and in the messages of remote read
//! ([`read`]). Bodies are one snappy block ([`snappy`]). Histograms look the same in all of them
//! ([`histogram`]).
//!
//! ## Invariants
//! No store, no HTTP, no policy: who may send what, and what becomes of it, is decided in `ingest`
//! (which receives) and `forward` (which sends). Decoders borrow from the body where they can.
//!
//! ## Failure
//! A body that is damaged ends with a [`WireError`] that says what was expected; a body that
//! claims to be larger than the caller's limit is refused before memory is taken for it.

pub mod histogram;
pub mod read;
pub mod snappy;
pub mod v1;
pub mod v2;

use bellwether_codec::protobuf::ProtobufError;

/// Why a body is not what it should be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes are no protobuf message of the schema.
    #[error(transparent)]
    Protobuf(#[from] ProtobufError),
    /// The bytes are no snappy block.
    #[error("body is not a snappy block: {0}")]
    Snappy(String),
    /// The body says that it is larger than the receiver takes.
    #[error("body of {size} bytes after decompression is above the limit of {limit}")]
    TooLarge {
        /// Bytes that the body says it has.
        size: u64,
        /// Bytes that are taken.
        limit: u64,
    },
    /// The body holds more things than the receiver takes at once.
    #[error("body holds more than {limit} samples and series")]
    TooMany {
        /// How many are taken.
        limit: u64,
    },
    /// A reference into the symbol table that points behind its end, or half of a label.
    #[error("symbol reference {reference} is outside of the table of {count} symbols")]
    Symbol {
        /// The reference.
        reference: u64,
        /// Size of the table.
        count: usize,
    },
    /// An odd number of label references.
    #[error("label references come in pairs, have {0}")]
    UnpairedLabel(usize),
    /// A matcher whose type or pattern means nothing.
    #[error("{0}")]
    Matcher(String),
}
