//! One HTTP request to a service in a container, by whichever way leads there.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::dial::Io;
use super::exec::Tunnel;
use super::failure::{broken, root, told};
use super::model::Container;
use super::ssh::ssh_port;
use super::{Address, Endpoint, Engine, EngineError, ErrorKind};
use crate::text::shell;

/// The most of a body that is read.
const LARGEST: usize = 256 << 10;
/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// A request to a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// `GET`, `POST`...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The port.
    pub port: u16,
    /// Names and values, besides those that every request has.
    pub headers: Vec<(String, String)>,
    /// What is sent with it.
    pub body: String,
}

impl Ask {
    /// Reads `[METHOD] [:PORT]/PATH [-H 'NAME: VALUE']... [BODY]`, as people type it. More lines are headers; what
    /// stands after an empty line is the body.
    pub fn parse(text: &str, port: u16) -> Result<Self, String> {
        let text = text.trim().replace("\r\n", "\n");
        let (line, more) = text.split_once('\n').unwrap_or((&text, ""));
        let (method, rest) = match line.split_once(' ') {
            Some((method, rest)) if !method.starts_with(['/', ':']) => (method.to_uppercase(), rest.trim()),
            None if !line.is_empty() && line.bytes().all(|b| b.is_ascii_uppercase()) => (line.to_owned(), ""),
            _ => ("GET".to_owned(), line.trim()),
        };
        if method.parse::<Method>().is_err() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(format!("{method} is no method; expected GET, POST, HEAD..."));
        }
        let (target, mut rest) = rest.split_once(' ').map_or((rest, ""), |(t, r)| (t, r.trim_start()));
        let (port, path) = match target.strip_prefix(':') {
            Some(target) => {
                let (digits, path) = target.find('/').map_or((target, ""), |i| target.split_at(i));
                (digits.parse().map_err(|_| format!("{digits} is no port; expected 1 to 65535"))?, path)
            }
            None => (port, target),
        };
        let path = if path.is_empty() { "/" } else { path };
        if !path.starts_with('/') || path.parse::<hyper::Uri>().is_err() {
            return Err(format!("{path} is no path; it begins with / and has no spaces"));
        }
        let mut headers = Vec::new();
        while let Some(after) = rest.strip_prefix("-H").filter(|r| r.is_empty() || r.starts_with([' ', '\'', '"'])) {
            let (word, left) = first_word(after)?;
            headers.push(header(&word)?);
            rest = left;
        }
        let (lines, below) = match more.split_once("\n\n") {
            _ if more.starts_with('\n') => ("", &more[1..]),
            Some(parts) => parts,
            None => (more, ""),
        };
        for line in lines.lines() {
            headers.push(header(line)?);
        }
        let body = match (rest, below) {
            (rest, "") => rest.to_owned(),
            ("", below) => below.to_owned(),
            (rest, below) => format!("{rest}\n{below}"),
        };
        if !body.is_empty() && matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS") {
            return Err(format!("{method} sends no body: `{body}` after the path; POST /path BODY does"));
        }
        Ok(Self { method, path: path.to_owned(), port, headers, body })
    }

    /// What kind of content the body seems to be.
    fn content_type(&self) -> Option<&'static str> {
        let text = self.body.trim();
        match text.as_bytes().first()? {
            b'{' | b'[' | b'"' => Some("application/json"),
            b'<' => Some("application/xml"),
            _ if text.contains('=') && !text.contains(char::is_whitespace) => Some("application/x-www-form-urlencoded"),
            _ => Some("text/plain; charset=utf-8"),
        }
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, EngineError> {
        let wrong = |e: &dyn std::fmt::Display| EngineError::new(ErrorKind::Config, e.to_string());
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(&self.path)
            .header("host", format!("localhost:{}", self.port))
            .header("user-agent", "ondeck")
            .header("connection", "close")
            .body(Full::new(Bytes::from(self.body.clone())))
            .map_err(|e| wrong(&e))?;
        if let Some(kind) = self.content_type() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(|e| wrong(&e))?;
            request.headers_mut().insert(name, HeaderValue::try_from(value).map_err(|e| wrong(&e))?);
        }
        Ok(request)
    }
}

/// `NAME: VALUE`.
fn header(line: &str) -> Result<(String, String), String> {
    let wrong = || format!("`{line}` is no header; expected NAME: VALUE");
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
    if HeaderName::try_from(&name).is_err() || HeaderValue::try_from(&value).is_err() {
        return Err(wrong());
    }
    Ok((name, value))
}

