//! The body of an answer, watched while it is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::record::{End, Record};
use crate::trace::Current;

pin_project! {
    /// A body whose end is the end of its request.
    #[derive(Debug)]
    pub struct HttpBody<B> {
        #[pin]
        body: B,
        watch: Option<Watch>,
    }
}

/// What is known of the request while its answer is sent.
#[derive(Debug)]
struct Watch {
    record: Record,
    /// Bytes that the body has, where it says so: servers do not ask for an end that they know.
    bytes_whole: Option<u64>,
}

impl<B: Body> HttpBody<B> {
    pub(super) fn new(body: B, status: StatusCode, record: Option<Record>) -> Self {
        let watch = record.and_then(|mut record| {
            // No server sends a body behind these, whatever there is.
            let is_without = record.is_head()
                || status.is_informational()
                || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
            if is_without || body.is_end_stream() {
                record.end(End::Whole);
                return None;
            }
            Some(Watch {
                record,
                bytes_whole: body.size_hint().exact(),
            })
        });
        Self { body, watch }
    }
}

impl<B: Body> Body for HttpBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(watch) = this.watch else {
            return this.body.poll_frame(context);
        };
        let polled = {
            let _current = Current::enter(watch.record.context);
            this.body.as_mut().poll_frame(context)
        };
        let frame = ready!(polled);
        let end = match &frame {
            None => Some(End::Whole),
            Some(Err(_)) => Some(End::Body),
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, bytes::Buf::remaining) as u64;
                watch.record.sent(bytes);
                // Servers do not ask for more behind trailers, and few bodies know that they have ended.
                let is_last = this.body.is_end_stream()
                    || frame.is_trailers()
                    || watch.bytes_whole == Some(watch.record.sent_bytes());
                is_last.then_some(End::Whole)
            }
        };
        if let Some(end) = end {
            watch.record.end(end);
            *this.watch = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
