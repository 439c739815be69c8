//! The connection under the PostgreSQL client: bounded, and encrypted by our own TLS.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bellwether_outbound::settings::TlsSettings;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use crate::connection::{Connection, TlsFacts, begin_tls};

/// A stream that breaks off after so many bytes were read: the client keeps messages whole, however
/// long a server says that they are.
pub(super) struct Bounded {
    inner: Connection,
    left: usize,
}

impl Bounded {
    pub(super) fn new(inner: Connection, bytes_max: usize) -> Self {
        Self {
            inner,
            left: bytes_max,
        }
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        match self.left.checked_sub(buffer.filled().len() - before) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Ok(()))
            }
            None => Poll::Ready(Err(io::Error::other("the server sends too much"))),
        }
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl TlsStream for Bounded {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

/// Begins TLS where the server takes it, and keeps what is then known of it.
pub(super) struct Tls {
    pub(super) host: String,
    pub(super) settings: TlsSettings,
    /// Written once, when TLS has begun.
    pub(super) facts: Arc<Mutex<Option<TlsFacts>>>,
}

/// TLS did not begin.
#[derive(Debug)]
pub(super) struct NoTls(String);

impl fmt::Display for NoTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoTls {}

impl TlsConnect<Bounded> for Tls {
    type Stream = Bounded;
    type Error = NoTls;
    type Future = Pin<Box<dyn Future<Output = Result<Bounded, NoTls>> + Send>>;

    fn connect(self, stream: Bounded) -> Self::Future {
        Box::pin(async move {
            let left = stream.left;
            let begun = begin_tls(Box::new(stream), &self.host, &self.settings, &[]).await;
            let (stream, facts) = begun.map_err(|failure| NoTls(failure.text().to_owned()))?;
            *self.facts.lock() = Some(facts);
            Ok(Bounded::new(stream, left))
        })
    }
}