/// The first word of a shell's line, and what stands after it.
fn first_word(line: &str) -> Result<(String, &str), String> {
    let line = line.trim_start();
    let ends = line.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(i, _)| i).chain([line.len()]);
    let mut why = String::new();
    for end in ends {
        match shell::words(&line[..end]) {
            Ok(mut words) if words.len() == 1 => return Ok((words.remove(0), line[end..].trim_start())),
            Ok(_) => break,
            Err(e) => why = e,
        }
    }
    Err(if why.is_empty() { "-H is followed by nothing; expected -H 'NAME: VALUE'".to_owned() } else { why })
}

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, such as `200 OK`.
    pub status: String,
    /// Its number.
    pub code: u16,
    /// Names and values, as they came.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body.
    pub body: Bytes,
    /// Whether there was more.
    pub cut: bool,
    /// From the connection to the last byte read.
    pub took: Duration,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Nothing listens there.
    Refused,
    /// The connection broke, or what came was no HTTP.
    Broke(String),
    /// It listens, and says nothing.
    Slow,
    /// There is no way to it, or the request cannot be sent.
    NoWay(EngineError),
}

/// How a port is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Through a command in a container, which connects with it.
    Command {
        /// The container.
        container: String,
        /// Program and arguments.
        command: Vec<String>,
    },
    /// Through a command in the container that the engine itself is in.
    Around {
        /// Program and arguments.
        command: Vec<String>,
    },
    /// From this machine.
    Direct {
        /// Name or address.
        host: String,
        /// Port there.
        port: u16,
    },
    /// From the engine's host, which is reached by ssh.
    Ssh {
        /// Name or address, as that host knows it.
        host: String,
        /// Port there.
        port: u16,
    },
}

impl Reach {
    /// How a container's port is reached that runs on the engine at `endpoint`: where it is published, else through
    /// the container's own address, which only its host knows.
    ///
    /// # Errors
    /// When it runs where only published ports are reached, and publishes none.
    pub fn of(endpoint: &Endpoint, container: &Container, port: u16) -> Result<Self, EngineError> {
        let published = container.ports.iter().find(|p| p.container == port && p.protocol == "tcp" && p.host.is_some());
        let (at, number) = match published.and_then(|p| Some((p.host_ip, p.host?))) {
            Some((ip, host)) => (ip.filter(|ip| !ip.is_unspecified()), host),
            None if container.networks.iter().any(|n| n.network == "host") => (None, port),
            None if matches!(endpoint.address, Address::Tcp { .. }) => {
                return Err(EngineError::new(
                    ErrorKind::Config,
                    format!("port {port} of {} is not published, and only its host can reach it else", container.name),
                )
                .with_hint(format!("publish it: {port}:{port}")));
            }
            None => match container.networks.iter().find_map(|n| n.ip.or(n.ip6)) {
                Some(ip) => (Some(ip), port),
                None => {
                    return Err(EngineError::new(
                        ErrorKind::Config,
                        format!("{} has no network, so no port of it can be reached", container.name),
                    ));
                }
            },
        };
        let here = || at.map_or_else(|| "127.0.0.1".to_owned(), |ip| ip.to_string());
        Ok(match &endpoint.address {
            Address::Unix(_) => Self::Direct { host: here(), port: number },
            Address::Ssh { .. } => Self::Ssh { host: here(), port: number },
            Address::Tcp { host, .. } => match at {
                // What is published at its host's loopback is reached only there; perhaps that is this machine.
                Some(ip) if !ip.is_loopback() => Self::Direct { host: ip.to_string(), port: number },
                _ => Self::Direct { host: host.clone(), port: number },
            },
            Address::Inside { command, .. } => Self::Around { command: dial(command, at, number) },
        })
    }
}

/// The command that connects with a port, beside the one that connects with an engine.
fn dial(engine: &[String], at: Option<IpAddr>, port: u16) -> Vec<String> {
    let program = engine.first().cloned().unwrap_or_default();
    match at {
        Some(ip) if !ip.is_loopback() => {
            let to = if ip.is_ipv6() { format!("TCP6:[{ip}]:{port}") } else { format!("TCP:{ip}:{port}") };
            vec!["socat".to_owned(), "-".to_owned(), to]
        }
        _ => vec![program, port.to_string()],
    }
}

