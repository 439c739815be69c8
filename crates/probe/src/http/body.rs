//! The body of an answer: unpacked as it comes, counted, and kept only where it is looked at.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder};
use http_body_util::BodyExt as _;

use super::UNCOMPRESSED_BODY_LENGTH;
use super::exchange::{Answer, causes};
use crate::BODY_BYTES_MAX;
use crate::module::{Compression, HttpSettings};
use crate::recorder::{Failure, Recorder};

/// What a brotli decoder gives at once.
const BROTLI_BUFFER_BYTES: usize = 4 << 10;

/// Reads the body to its end and ends the phase `transfer`. Gives the body where it is to be `kept`,
/// else nothing.
pub(super) async fn read(
    recorder: &mut Recorder,
    settings: &HttpSettings,
    answer: Answer,
    kept: bool,
) -> Result<Vec<u8>, Failure> {
    let sink = Sink {
        count: 0,
        limit: limit(settings, kept),
        kept: kept.then(Vec::new),
    };
    let mut unpacker = Unpacker::new(settings.compression, sink);
    let outcome = read_into(recorder, answer, &mut unpacker).await;
    recorder.end();
    recorder.set(UNCOMPRESSED_BODY_LENGTH, unpacker.sink().count as f64);
    outcome?;
    Ok(unpacker.into_kept())
}

fn limit(settings: &HttpSettings, kept: bool) -> Option<u64> {
    let set = settings.body_size_limit.filter(|limit| *limit > 0);
    match (set, kept) {
        (Some(limit), true) => Some(limit.min(BODY_BYTES_MAX)),
        (None, true) => Some(BODY_BYTES_MAX),
        (set, false) => set,
    }
}

async fn read_into(
    recorder: &mut Recorder,
    answer: Answer,
    unpacker: &mut Unpacker,
) -> Result<(), Failure> {
    let unpacking = |error: io::Error| Failure::new(format!("body: {error}"));
    let Answer {
        mut body, driver, ..
    } = answer;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Failure::new(format!("body: it breaks off: {}", causes(&error))))?;
        if let Ok(data) = frame.into_data() {
            unpacker.push(&data).map_err(unpacking)?;
            recorder.set(UNCOMPRESSED_BODY_LENGTH, unpacker.sink().count as f64);
        }
    }
    drop(driver);
    unpacker.finish().map_err(unpacking)
}

/// Counts what comes and keeps it if it is wanted.
struct Sink {
    count: u64,
    limit: Option<u64>,
    kept: Option<Vec<u8>>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = match self.limit {
            Some(limit) => usize::try_from(limit - self.count).unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.count += taken.len() as u64;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(taken);
        }
        match self.limit {
            Some(limit) if taken.len() < bytes.len() => Err(io::Error::other(format!(
                "it has more than {limit} bytes unpacked"
            ))),
            _ => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A packed body that is unpacked piece by piece.
enum Unpacker {
    Identity(Sink),
    Gzip(Box<MultiGzDecoder<Sink>>),
    Deflate(Box<DeflateDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
}

impl Unpacker {
    fn new(compression: Option<Compression>, sink: Sink) -> Self {
        match compression {
            None | Some(Compression::Identity) => Self::Identity(sink),
            Some(Compression::Gzip) => Self::Gzip(Box::new(MultiGzDecoder::new(sink))),
            Some(Compression::Deflate) => Self::Deflate(Box::new(DeflateDecoder::new(sink))),
            Some(Compression::Brotli) => {
                Self::Brotli(Box::new(DecompressorWriter::new(sink, BROTLI_BUFFER_BYTES)))
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(sink) => sink.write_all(bytes),
            Self::Gzip(decoder) => decoder.write_all(bytes).map_err(|e| packed("gzip", &e)),
            Self::Deflate(decoder) => decoder.write_all(bytes).map_err(|e| packed("deflate", &e)),
            Self::Brotli(decoder) => decoder.write_all(bytes).map_err(|e| packed("brotli", &e)),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish().map_err(|e| packed("gzip", &e)),
            Self::Deflate(decoder) => decoder.try_finish().map_err(|e| packed("deflate", &e)),
            Self::Brotli(decoder) => decoder.close().map_err(|e| packed("brotli", &e)),
        }
    }

    fn sink(&self) -> &Sink {
        match self {
            Self::Identity(sink) => sink,
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Deflate(decoder) => decoder.get_ref(),
            Self::Brotli(decoder) => decoder.get_ref(),
        }
    }

    fn into_kept(mut self) -> Vec<u8> {
        let sink = match &mut self {
            Self::Identity(sink) => sink,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
        };
        sink.kept.take().unwrap_or_default()
    }
}

/// A limit that was passed speaks for itself.
fn packed(name: &str, error: &io::Error) -> io::Error {
    if error.to_string().starts_with("it has more than") {
        return io::Error::other(error.to_string());
    }
    io::Error::other(format!("it is not valid {name}: {error}"))
}
