//! Which engine: resolved as the docker CLI does.
//!
//! `--host` (an address or a context's name), then `DOCKER_HOST`, then `DOCKER_CONTEXT`, then the
//! `currentContext` of the CLI's config file, then the default socket; only when nothing was
//! configured and that is not there, the sockets of rootless Docker, Docker Desktop, Colima and podman.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{EngineError, ErrorKind};

/// Where the default engine listens.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket file.
    Unix(PathBuf),
    /// A TCP port, perhaps with TLS.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A host reached by `ssh`, which runs `docker system dial-stdio` there.
    Ssh {
        /// User, when the address names one.
        user: Option<String>,
        /// Host as ssh knows it.
        host: String,
        /// Port, when the address names one.
        port: Option<u16>,
        /// Socket on that host, when it is not the default.
        socket: Option<String>,
    },
    /// An engine within a container of another engine, reached by commands in that container: no port is
    /// published, and no file is shared that whoever is root in the container could replace.
    Inside {
        /// The engine that runs the container.
        via: Box<Endpoint>,
        /// The container's name or identifier.
        container: String,
        /// A command that connects its input and output with the inner engine's socket.
        command: Vec<String>,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Ssh { user, host, port, socket } => {
                let user = user.as_ref().map_or(String::new(), |u| format!("{u}@"));
                let port = port.map_or(String::new(), |p| format!(":{p}"));
                write!(f, "ssh://{user}{host}{port}{}", socket.as_deref().unwrap_or(""))
            }
            Self::Inside { via, container, .. } => write!(f, "{container} on {}", via.address),
        }
    }
}

impl Address {
    /// Reads `unix://`, `tcp://`, `http(s)://` and `ssh://` addresses, and a bare `HOST:PORT`.
    pub fn parse(text: &str) -> Result<Self, EngineError> {
        let wrong = |why: &str| {
            EngineError::new(ErrorKind::Config, format!("`{text}` is no address of an engine: {why}"))
                .with_hint("expected unix:///path, tcp://host:port or ssh://user@host")
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        match scheme {
            "unix" if rest.is_empty() => Ok(Self::Unix(DEFAULT_SOCKET.into())),
            "unix" => Ok(Self::Unix(rest.into())),
            "tcp" | "http" | "https" => {
                let (host, port) =
                    split_host(rest.trim_end_matches('/')).ok_or_else(|| wrong("the port is no number"))?;
                let host = if host.is_empty() { "localhost".to_owned() } else { host };
                Ok(Self::Tcp { host, port: port.unwrap_or(2375) })
            }
            "ssh" => {
                let (place, path) = rest.find('/').map_or((rest, ""), |i| rest.split_at(i));
                let (user, place) = place.rsplit_once('@').map_or((None, place), |(u, p)| (Some(u.to_owned()), p));
                let (host, port) = split_host(place).ok_or_else(|| wrong("the port is no number"))?;
                if host.is_empty() || host.starts_with('-') || user.as_ref().is_some_and(|u| u.starts_with('-')) {
                    return Err(wrong("the host is missing"));
                }
                if user.as_ref().is_some_and(|u| u.contains(':')) {
                    return Err(wrong("a password cannot be given; use a key"));
                }
                let socket = (path.len() > 1).then(|| path.to_owned());
                Ok(Self::Ssh { user, host, port, socket })
            }
            "npipe" => Err(wrong("named pipes are Windows'")),
            other => Err(wrong(&format!("{other}:// is not known"))),
        }
    }
}

/// `host`, `host:port`, `[v6]:port`.
fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let port = port.strip_prefix(':').map(str::parse).transpose().ok()?;
        return Some((host.to_owned(), port));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => Some((host.to_owned(), Some(port.parse().ok()?))),
        None => Some((text.to_owned(), None)),
    }
}

/// Files for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates that may sign the engine's.
    pub ca: Option<PathBuf>,
    /// Our certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// Whether the engine's certificate is checked.
    pub verify: bool,
}

/// An engine that can be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The context's name, or the address where there is no context.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// TLS, for TCP.
    pub tls: Option<TlsFiles>,
    /// What decided for it, in words for messages: `--host`, `DOCKER_HOST`, `context web`...
    pub source: String,
}

