//! Local doors to what only the engine can reach: a socket or port here, a command in a container there.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::dial::Dialer;
use super::exec::Tunnel;
use super::{Address, Engine, EngineError, ErrorKind, Result};

/// A door; it closes when this is dropped.
#[derive(Debug)]
pub struct Relay {
    /// Where it is: `unix://PATH` or `HOST:PORT`.
    pub address: String,
    task: JoinHandle<()>,
    folder: Option<PathBuf>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(folder) = &self.folder {
            // A folder for temporary files is emptied by the system, too.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// What a child process needs to talk to an engine; has to live as long as the child.
#[derive(Debug)]
pub struct ForChild {
    /// Its environment.
    pub env: Vec<(String, String)>,
    #[allow(dead_code)] // Held open.
    door: Option<Relay>,
}

impl Engine {
    /// What makes a child process talk to the same engine, also to one within a container.
    pub fn for_child(&self) -> Result<ForChild> {
        if !matches!(self.endpoint.address, Address::Inside { .. }) {
            return Ok(ForChild { env: self.endpoint.docker_env(), door: None });
        }
        let relay = self.socket().map_err(|e| {
            EngineError::new(ErrorKind::Other, format!("no socket can be made for {}: {e}", self.endpoint.name))
        })?;
        let mut env = self.endpoint.docker_env();
        for (name, value) in &mut env {
            if name == "DOCKER_HOST" {
                value.clone_from(&relay.address);
            }
        }
        Ok(ForChild { env, door: Some(relay) })
    }

    /// A socket here that leads to this engine.
    fn socket(&self) -> io::Result<Relay> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("ondeck-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let path = folder.join("docker.sock");
        let listener = UnixListener::bind(&path)?;
        let dialer = Dialer::new(&self.endpoint).map_err(io::Error::other)?;
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut here, _)) = listener.accept().await {
                let dialer = dialer.clone();
                open.spawn(async move {
                    // Whoever connected sees the connection end; there is nobody else to tell.
                    if let Ok(mut there) = dialer.dial().await {
                        let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                    }
                });
                while open.try_join_next().is_some() {}
            }
        });
        Ok(Relay { address: format!("unix://{}", path.display()), task, folder: Some(folder) })
    }

    /// A port of this machine that leads to what a command in a container connects to.
    pub async fn forward(&self, container: &str, command: Vec<String>, at: SocketAddr) -> Result<Relay> {
        let listener = TcpListener::bind(at).await.map_err(|e| {
            let hint = if e.kind() == io::ErrorKind::AddrInUse {
                "another program listens there; choose another port"
            } else {
                ""
            };
            EngineError::new(ErrorKind::Conflict, format!("{at} cannot be listened at: {e}")).with_hint(hint)
        })?;
        let address = listener.local_addr().map_or_else(|_| at.to_string(), |a| a.to_string());
        let (http, container) = (Arc::new(self.http.clone()), container.to_owned());
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut here, _)) = listener.accept().await {
                let (http, container, command) = (http.clone(), container.clone(), command.clone());
                open.spawn(async move {
                    if let Ok(mut there) = Tunnel::through(&http, &container, &command).await {
                        let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                    }
                });
                while open.try_join_next().is_some() {}
            }
        });
        Ok(Relay { address, task, folder: None })
    }
}
