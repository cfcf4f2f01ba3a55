//! How bytes reach an engine: unix socket, TCP, TLS or SSH, behind one connector.
//!
//! Both the typed client and the raw requests use the same pool of connections made here.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::endpoint::{Address, Endpoint, TlsFiles};
use super::{EngineError, ErrorKind};

/// A connection of any kind.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// One connection to an engine.
pub(super) struct Wire(Box<dyn Io>);

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
    /// What ssh said last on its standard error: the reason when a connection breaks.
    said: Arc<Mutex<String>>,
}

impl Dialer {
    /// A connector for `endpoint`; reads its certificates.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let tls = endpoint.tls.as_ref().map(tls_config).transpose()?.map(Arc::new);
        Ok(Self { address: Arc::new(endpoint.address.clone()), tls, said: Arc::default() })
    }

    /// What ssh said, if this is a connection over ssh and it said anything.
    pub(super) fn said(&self) -> Option<String> {
        let said = self.said.lock().ok()?;
        let last = said.lines().rev().find(|l| !l.trim().is_empty())?;
        Some(crate::text::clean(last.trim()).into_owned())
    }

    async fn dial(self) -> io::Result<Wire> {
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
            Address::Ssh { .. } => self.ssh(),
        }
    }

    /// Runs `ssh HOST docker system dial-stdio`, as the docker CLI does. It may never ask anything:
    /// the terminal belongs to the panel.
    fn ssh(&self) -> io::Result<Wire> {
        let Address::Ssh { user, host, port, socket } = &*self.address else {
            return Err(io::Error::other("not an ssh address"));
        };
        let mut command = Command::new("ssh");
        command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15", "-T"]);
        if let Some(user) = user {
            command.args(["-l", user]);
        }
        if let Some(port) = port {
            command.args(["-p", &port.to_string()]);
        }
        command.args(["--", host, "docker"]);
        if let Some(socket) = socket {
            command.arg("--host").arg(format!("unix://{socket}"));
        }
        command.args(["system", "dial-stdio"]);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped()).kill_on_drop(true);
        // Not in the panel's process group: a Ctrl-C or a hang-up there is not ssh's.
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| io::Error::new(e.kind(), format!("ssh cannot be run: {e}")))?;
        let (Some(stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("ssh has no pipes"));
        };
        let said = self.said.clone();
        tokio::spawn(async move {
            let mut piece = [0; 1024];
            while let Ok(n) = stderr.read(&mut piece).await {
                if n == 0 {
                    break;
                }
                if let Ok(mut said) = said.lock() {
                    if said.len() > 8192 {
                        said.clear();
                    }
                    said.push_str(&String::from_utf8_lossy(&piece[..n]));
                }
            }
        });
        Ok(Wire(Box::new(Pipes { stdin, stdout, _child: child })))
    }
}

/// A child's standard input and output as one connection; the child ends with it.
struct Pipes {
    stdin: ChildStdin,
    stdout: ChildStdout,
    _child: Child,
}

impl AsyncRead for Pipes {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(cx)
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
    let wrong = |path: &PathBuf, what: &str, e: &dyn std::fmt::Display| {
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
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    };
    match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_file_iter(cert).map_err(|e| wrong(cert, "no certificate", &e))?.collect();
            let chain = chain.map_err(|e| wrong(cert, "no certificate", &e))?;
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| wrong(key, "no private key", &e))?;
            builder.with_client_auth_cert(chain, secret).map_err(|e| wrong(cert, "does not fit its key", &e))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// Takes any certificate, as the docker CLI does with TLS but without verification.
#[derive(Debug)]
struct Unverified(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
