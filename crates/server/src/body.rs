//! Reads bodies of requests within bounds, and undoes gzip within bounds.
//!
//! ## Limits
//! The declared length is looked at before a byte is read; what arrives without one is counted.
//! Decompression stops one byte past its bound, so that a bomb costs no more than the bound.
//!
//! ## Failure
//! Of a body that is too large, up to [`DISCARD_BYTES_MAX`] bytes are read and forgotten before the
//! answer: most clients send all before they read, and would see a broken connection in its place.

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// Bytes of a body that is too large which are read and forgotten. Chosen: what comes in a second
/// over a slow line of a data centre.
const DISCARD_BYTES_MAX: usize = 64 << 20;

/// Why a body cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body has more than {max} bytes")]
    TooLarge { max: usize },
    #[error("the body has more than {max} bytes after decompression")]
    Bomb { max: usize },
    #[error("the body could not be read: {0}")]
    Broken(String),
    #[error("content encoding {0:?} is not supported: want gzip or identity")]
    Encoding(String),
}

impl BodyError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } | Self::Bomb { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
            Self::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

/// The whole body, at most `max` bytes. A body that arrives in one piece is not copied.
pub(crate) async fn read(headers: &HeaderMap, body: Body, max: usize) -> Result<Bytes, BodyError> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    let mut body = body;
    if declared.is_some_and(|length| length > max) {
        // Who asks first sends nothing without our word.
        if !headers.contains_key(header::EXPECT) {
            discard(body, declared.unwrap_or(0)).await;
        }
        return Err(BodyError::TooLarge { max });
    }
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if all.len() + first.as_ref().map_or(0, Bytes::len) + data.len() > max {
            discard(body, 0).await;
            return Err(BodyError::TooLarge { max });
        }
        match first.take() {
            None if all.is_empty() => first = Some(data),
            None => all.extend_from_slice(&data),
            Some(earlier) => {
                // The declared length was checked against the bound above.
                all.reserve(declared.unwrap_or(0).max(earlier.len() + data.len()));
                all.extend_from_slice(&earlier);
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}

/// Reads the rest of a body that nobody wants, within bounds; not at all where its length says that
/// it goes beyond them.
async fn discard(mut body: Body, declared: usize) {
    let mut left = DISCARD_BYTES_MAX;
    if declared > left {
        return;
    }
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// The body as it was before its `Content-Encoding`.
pub(crate) fn decompress(headers: &HeaderMap, body: Bytes, max: usize) -> Result<Bytes, BodyError> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| {
        String::from_utf8_lossy(value.as_bytes())
            .trim()
            .to_ascii_lowercase()
    });
    match encoding.as_deref() {
        None | Some("" | "identity") => Ok(body),
        Some("gzip") => gunzip(&body, max),
        Some(other) => Err(BodyError::Encoding(other.to_owned())),
    }
}

fn gunzip(body: &[u8], max: usize) -> Result<Bytes, BodyError> {
    let capacity = body.len().saturating_mul(4).min(max).min(1 << 20);
    let mut out = Vec::with_capacity(capacity);
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::MultiGzDecoder::new(body)
        .take(bound)
        .read_to_end(&mut out)
        .map_err(|error| BodyError::Broken(format!("gzip: {error}")))?;
    if out.len() > max {
        return Err(BodyError::Bomb { max });
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_undone_up_to_the_bound() {
        let bytes = vec![7u8; 10_000];
        assert_eq!(gunzip(&gzip(&bytes), 10_000).unwrap(), bytes);
        assert!(matches!(
            gunzip(&gzip(&bytes), 9_999),
            Err(BodyError::Bomb { max: 9_999 })
        ));
        assert!(matches!(
            gunzip(b"nonsense", 100),
            Err(BodyError::Broken(_))
        ));
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_bound() {
        let bomb = gzip(&vec![0u8; 16 << 20]);
        assert!(bomb.len() < 1 << 18);
        assert!(matches!(
            gunzip(&bomb, 1 << 20),
            Err(BodyError::Bomb { .. })
        ));
    }

    #[tokio::test]
    async fn bodies_are_counted() {
        let headers = HeaderMap::new();
        let body = |text: &'static str| Body::from(text);
        assert_eq!(read(&headers, body("abc"), 3).await.unwrap(), "abc");
        assert!(matches!(
            read(&headers, body("abcd"), 3).await,
            Err(BodyError::TooLarge { max: 3 })
        ));
        let chunks = ["ab", "cd", "ef"].map(|c| Ok::<_, std::io::Error>(Bytes::from(c)));
        let body = Body::from_stream(futures::stream::iter(chunks));
        assert_eq!(read(&headers, body, 6).await.unwrap(), "abcdef");
    }

    /// Found by a group of rules of 10 MiB: its sender saw a connection reset and no reason.
    #[tokio::test]
    async fn what_is_too_large_is_read_to_its_end_within_bounds() {
        let read_of = async |declared: Option<&str>, expects: bool, chunks: usize| {
            let mut headers = HeaderMap::new();
            if let Some(declared) = declared {
                headers.insert(header::CONTENT_LENGTH, declared.parse().unwrap());
            }
            if expects {
                headers.insert(header::EXPECT, "100-continue".parse().unwrap());
            }
            let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let counted = std::sync::Arc::clone(&taken);
            let chunks = (0..chunks).map(move |_| {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1 << 20]))
            });
            let body = Body::from_stream(futures::stream::iter(chunks));
            let read = read(&headers, body, 3).await;
            assert!(matches!(read, Err(BodyError::TooLarge { max: 3 })));
            taken.load(std::sync::atomic::Ordering::Relaxed)
        };
        assert_eq!(read_of(Some("10485760"), false, 10).await, 10);
        assert_eq!(read_of(Some("10485760"), true, 10).await, 0);
        assert_eq!(read_of(Some("104857600"), false, 100).await, 0);
        assert_eq!(read_of(None, false, 10).await, 10);
        assert_eq!(read_of(None, false, 100).await, 65);
    }
}
