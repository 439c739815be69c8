//! Bytes in and out: varints, bit streams, checksums, compression. No policy.

pub mod bits;
pub mod ints;
pub mod protobuf;
pub mod rans;
pub mod varint;
