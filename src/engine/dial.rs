//! How bytes reach an engine: unix socket, TCP, TLS, SSH or a container's exec, behind one connector.
//!
//! The typed client and the raw requests both get their connections here. Another way to an engine is one
//! more kind of [`Address`] and one more arm in [`Dialer::dial`].

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::endpoint::{Address, Endpoint, TlsFiles};
use super::exec::Tunnel;
use super::http::Http;
use super::ssh::ssh;
use super::{EngineError, ErrorKind};

/// A connection of any kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// One connection to an engine.
pub(super) struct Wire(pub(super) Box<dyn Io>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Makes connections to one engine.
#[derive(Clone)]
pub(super) struct Dialer {
    address: Arc<Address>,
    tls: Option<Arc<ClientConfig>>,
    /// The engine around it, for one within a container.
    outer: Option<Arc<Http>>,
}

impl Dialer {
    /// A connector for `endpoint`; reads its certificates.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let tls = endpoint.tls.as_ref().map(tls_config).transpose()?.map(Arc::new);
        let outer = match &endpoint.address {
            Address::Inside { via, .. } => Some(Arc::new(Http::new(via)?)),
            _ => None,
        };
        Ok(Self { address: Arc::new(endpoint.address.clone()), tls, outer })
    }

    /// The engine around it, for one within a container.
    pub(super) fn outer(&self) -> Option<&Http> {
        self.outer.as_deref()
    }

    pub(super) async fn dial(self) -> io::Result<Wire> {
        match &*self.address {
            Address::Unix(path) => Ok(Wire(Box::new(UnixStream::connect(path).await?))),
            Address::Tcp { host, port } => {
                let tcp = TcpStream::connect((host.as_str(), *port)).await?;
                tcp.set_nodelay(true)?;
                let Some(config) = self.tls else { return Ok(Wire(Box::new(tcp))) };
                let name =
                    ServerName::try_from(host.clone()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
                let stream = tokio_rustls::TlsConnector::from(config).connect(name, tcp).await?;
                Ok(Wire(Box::new(stream)))
            }
            Address::Ssh { user, host, port, socket } => {
                Ok(Wire(Box::new(ssh(user.as_deref(), host, *port, socket.as_deref())?)))
            }
            Address::Inside { container, command, .. } => {
                let outer = self.outer.ok_or(io::ErrorKind::NotConnected)?;
                Ok(Wire(Box::new(Tunnel::through(&outer, container, command).await?)))
            }
        }
    }
}

impl tower_service::Service<Uri> for Dialer {
    type Response = TokioIo<Wire>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move {
            let patience = std::time::Duration::from_secs(15);
            match tokio::time::timeout(patience, dialer.dial()).await {
                Ok(wire) => Ok(TokioIo::new(wire?)),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no connection within 15 s")),
            }
        })
    }
}

fn tls_config(files: &TlsFiles) -> Result<ClientConfig, EngineError> {
    let wrong = |path: &Path, what: &str, e: &dyn std::fmt::Display| {
        EngineError::new(ErrorKind::Config, format!("{}: {what}: {e}", path.display()))
            .with_hint("check DOCKER_CERT_PATH, or the context's TLS files")
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| EngineError::new(ErrorKind::Config, format!("TLS: {e}")))?;
    let builder = if files.verify {
        let mut roots = RootCertStore::empty();
        if let Some(ca) = &files.ca {
            let certificates = CertificateDer::pem_file_iter(ca).map_err(|e| wrong(ca, "no CA certificate", &e))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|e| wrong(ca, "no CA certificate", &e))?;
                roots.add(certificate).map_err(|e| wrong(ca, "not a usable CA certificate", &e))?;
            }
        }
        builder.with_root_certificates(roots)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    };
    match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_file_iter(cert).map_err(|e| wrong(cert, "no certificate", &e))?.collect();
            let chain = chain.map_err(|e| wrong(cert, "no certificate", &e))?;
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| wrong(key, "no private key", &e))?;
            builder.with_client_auth_cert(chain, secret).map_err(|e| wrong(cert, "does not fit its key", &e))
        }
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(one), None) | (None, Some(one)) => {
            Err(wrong(one, "stands alone", &"cert.pem and key.pem must both be there, or neither"))
        }
    }
}

/// Takes any certificate that its peer holds the key of: what the docker CLI does with TLS but without
/// verification, and whoever judges a certificate after the handshake.
#[derive(Debug)]
pub struct AnyCertificate(pub Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