impl Engine {
    /// Sends a request; redirects are told, not followed.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn request(&self, reach: &Reach, ask: &Ask) -> Result<Answer, Silence> {
        self.request_within(reach, ask, PATIENCE).await
    }

    /// The same, of an answer that may take so long.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn request_within(&self, reach: &Reach, ask: &Ask, patience: Duration) -> Result<Answer, Silence> {
        let request = ask.request().map_err(Silence::NoWay)?;
        let began = Instant::now();
        let until = tokio::time::Instant::now() + patience;
        let sent = async {
            let wire = self.wire(reach).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(wire)).await.map_err(|e| self.silence(reach, &e))?;
            let connection = tokio::spawn(connection);
            match sender.send_request(request).await {
                Ok(response) => Ok(response),
                // Why the connection broke is known to whoever drives it.
                Err(e) => Err(match connection.await {
                    Ok(Err(cause)) => self.silence(reach, &cause),
                    _ => self.silence(reach, &e),
                }),
            }
        };
        let response = tokio::time::timeout_at(until, sent).await.map_err(|_| Silence::Slow)??;
        let status = response.status();
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = response.headers().iter().map(header).collect();
        let (mut body, mut cut) = (Vec::new(), false);
        let mut stream = response.into_body();
        loop {
            let frame = match tokio::time::timeout_at(until, stream.frame()).await {
                Ok(None) => break,
                Ok(Some(frame)) => frame.map_err(|e| self.silence(reach, &e))?,
                // A body that has no end, such as one of events: what came of it is worth showing.
                Err(_) => {
                    cut = true;
                    break;
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            let room = (LARGEST - body.len()).min(data.len());
            body.extend_from_slice(&data[..room]);
            if room < data.len() {
                cut = true;
                break;
            }
        }
        let status_line = status.to_string();
        Ok(Answer {
            status: status_line,
            code: status.as_u16(),
            headers,
            body: body.into(),
            cut,
            took: began.elapsed(),
        })
    }

    /// Connects with a port, says something, and hears what comes back: until `enough` of it is there, the other side
    /// ends, or time is over.
    ///
    /// # Errors
    /// Why there was no connection; that nothing comes over one is no error.
    pub async fn converse(
        &self,
        reach: &Reach,
        say: &[u8],
        enough: &(dyn Fn(&[u8]) -> bool + Send + Sync),
        patience: Duration,
    ) -> Result<Vec<u8>, Silence> {
        let until = tokio::time::Instant::now() + patience;
        let mut wire = tokio::time::timeout_at(until, self.wire(reach)).await.map_err(|_| Silence::Slow)??;
        let mut heard = Vec::new();
        let talk = async {
            if !say.is_empty() {
                wire.write_all(say).await?;
                wire.flush().await?;
            }
            let mut piece = vec![0; 16 << 10];
            while !enough(&heard) && heard.len() < LARGEST {
                match wire.read(&mut piece).await? {
                    0 => break,
                    n => heard.extend_from_slice(&piece[..n]),
                }
            }
            Ok::<_, io::Error>(())
        };
        match tokio::time::timeout_at(until, talk).await {
            Ok(Err(e)) if heard.is_empty() => Err(self.silence(reach, &e)),
            _ => Ok(heard),
        }
    }

    async fn wire(&self, reach: &Reach) -> Result<Box<dyn Io>, Silence> {
        let lost = |e: &io::Error| match e.kind() {
            io::ErrorKind::ConnectionRefused => Silence::Refused,
            _ => Silence::NoWay(EngineError::new(ErrorKind::Unreachable, e.to_string())),
        };
        Ok(match reach {
            Reach::Command { container, command } => {
                Box::new(Tunnel::through(&self.http, container, command).await.map_err(|e| Silence::NoWay(told(&e)))?)
            }
            Reach::Around { command } => {
                let Address::Inside { container, .. } = &self.endpoint.address else {
                    let why = format!("{} is in no container", self.endpoint.name);
                    return Err(Silence::NoWay(EngineError::new(ErrorKind::Config, why)));
                };
                let outer = self.http.around().map_err(Silence::NoWay)?;
                Box::new(Tunnel::through(outer, container, command).await.map_err(|e| Silence::NoWay(told(&e)))?)
            }
            Reach::Direct { host, port } => {
                Box::new(TcpStream::connect((host.as_str(), *port)).await.map_err(|e| lost(&e))?)
            }
            Reach::Ssh { host: to, port: number } => {
                let Address::Ssh { user, host, port, .. } = &self.endpoint.address else {
                    let why = format!("{} is not reached by ssh", self.endpoint.name);
                    return Err(Silence::NoWay(EngineError::new(ErrorKind::Config, why)));
                };
                let to = if to.contains(':') { format!("[{to}]:{number}") } else { format!("{to}:{number}") };
                Box::new(ssh_port(user.as_deref(), host, *port, &to).map_err(|e| lost(&e))?)
            }
        })
    }

    fn silence(&self, reach: &Reach, error: &(dyn std::error::Error + 'static)) -> Silence {
        let why = root(error);
        let says = |words: &str| why.to_lowercase().contains(words);
        match reach {
            // The login failed, and not what was to come after it.
            Reach::Ssh { .. } if says("ssh: connect to host") || says("permission denied") || says("host key") => {
                Silence::NoWay(broken(&self.endpoint.address, error))
            }
            Reach::Ssh { .. } if says("prohibited") => Silence::NoWay(
                EngineError::new(ErrorKind::Forbidden, format!("{}: {why}", self.endpoint.address))
                    .with_hint("its sshd forwards no ports (AllowTcpForwarding)"),
            ),
            // In the words of the command or of ssh, which connected for us.
            _ if says("connection refused") => Silence::Refused,
            _ => Silence::Broke(why),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::model::{Attachment, Port};

    #[test]
    fn requests_are_read_as_people_type_them() {
        let ask = |text: &str| Ask::parse(text, 8080).map(|a| (a.method, a.path, a.port));
        assert_eq!(ask(""), Ok(("GET".into(), "/".into(), 8080)));
        assert_eq!(ask("/health?x=1"), Ok(("GET".into(), "/health?x=1".into(), 8080)));
        assert_eq!(ask("post :3000/new"), Ok(("POST".into(), "/new".into(), 3000)));
        assert_eq!(ask(":3000"), Ok(("GET".into(), "/".into(), 3000)));
        assert_eq!(ask("HEAD"), Ok(("HEAD".into(), "/".into(), 8080)));
        for wrong in ["health", "G3T /", "GET a b", ":x/", "GET /a b", ":99999/", "POST /a -H", "POST / -H 'a"] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_and_bodies_stand_behind_the_path_or_below() {
        let ask = Ask::parse("POST /x  {\"a\": 1}", 80).unwrap();
        assert_eq!((ask.body.as_str(), ask.content_type()), ("{\"a\": 1}", Some("application/json")));
        let ask = Ask::parse("PUT :81/x -H 'X-Key: a b' -H \"Accept: */*\" name=ann", 80).unwrap();
        assert_eq!(ask.headers, [("X-Key".into(), "a b".into()), ("Accept".into(), "*/*".into())]);
        assert_eq!((ask.body.as_str(), ask.port), ("name=ann", 81));
        assert_eq!(ask.request().unwrap().headers()["content-type"], "application/x-www-form-urlencoded");
        let ask = Ask::parse("POST /x\r\nContent-Type: text/csv\r\n\r\na,b\r\n\r\n1,2", 80).unwrap();
        assert_eq!(ask.body, "a,b\n\n1,2");
        assert_eq!(ask.request().unwrap().headers()["content-type"], "text/csv");
        let ask = Ask::parse("/x\nAuthorization: Bearer x", 80).unwrap();
        assert_eq!((ask.headers.len(), ask.body.as_str()), (1, ""));
        assert_eq!(Ask::parse("POST /x\n\nbody", 80).unwrap().body, "body");
        assert!(Ask::parse("/x\nno header", 80).is_err());
    }

    fn at(address: Address) -> Endpoint {
        Endpoint { name: "x".into(), address, tls: None, source: "test".into() }
    }

    #[test]
    fn a_port_is_reached_where_it_is_published_and_else_at_its_container() {
        let port =
            |ip: &str, host, container| Port { host_ip: ip.parse().ok(), host, container, protocol: "tcp".into() };
        let network = Attachment { network: "bridge".into(), ip: "172.17.0.2".parse().ok(), ..Attachment::default() };
        let web = Container {
            ports: vec![port("0.0.0.0", Some(8080), 80), port("127.0.0.1", Some(91), 90), port("", None, 70)],
            networks: vec![network],
            ..Container::default()
        };
        let direct = |host: &str, port| Reach::Direct { host: host.into(), port };
        let ssh = |host: &str, port| Reach::Ssh { host: host.into(), port };
        let local = at(Address::Unix("/x".into()));
        let tcp = at(Address::Tcp { host: "web-01".into(), port: 2376 });
        let by_ssh = at(Address::Ssh { user: None, host: "web-01".into(), port: None, socket: None });
        let inside = at(Address::Inside {
            via: Box::new(local.clone()),
            container: "s".into(),
            command: vec!["/dial".into(), "docker".into()],
        });
        assert_eq!(Reach::of(&local, &web, 80).unwrap(), direct("127.0.0.1", 8080));
        assert_eq!(Reach::of(&local, &web, 70).unwrap(), direct("172.17.0.2", 70));
        assert_eq!(Reach::of(&tcp, &web, 80).unwrap(), direct("web-01", 8080));
        assert!(Reach::of(&tcp, &web, 70).unwrap_err().hint.contains("70:70"));
        assert_eq!(Reach::of(&by_ssh, &web, 90).unwrap(), ssh("127.0.0.1", 91));
        assert_eq!(Reach::of(&by_ssh, &web, 70).unwrap(), ssh("172.17.0.2", 70));
        let command = |words: &[&str]| Reach::Around { command: words.iter().map(|w| (*w).to_owned()).collect() };
        assert_eq!(Reach::of(&inside, &web, 80).unwrap(), command(&["/dial", "8080"]));
        assert_eq!(Reach::of(&inside, &web, 70).unwrap(), command(&["socat", "-", "TCP:172.17.0.2:70"]));
        assert!(Reach::of(&local, &Container::default(), 80).is_err());
    }
}
