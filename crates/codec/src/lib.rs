//! Bytes in and out: varints, bit streams, checksums, compression. No policy.

pub mod protobuf;
