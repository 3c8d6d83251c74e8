//! Connections: plain or TLS, each with a switch that cuts it.
//!
//! Input is a bound socket and perhaps a certificate; output an `axum` listener. A slow
//! handshake does not delay other connections. Knows nothing of HTTP.

use std::io::{Error as IoError, ErrorKind, Result as IoResult};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::server::ParsedCertificate;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::sandbox::{Error, Tls};

/// How long a client may take over the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more sockets.
const BREATH: Duration = Duration::from_millis(50);

/// Certificate and key to serve HTTPS.
#[derive(Clone)]
pub(crate) struct ServerIdentity {
    acceptor: TlsAcceptor,
    certificate: Certificate,
}

impl ServerIdentity {
    /// Reads the certificate chain and its key.
    pub(crate) fn load(files: &Tls) -> Result<Self, Error> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Pem { path, source }
        };
        let chain = CertificateDer::pem_file_iter(&files.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(unreadable(&files.cert))?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
        let refused = |source| Error::Certificate { path: files.cert.clone(), source };
        let first = chain.first().cloned().ok_or_else(|| refused(rustls::Error::NoCertificatesPresented))?;
        // Set explicitly, so that no process-wide provider is needed.
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
                .map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: Certificate(first) })
    }

    pub(crate) fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// The server's own certificate.
#[derive(Debug, Clone)]
pub(crate) struct Certificate(CertificateDer<'static>);

impl Certificate {
    /// Whether the certificate names a host.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let (Ok(parsed), Ok(name)) = (ParsedCertificate::try_from(&self.0), ServerName::try_from(host))
        else {
            return false;
        };
        rustls::client::verify_server_name(&parsed, &name).is_ok()
    }
}

/// Accepts connections and yields those that are ready to be served.
#[derive(Debug)]
pub(super) struct Connections {
    ready: mpsc::Receiver<(Connection, SocketAddr)>,
    local: SocketAddr,
    task: JoinHandle<()>,
}

impl Connections {
    /// Starts accepting connections.
    pub(crate) fn take(listener: TcpListener, identity: Option<ServerIdentity>) -> IoResult<Self> {
        let local = listener.local_addr()?;
        let (send, ready) = mpsc::channel(64);
        let task = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        tokio::spawn(greet(stream, peer, identity.clone(), send.clone()));
                    }
                    Err(error) => {
                        tracing::debug!(%error, "failed to accept a connection");
                        tokio::time::sleep(BREATH).await;
                    }
                }
            }
        });
        Ok(Self { ready, local, task })
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn greet(
    stream: TcpStream,
    peer: SocketAddr,
    identity: Option<ServerIdentity>,
    send: mpsc::Sender<(Connection, SocketAddr)>,
) {
    // Without this, each small answer waits until the previous one is acknowledged.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "failed to set `TCP_NODELAY`");
    }
    let stream = match identity {
        None => Stream::Plain(stream),
        Some(identity) => match tokio::time::timeout(HANDSHAKE, identity.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
            Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => return tracing::debug!("a TLS handshake took too long"),
        },
    };
    // An error means that the sandbox is stopping.
    let _ = send.send((Connection { stream, cut: Cut::default() }, peer)).await;
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> IoResult<Self::Addr> {
        Ok(self.local)
    }
}

/// Cuts a connection: nothing more is sent, and the client sees it closed.
#[derive(Debug, Clone, Default)]
pub(super) struct Cut(Arc<AtomicBool>);

impl Cut {
    /// Takes effect at the next attempt to send.
    pub(crate) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Connections>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.io().cut.clone()
    }
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    cut: Cut,
}

impl Connection {
    fn whole(&self) -> IoResult<()> {
        if self.cut.0.load(Ordering::Relaxed) {
            Err(IoError::from(ErrorKind::ConnectionReset))
        } else {
            Ok(())
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, into: &mut ReadBuf) -> Poll<IoResult<()>> {
        self.whole()?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<IoResult<usize>> {
        self.whole()?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<IoResult<()>> {
        self.whole()?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<IoResult<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