/// What resolution looks at, so that it can be tried without touching the process.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Home directory.
    pub home: PathBuf,
    /// Directory that file system paths are below; `/` outside of tests.
    pub root: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let env: BTreeMap<String, String> =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        let home = directories::BaseDirs::new().map_or_else(|| PathBuf::from("/"), |d| d.home_dir().to_owned());
        Self { env, home, root: "/".into() }
    }

    fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    fn config_dir(&self) -> PathBuf {
        self.var("DOCKER_CONFIG").map_or_else(|| self.home.join(".docker"), PathBuf::from)
    }

    fn is_there(&self, path: &Path) -> bool {
        self.root.join(path.strip_prefix("/").unwrap_or(path)).exists()
    }
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct ContextFile {
    name: String,
    endpoints: BTreeMap<String, ContextEndpoint>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct ContextEndpoint {
    host: String,
    #[serde(rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct CliConfig {
    current_context: String,
}

impl Endpoint {
    /// Resolves the engine to talk to; `flag` is `--host`: an address or a context's name.
    pub fn resolve(flag: Option<&str>, around: &Surroundings) -> Result<Self, EngineError> {
        if let Some(flag) = flag {
            if flag.contains("://") || flag.contains(':') {
                return Self::at(flag, "--host", around);
            }
            return Self::context(flag, "--host", around);
        }
        if let Some(host) = around.var("DOCKER_HOST") {
            return Self::at(host, "DOCKER_HOST", around);
        }
        if let Some(name) = around.var("DOCKER_CONTEXT") {
            return Self::context(name, "DOCKER_CONTEXT", around);
        }
        let file = around.config_dir().join("config.json");
        if let Some(text) = read(&file)? {
            let config: CliConfig = serde_json::from_slice(&text).map_err(|e| {
                EngineError::new(ErrorKind::Config, format!("{}: {e}", file.display()))
                    .with_hint("the docker CLI's config file is broken; mend it, or set DOCKER_HOST")
            })?;
            if !config.current_context.is_empty() && config.current_context != "default" {
                return Self::context(&config.current_context, "currentContext", around);
            }
        }
        Ok(Self::default_socket(around))
    }

    /// All contexts there are: name and address, or why one cannot be read.
    pub fn contexts(around: &Surroundings) -> Vec<(String, Result<Self, EngineError>)> {
        let default = Self::default_socket(around);
        let mut all = vec![("default".to_owned(), Ok(default))];
        let Ok(dirs) = std::fs::read_dir(around.config_dir().join("contexts/meta")) else { return all };
        for dir in dirs.flatten() {
            match context_file(&dir.path().join("meta.json")) {
                Ok(Some(file)) if !file.name.is_empty() => {
                    all.push((file.name.clone(), Self::context(&file.name, "context", around)));
                }
                Ok(_) => {}
                // Its name is in the file that cannot be read.
                Err(e) => all.push((dir.file_name().to_string_lossy().chars().take(12).collect(), Err(e))),
            }
        }
        all[1..].sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Whether it is an engine whose files this process could see.
    pub fn is_local(&self) -> bool {
        matches!(self.address, Address::Unix(_))
    }

    /// Environment for a child process, so that it talks to the same engine.
    pub fn docker_env(&self) -> Vec<(String, String)> {
        let on = |on: bool| if on { "1" } else { "" }.to_owned();
        let tls = self.tls.as_ref();
        // Empty counts as not set: what this process was started with must not decide about another engine.
        let mut env = vec![
            ("DOCKER_HOST".to_owned(), self.address.to_string()),
            ("DOCKER_CONTEXT".to_owned(), String::new()),
            ("DOCKER_TLS".to_owned(), on(tls.is_some_and(|t| !t.verify))),
            ("DOCKER_TLS_VERIFY".to_owned(), on(tls.is_some_and(|t| t.verify))),
        ];
        if let Some(dir) = tls.and_then(|t| t.ca.as_ref().or(t.cert.as_ref())).and_then(|p| p.parent()) {
            env.push(("DOCKER_CERT_PATH".to_owned(), dir.display().to_string()));
        }
        env
    }

    fn at(address: &str, source: &str, around: &Surroundings) -> Result<Self, EngineError> {
        let parsed = Address::parse(address).map_err(|e| {
            let message = format!("{source}: {}", e.message);
            EngineError::new(e.kind, message).with_hint(e.hint)
        })?;
        let verify = around.var("DOCKER_TLS_VERIFY").is_some();
        let wants_tls = verify || around.var("DOCKER_TLS").is_some() || address.starts_with("https://");
        let tls = (matches!(parsed, Address::Tcp { .. }) && wants_tls).then(|| {
            let dir = around.var("DOCKER_CERT_PATH").map_or_else(|| around.config_dir(), PathBuf::from);
            tls_in(&dir, verify)
        });
        let address = match (parsed, &tls) {
            (Address::Tcp { host, port: 2375 }, Some(_)) if !address.trim_end_matches('/').ends_with(":2375") => {
                Address::Tcp { host, port: 2376 }
            }
            (parsed, _) => parsed,
        };
        let name = match &address {
            Address::Unix(path) if path.as_path() == Path::new(DEFAULT_SOCKET) => "default".to_owned(),
            Address::Unix(path) => path.display().to_string(),
            Address::Tcp { host, .. } | Address::Ssh { host, .. } => host.clone(),
            Address::Inside { container, .. } => container.clone(),
        };
        Ok(Self { name, address, tls, source: source.to_owned() })
    }

    fn context(name: &str, source: &str, around: &Surroundings) -> Result<Self, EngineError> {
        if name == "default" {
            return Ok(Self::default_socket(around));
        }
        let hash = hash(name);
        let file = around.config_dir().join("contexts/meta").join(&hash).join("meta.json");
        let known = || {
            let names: Vec<_> = Self::contexts(around).into_iter().map(|(n, _)| n).collect();
            format!("there are: {}; or give an address such as ssh://user@host", names.join(", "))
        };
        let Some(meta) = context_file(&file)? else {
            return Err(EngineError::new(ErrorKind::Config, format!("{source}: there is no context `{name}`"))
                .with_hint(known()));
        };
        let Some(docker) = meta.endpoints.get("docker").filter(|d| !d.host.is_empty()) else {
            return Err(EngineError::new(ErrorKind::Config, format!("context `{name}` names no docker endpoint"))
                .with_hint(known()));
        };
        let address = Address::parse(&docker.host)
            .map_err(|e| EngineError::new(e.kind, format!("{}: {}", file.display(), e.message)).with_hint(e.hint))?;
        let dir = around.config_dir().join("contexts/tls").join(&hash).join("docker");
        let tls = (matches!(address, Address::Tcp { .. }) && (dir.is_dir() || docker.skip_tls_verify))
            .then(|| tls_in(&dir, !docker.skip_tls_verify));
        Ok(Self { name: name.to_owned(), address, tls, source: format!("context {name}") })
    }

    /// Where engines listen on a machine, there or not: the default first, then those of rootless Docker, Docker
    /// Desktop, Colima and podman.
    pub fn sockets(around: &Surroundings) -> Vec<(PathBuf, &'static str)> {
        let runtime = around.var("XDG_RUNTIME_DIR").map(PathBuf::from);
        [
            Some((DEFAULT_SOCKET.into(), "default")),
            runtime.as_ref().map(|d| (d.join("docker.sock"), "rootless")),
            Some((around.home.join(".docker/run/docker.sock"), "desktop")),
            Some((around.home.join(".docker/desktop/docker.sock"), "desktop")),
            Some((around.home.join(".colima/default/docker.sock"), "colima")),
            runtime.as_ref().map(|d| (d.join("podman/podman.sock"), "podman")),
            Some(("/run/podman/podman.sock".into(), "podman")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The default socket, or the first other one that is there.
    fn default_socket(around: &Surroundings) -> Self {
        let mut others = Self::sockets(around).into_iter().skip(1);
        let default = Path::new(DEFAULT_SOCKET);
        let other = others.find(|(path, _)| around.is_there(path));
        let (path, name) = match other {
            Some((path, name)) if !around.is_there(default) => (path, name),
            _ => (default.to_owned(), "default"),
        };
        Self { name: name.to_owned(), address: Address::Unix(path), tls: None, source: "the default".to_owned() }
    }
}

/// What a file holds; nothing when it is not there.
fn read(file: &Path) -> Result<Option<Vec<u8>>, EngineError> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(EngineError::new(ErrorKind::Config, format!("{}: {e}", file.display()))
            .with_hint("it must be readable; or set DOCKER_CONFIG or DOCKER_HOST")),
    }
}

fn context_file(file: &Path) -> Result<Option<ContextFile>, EngineError> {
    let Some(bytes) = read(file)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|e| {
        EngineError::new(ErrorKind::Config, format!("{}: {e}", file.display()))
            .with_hint("the file of a docker context is broken; make the context again with `docker context create`")
    })
}

/// The name of a context's folders.
fn hash(name: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(name.as_bytes()).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn tls_in(dir: &Path, verify: bool) -> TlsFiles {
    let file = |name: &str| Some(dir.join(name)).filter(|p| p.exists());
    TlsFiles {
        // Where verification is wanted its CA must be there; the error then names it.
        ca: file("ca.pem").or_else(|| verify.then(|| dir.join("ca.pem"))),
        cert: file("cert.pem"),
        key: file("key.pem"),
        verify,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn around(dir: &Path, env: &[(&str, &str)]) -> Surroundings {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Surroundings { env, home: dir.to_owned(), root: dir.to_owned() }
    }

    fn context(dir: &Path, name: &str, host: &str) {
        let hash = hash(name);
        let meta = dir.join(".docker/contexts/meta").join(hash);
        std::fs::create_dir_all(&meta).unwrap();
        let text = serde_json::json!({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": false}}});
        std::fs::write(meta.join("meta.json"), text.to_string()).unwrap();
    }

    #[test]
    fn addresses_read_and_show_alike() {
        for text in ["unix:///run/x.sock", "tcp://a:1", "tcp://[::1]:2375", "ssh://me@host:22", "ssh://host/run/x.sock"]
        {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Address::parse("a:5").unwrap().to_string(), "tcp://a:5");
        for bad in ["ftp://x", "tcp://a:b", "ssh://", "ssh://-oProxyCommand=x", "ssh://u:p@h", "npipe://x"] {
            let error = Address::parse(bad).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Config, "{bad}");
            assert!(error.message.contains(bad) && !error.hint.is_empty(), "{error}");
        }
    }

    #[test]
    fn the_order_is_that_of_the_docker_cli() {
        let dir = tempfile::tempdir().unwrap();
        context(dir.path(), "web", "ssh://ops@web-01");
        context(dir.path(), "lab", "tcp://10.0.0.2:2376");
        std::fs::write(dir.path().join(".docker/config.json"), r#"{"currentContext":"web","auths":{}}"#).unwrap();
        let name = |flag: Option<&str>, env: &[(&str, &str)]| {
            let e = Endpoint::resolve(flag, &around(dir.path(), env)).unwrap();
            (e.name, e.address.to_string())
        };
        let at = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(name(None, &[]), at("web", "ssh://ops@web-01"));
        assert_eq!(name(None, &[("DOCKER_CONTEXT", "lab")]), at("lab", "tcp://10.0.0.2:2376"));
        assert_eq!(name(None, &[("DOCKER_CONTEXT", "lab"), ("DOCKER_HOST", "unix:///x")]), at("/x", "unix:///x"));
        assert_eq!(name(Some("tcp://h:1"), &[("DOCKER_HOST", "unix:///x")]), at("h", "tcp://h:1"));
        assert_eq!(name(Some("lab"), &[]), at("lab", "tcp://10.0.0.2:2376"));
        assert_eq!(name(Some("default"), &[]), at("default", "unix:///var/run/docker.sock"));
        let error = Endpoint::resolve(Some("nope"), &around(dir.path(), &[])).unwrap_err();
        assert!(error.hint.contains("default, lab, web"), "{error}");
    }

    #[test]
    fn other_sockets_count_only_when_the_default_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("run/podman/podman.sock");
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        std::fs::write(&socket, "").unwrap();
        let found = |dir: &Path| Endpoint::resolve(None, &around(dir, &[])).unwrap().name;
        assert_eq!(found(dir.path()), "podman");
        std::fs::create_dir_all(dir.path().join("var/run")).unwrap();
        std::fs::write(dir.path().join("var/run/docker.sock"), "").unwrap();
        assert_eq!(found(dir.path()), "default");
    }

    #[test]
    fn tls_follows_the_variables() {
        let dir = tempfile::tempdir().unwrap();
        let env = [("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs")];
        let endpoint = Endpoint::resolve(None, &around(dir.path(), &env)).unwrap();
        assert_eq!(endpoint.address.to_string(), "tcp://h:2376");
        let tls = endpoint.tls.unwrap();
        assert!(tls.verify && tls.ca == Some("/certs/ca.pem".into()));
        let plain = Endpoint::resolve(None, &around(dir.path(), &env[..1])).unwrap();
        assert_eq!((plain.address.to_string(), plain.tls), ("tcp://h:2375".to_owned(), None));
    }

    #[test]
    fn a_contexts_tls_files_and_its_word_on_verification_count() {
        let dir = tempfile::tempdir().unwrap();
        context(dir.path(), "plain", "tcp://h:1");
        context(dir.path(), "tls", "tcp://h:2");
        let files = dir.path().join(".docker/contexts/tls").join(hash("tls")).join("docker");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("cert.pem"), "").unwrap();
        // What the process was started with is about another engine.
        let around = around(dir.path(), &[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/elsewhere")]);
        let tls = |name: &str| Endpoint::resolve(Some(name), &around).unwrap().tls;
        assert_eq!(tls("plain"), None);
        let found = tls("tls").unwrap();
        assert!(found.verify && found.key.is_none(), "{found:?}");
        assert_eq!((found.ca, found.cert), (Some(files.join("ca.pem")), Some(files.join("cert.pem"))));
        let meta = dir.path().join(".docker/contexts/meta").join(hash("tls")).join("meta.json");
        std::fs::write(meta, r#"{"Name":"tls","Endpoints":{"docker":{"Host":"tcp://h:2","SkipTLSVerify":true}}}"#)
            .unwrap();
        let found = tls("tls").unwrap();
        assert!(!found.verify && found.ca.is_none(), "{found:?}");
    }

    #[test]
    fn a_child_gets_the_same_engine_whatever_this_process_was_started_with() {
        let dir = tempfile::tempdir().unwrap();
        let env = |vars: &[(&str, &str)]| -> BTreeMap<String, String> {
            Endpoint::resolve(None, &around(dir.path(), vars)).unwrap().docker_env().into_iter().collect()
        };
        let plain = env(&[("DOCKER_HOST", "ssh://h"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CONTEXT", "x")]);
        assert_eq!(plain["DOCKER_HOST"], "ssh://h");
        assert_eq!((&*plain["DOCKER_CONTEXT"], &*plain["DOCKER_TLS_VERIFY"], &*plain["DOCKER_TLS"]), ("", "", ""));
        let tls = env(&[("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs")]);
        assert_eq!((&*tls["DOCKER_TLS_VERIFY"], &*tls["DOCKER_TLS"], &*tls["DOCKER_CERT_PATH"]), ("1", "", "/certs"));
    }

    #[test]
    fn a_context_that_cannot_be_read_is_named_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        context(dir.path(), "odd", "gopher://h");
        let around = around(dir.path(), &[]);
        let error = Endpoint::resolve(Some("odd"), &around).unwrap_err();
        assert!(error.message.contains("meta.json") && error.message.contains("gopher://h"), "{error}");
        let meta = dir.path().join(".docker/contexts/meta").join(hash("odd")).join("meta.json");
        std::fs::write(meta, "{").unwrap();
        let error = Endpoint::resolve(Some("odd"), &around).unwrap_err();
        assert!(error.message.contains("meta.json") && error.message.contains("line 1"), "{error}");
        let all = Endpoint::contexts(&around);
        assert_eq!((all.len(), all[0].1.is_ok(), all[1].1.is_err()), (2, true, true));
        // A folder stands for any file that is there but cannot be read.
        std::fs::create_dir(dir.path().join(".docker/config.json")).unwrap();
        let error = Endpoint::resolve(None, &around).unwrap_err();
        assert!(error.message.contains("config.json"), "{error}");
    }

    #[test]
    fn a_broken_config_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".docker")).unwrap();
        std::fs::write(dir.path().join(".docker/config.json"), "{").unwrap();
        let error = Endpoint::resolve(None, &around(dir.path(), &[])).unwrap_err();
        assert!(error.message.contains("config.json") && error.message.contains("line 1"), "{error}");
    }
}
