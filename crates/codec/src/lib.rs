//! Bytes in and out: varints, bit streams, checksums, compression. No policy.

pub mod bits;
pub mod crc32c;
pub mod ints;
pub mod protobuf;
pub mod rans;
pub mod varint;
