//! TLS of connections to a PostgreSQL, by our own client.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bellwether_outbound::settings::TlsSettings;
use bellwether_outbound::{OutboundError, start_tls};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

/// Begins TLS as settings say.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    settings: Arc<TlsSettings>,
}

impl Tls {
    pub(super) fn new(settings: TlsSettings) -> Self {
        Self {
            settings: Arc::new(settings),
        }
    }
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted;
    type TlsConnect = Connect;
    type Error = OutboundError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Connect, OutboundError> {
        let host = self.settings.server_name.as_deref().unwrap_or(host);
        Ok(Connect {
            settings: Arc::clone(&self.settings),
            host: host.to_owned(),
        })
    }
}

/// One connection's TLS.
#[derive(Debug)]
pub(super) struct Connect {
    settings: Arc<TlsSettings>,
    host: String,
}

impl<S> TlsConnect<S> for Connect
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted;
    type Error = OutboundError;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted, OutboundError>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let stream = start_tls(stream, &self.host, &self.settings).await?;
            Ok(Encrypted(Box::new(stream)))
        })
    }
}

trait ReadWrite: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ReadWrite for T {}

/// An encrypted connection.
pub(super) struct Encrypted(Box<dyn ReadWrite>);

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(context)
    }
}
