//! Turns what a blocking thread writes into a response: whole where it is small, streamed and
//! compressed where it is large. What is whole, [`crate::compression`] compresses.
//!
//! ## Model
//! A thread writes into an [`Output`]. Until [`CHUNK_BYTES`] are there nothing leaves; then the
//! response begins and every further chunk goes through a bounded channel, so that a slow client
//! slows the thread down and memory stays bounded. Gzip happens in the writing thread.
//!
//! ## Failure
//! A client that hangs up makes [`Output::flush`] say so. A thread that dies in the middle breaks
//! the connection off, so that a client never takes half an answer for a whole one.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::write::GzEncoder;
use tokio::sync::{mpsc, oneshot};

use crate::compression;
use crate::envelope::ApiError;

/// Size of a chunk before compression. Measured: larger ones save nothing, smaller ones cost hops.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;
/// Chunks that wait for a slow client.
const CHUNKS_WAITING: usize = 4;

enum Message {
    Chunk(Bytes),
    End,
}

/// Headers that are known before the answer is; names in lower case.
pub(crate) type FixedHeaders = &'static [(&'static str, &'static str)];

/// What an answer of JSON carries.
pub(crate) const JSON: FixedHeaders = &[("content-type", "application/json")];

/// The client is gone.
#[derive(Debug)]
pub(crate) struct ClientGone;

/// Where a blocking thread writes its answer.
pub(crate) struct Output {
    gzip: Option<GzEncoder<Vec<u8>>>,
    wants_gzip: bool,
    fixed_headers: FixedHeaders,
    start: Option<oneshot::Sender<Result<Response, ApiError>>>,
    sender: Option<mpsc::Sender<Message>>,
}

impl Output {
    /// Replaces the headers, where the answer has not begun.
    pub(crate) fn set_headers(&mut self, fixed_headers: FixedHeaders) {
        self.fixed_headers = fixed_headers;
    }

    /// Sends a chunk on.
    pub(crate) fn flush(&mut self, chunk: Vec<u8>) -> Result<(), ClientGone> {
        if self.sender.is_none() {
            let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
            let mut response = Response::new(Body::new(Streamed {
                receiver,
                ended: false,
            }));
            self.headers(response.headers_mut(), self.wants_gzip);
            if self.wants_gzip {
                self.gzip = Some(compression::encoder());
            }
            self.sender = Some(sender);
            let start = self.start.take().ok_or(ClientGone)?;
            start.send(Ok(response)).map_err(|_| ClientGone)?;
        }
        let bytes = match &mut self.gzip {
            None => chunk,
            Some(encoder) => {
                // Writing into memory cannot fail.
                encoder.write_all(&chunk).map_err(|_| ClientGone)?;
                std::mem::take(encoder.get_mut())
            }
        };
        self.send(bytes)
    }

    /// Ends the answer with its last bytes.
    pub(crate) fn finish(mut self, last: Vec<u8>) {
        let Some(sender) = self.sender.clone() else {
            self.finish_whole(last);
            return;
        };
        if self.flush(last).is_err() {
            return;
        }
        if let Some(encoder) = self.gzip.take()
            && let Ok(rest) = encoder.finish()
            && self.send(rest).is_err()
        {
            return;
        }
        // Where the client is gone nobody waits for the end either.
        sender.blocking_send(Message::End).ok();
    }

    /// Answers with an error, where the answer has not begun.
    pub(crate) fn fail(mut self, error: ApiError) {
        if let Some(start) = self.start.take() {
            start.send(Err(error)).ok();
        }
    }

    fn finish_whole(&mut self, bytes: Vec<u8>) {
        let mut response = Response::new(Body::from(bytes));
        self.headers(response.headers_mut(), false);
        if let Some(start) = self.start.take() {
            start.send(Ok(response)).ok();
        }
    }

    fn headers(&self, headers: &mut HeaderMap, gzip: bool) {
        for (name, value) in self.fixed_headers {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }

    fn send(&self, bytes: Vec<u8>) -> Result<(), ClientGone> {
        if bytes.is_empty() {
            return Ok(());
        }
        let sender = self.sender.as_ref().ok_or(ClientGone)?;
        sender
            .blocking_send(Message::Chunk(bytes.into()))
            .map_err(|_| ClientGone)
    }
}

/// Runs `write` on a blocking thread and gives back the response as soon as it begins.
pub(crate) async fn blocking(
    headers: &HeaderMap,
    fixed_headers: FixedHeaders,
    write: impl FnOnce(Output) + Send + 'static,
) -> Result<Response, ApiError> {
    let (start, started) = oneshot::channel();
    let output = Output {
        gzip: None,
        wants_gzip: compression::accepts(headers, "gzip"),
        fixed_headers,
        start: Some(start),
        sender: None,
    };
    tokio::task::spawn_blocking(move || write(output));
    started.await.unwrap_or_else(|_| {
        // The thread panicked; the panic hook has said where.
        Err(ApiError::new(
            crate::envelope::ErrorType::Internal,
            "the request could not be answered",
        ))
    })
}

/// A body that is fed by a blocking thread.
struct Streamed {
    receiver: mpsc::Receiver<Message>,
    ended: bool,
}

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match self.receiver.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Message::Chunk(bytes))) => {
                Poll::Ready(Some(Ok(hyper::body::Frame::data(bytes))))
            }
            Poll::Ready(Some(Message::End)) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(Some(Err(std::io::Error::other("the answer broke off"))))
            }
        }
    }
}
