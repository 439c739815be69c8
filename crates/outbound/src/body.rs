//! Bodies: read and decompressed within a bound.

use std::io::Read;

use crate::error::OutboundError;

/// The bound where a caller names none: 512 MiB. Chosen: far above any body that makes sense, and
/// small enough that one target cannot take the machine.
pub const BODY_BYTES_MAX: u64 = 512 << 20;

/// How far back a zstd body may refer, as a power of two: 8 MiB, what RFC 9659 allows a sender to ask
/// of everybody. The decoder takes so much at the word of a header; its own bound is 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How the bytes of a body are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip.
    Gzip,
    /// zlib, which HTTP calls `deflate`.
    Deflate,
    /// Zstandard.
    Zstd,
}

impl Encoding {
    /// The encoding that a `Content-Encoding` header names.
    ///
    /// # Errors
    /// Where it names one that is not known.
    pub fn of_header(value: Option<&str>) -> Result<Self, OutboundError> {
        match value.unwrap_or("").trim() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            "zstd" => Ok(Self::Zstd),
            other => Err(OutboundError::Decode {
                encoding: other.to_owned(),
                reason: "the encoding is not known".to_owned(),
            }),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

/// Appends the unpacked body to `out`, at most `limit` bytes (0: [`BODY_BYTES_MAX`]).
///
/// # Errors
/// Where the body is longer or damaged; `out` then holds what came before.
pub fn decode_body(
    encoding: Encoding,
    encoded: &[u8],
    limit: u64,
    out: &mut Vec<u8>,
) -> Result<(), OutboundError> {
    let limit = effective_limit(limit);
    let read = match encoding {
        Encoding::Identity => {
            if encoded.len() as u64 > limit {
                return Err(OutboundError::BodyTooLarge { limit });
            }
            out.extend_from_slice(encoded);
            return Ok(());
        }
        Encoding::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(encoded), limit, out),
        Encoding::Deflate => read_bounded(flate2::read::ZlibDecoder::new(encoded), limit, out),
        Encoding::Zstd => {
            zstd::stream::read::Decoder::with_buffer(encoded).and_then(|mut decoder| {
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                read_bounded(decoder, limit, out)
            })
        }
    };
    match read {
        Ok(length) if length > limit => Err(OutboundError::BodyTooLarge { limit }),
        Ok(_) => Ok(()),
        Err(error) => Err(OutboundError::Decode {
            encoding: encoding.name().to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// Reads one byte more than the limit at most.
fn read_bounded(reader: impl Read, limit: u64, out: &mut Vec<u8>) -> std::io::Result<u64> {
    let length = reader.take(limit.saturating_add(1)).read_to_end(out)?;
    Ok(length as u64)
}

pub(crate) fn effective_limit(limit: u64) -> u64 {
    if limit == 0 { BODY_BYTES_MAX } else { limit }
}
