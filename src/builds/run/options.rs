//! How an image is to be run: read from what people type, and told as the docker command that would do it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::LABEL;
use crate::config::Size;
use crate::text::shell;

/// A port that is published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Port {
    /// The address of the host that it is published at; all when `None`.
    pub address: Option<IpAddr>,
    /// Port of the host; one that is free when `None`.
    pub host: Option<u16>,
    /// Port in the container.
    pub container: u16,
    /// Whether it is UDP's, not TCP's.
    pub udp: bool,
}

impl Port {
    const fn protocol(self) -> &'static str {
        if self.udp { "udp" } else { "tcp" }
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.host.map_or(String::new(), |p| p.to_string());
        match self.address {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:{host}:")?,
            Some(ip) => write!(f, "{ip}:{host}:")?,
            None if self.host.is_some() => write!(f, "{host}:")?,
            None => {}
        }
        write!(f, "{}{}", self.container, if self.udp { "/udp" } else { "" })
    }
}

/// How an image is run. What is not said is as the image has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Published ports.
    pub ports: Vec<Port>,
    /// Environment, besides the image's.
    pub env: Vec<(String, String)>,
    /// What is run in place of the image's CMD.
    pub command: Option<Vec<String>>,
    /// Bytes of memory it may use, without swap.
    pub memory: Option<u64>,
    /// Processors' worth of time it may use.
    pub cpus: Option<f64>,
    /// Whether its own files cannot be written.
    pub read_only: bool,
    /// User, as `name`, `uid` or `uid:gid`.
    pub user: Option<String>,
    /// Working directory.
    pub dir: Option<String>,
}

/// The same as people type it, field by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// `8080:80, 9000/udp`.
    pub ports: String,
    /// `A=b C="d e"`.
    pub env: String,
    /// As in a shell, but without a shell.
    pub command: String,
    /// `64m`.
    pub memory: String,
    /// `0.5`.
    pub cpus: String,
    /// Whether its own files cannot be written.
    pub read_only: bool,
    /// `1000:1000`.
    pub user: String,
    /// `/srv`.
    pub dir: String,
}

/// A field that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// `ports`, `env`, `command`, `memory`, `cpus`, `user` or `dir`.
    pub field: &'static str,
    /// What was found and what was expected.
    pub message: String,
}

impl Options {
    /// What is sensible for an image: every port that it exposes, at the same number of the host.
    pub fn for_image(image: &ImageFacts) -> Self {
        let port =
            |&(number, udp): &(u16, bool)| Port { host: Some(number), container: number, udp, ..Port::default() };
        Self { ports: image.exposed.iter().map(port).collect(), ..Self::default() }
    }

    /// Reads what people typed.
    ///
    /// # Errors
    /// The first field that cannot be right.
    pub fn parse(texts: &Texts) -> Result<Self, Wrong> {
        let wrong = |field| move |message: String| Wrong { field, message };
        let text = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        let no_control = |field: &'static str, value: &str| {
            if value.chars().any(char::is_control) {
                return Err(Wrong { field, message: "expected one line without control characters".to_owned() });
            }
            Ok(())
        };
        for (field, value) in [("user", &texts.user), ("dir", &texts.dir)] {
            no_control(field, value)?;
        }
        let command = shell::words(&texts.command).map_err(wrong("command"))?;
        let user = text(&texts.user);
        if user.as_ref().is_some_and(|u| u.contains(char::is_whitespace)) {
            return Err(wrong("user")(format!("{} is no user; expected a name, UID or UID:GID", texts.user)));
        }
        let dir = text(&texts.dir);
        if dir.as_ref().is_some_and(|d| !d.starts_with('/')) {
            return Err(wrong("dir")(format!("{} is no path from / on", texts.dir)));
        }
        Ok(Self {
            ports: ports(&texts.ports).map_err(wrong("ports"))?,
            env: env(&texts.env).map_err(wrong("env"))?,
            command: Some(command).filter(|c| !c.is_empty()),
            memory: text(&texts.memory).map(|t| memory(&t)).transpose().map_err(wrong("memory"))?,
            cpus: text(&texts.cpus).map(|t| cpus(&t)).transpose().map_err(wrong("cpus"))?,
            read_only: texts.read_only,
            user,
            dir,
        })
    }

    /// The texts that are read as these options.
    pub fn texts(&self) -> Texts {
        let words = |words: &[String]| words.iter().map(|w| shell::quote(w)).collect::<Vec<_>>().join(" ");
        let env: Vec<String> = self.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Texts {
            ports: self.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            env: words(&env),
            command: self.command.as_deref().map(words).unwrap_or_default(),
            memory: self.memory.map(|m| Size(m).to_string()).unwrap_or_default(),
            cpus: self.cpus.map(|c| c.to_string()).unwrap_or_default(),
            read_only: self.read_only,
            user: self.user.clone().unwrap_or_default(),
            dir: self.dir.clone().unwrap_or_default(),
        }
    }

    /// The directory that it works in.
    pub(super) fn dir_in<'a>(&'a self, image: &'a ImageFacts) -> &'a str {
        self.dir.as_deref().unwrap_or(&image.dir)
    }

    /// The body of the request that makes such a container.
    pub(super) fn body(&self, image: &str, workspace: &str) -> Value {
        let key = |port: &Port| format!("{}/{}", port.container, port.protocol());
        let mut bindings: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for port in &self.ports {
            let (ip, host) = (port.address.map(|a| a.to_string()), port.host.map(|p| p.to_string()));
            let binding = json!({ "HostIp": ip.unwrap_or_default(), "HostPort": host.unwrap_or_default() });
            bindings.entry(key(port)).or_default().push(binding);
        }
        let exposed: BTreeMap<String, Value> = self.ports.iter().map(|port| (key(port), json!({}))).collect();
        let env: Vec<String> = self.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut host = json!({ "PortBindings": bindings, "ReadonlyRootfs": self.read_only });
        if let Some(memory) = self.memory {
            host["Memory"] = json!(memory);
            host["MemorySwap"] = json!(memory);
        }
        if let Some(cpus) = self.cpus {
            host["NanoCpus"] = json!((cpus * 1e9) as u64);
        }
        let mut body = json!({
            "Image": image, "Env": env, "ExposedPorts": exposed, "HostConfig": host, "Labels": { LABEL: workspace },
        });
        if let Some(command) = &self.command {
            body["Cmd"] = json!(command);
        }
        for (name, value) in [("User", &self.user), ("WorkingDir", &self.dir)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        body
    }
}

/// The docker command that would run an image so.
pub fn docker_command(options: &Options, image: &str, name: &str) -> String {
    let mut line = format!("docker run --detach --name {}", shell::quote(name));
    let mut flag = |name: &str, value: &str| line.extend([" --", name, " ", &shell::quote(value)]);
    for port in &options.ports {
        flag("publish", &port.to_string());
    }
    for (name, value) in &options.env {
        flag("env", &format!("{name}={value}"));
    }
    if let Some(memory) = options.memory {
        flag("memory", &memory_text(memory));
        flag("memory-swap", &memory_text(memory));
    }
    if let Some(cpus) = options.cpus {
        flag("cpus", &cpus.to_string());
    }
    for (name, value) in [("user", &options.user), ("workdir", &options.dir)] {
        if let Some(value) = value {
            flag(name, value);
        }
    }
    if options.read_only {
        line.push_str(" --read-only");
    }
    for word in std::iter::once(image).chain(options.command.iter().flatten().map(String::as_str)) {
        line.push(' ');
        line.push_str(&shell::quote(word));
    }
    line
}

/// A size that docker takes: it knows no fractions.
fn memory_text(bytes: u64) -> String {
    let text = Size(bytes).to_string();
    if text.contains('.') { bytes.to_string() } else { text }
}

fn number(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("{text} is no port; expected 1 to 65535"))
}

fn ports(text: &str) -> Result<Vec<Port>, String> {
    let mut all: Vec<Port> = Vec::new();
    for word in text.split([',', ' ', '\t', '\n']).filter(|w| !w.is_empty()) {
        let (numbers, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
        let udp = match protocol {
            "tcp" => false,
            "udp" => true,
            other => return Err(format!("{other} in {word} is no protocol; expected tcp or udp")),
        };
        if numbers.contains('-') {
            return Err(format!("{word} is a range; expected single ports, such as 8080:80, 8081:81"));
        }
        let (rest, container) = numbers.rsplit_once(':').map_or((None, numbers), |(r, c)| (Some(r), c));
        let (address, host) = match rest {
            None => (None, ""),
            Some(rest) => rest.rsplit_once(':').map_or((None, rest), |(a, h)| (Some(a), h)),
        };
        let address = address
            .map(|a| a.trim_start_matches('[').trim_end_matches(']'))
            .map(|a| a.parse().map_err(|_| format!("{a} in {word} is no address; expected such as 127.0.0.1:8080:80")))
            .transpose()?;
        if rest.is_some() && host.is_empty() && address.is_none() {
            return Err(format!("a port of the host is missing in {word}; expected HOST:CONTAINER, such as 8080:80"));
        }
        let host = Some(host).filter(|h| !h.is_empty()).map(number).transpose()?;
        let port = Port { address, host, container: number(container)?, udp };
        let same = |p: &&Port| p.udp == udp && p.host.is_some() && p.host == host && p.address == address;
        if let Some(other) = all.iter().find(same) {
            return Err(format!("{other} and {port} want the same port of the host"));
        }
        all.push(port);
    }
    Ok(all)
}

fn env(text: &str) -> Result<Vec<(String, String)>, String> {
    let read = |word: String| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() && !name.contains(char::is_whitespace) && !word.contains('\0') => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err(format!("{word} sets no variable; expected NAME=value, with quotes around spaces")),
    };
    shell::words(text)?.into_iter().map(read).collect()
}

fn memory(text: &str) -> Result<u64, String> {
    let size: Size = text.parse().map_err(|e: crate::config::NotAQuantity| e.to_string())?;
    if size.0 == 0 { Err("no memory at all is no limit; leave it empty for none".to_owned()) } else { Ok(size.0) }
}

fn cpus(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok().filter(|n: &f64| (0.01..=4096.0).contains(n));
    number.ok_or_else(|| format!("{text} is no number of processors; expected such as 0.5 or 2"))
}

/// What an image says of how it is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// Its identifier.
    pub id: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// ENTRYPOINT.
    pub entrypoint: Vec<String>,
    /// CMD.
    pub command: Vec<String>,
    /// EXPOSE: port, and whether it is UDP's.
    pub exposed: Vec<(u16, bool)>,
    /// USER; empty for root.
    pub user: String,
    /// WORKDIR; empty for `/`.
    pub dir: String,
    /// Processor architecture.
    pub arch: String,
}

impl ImageFacts {
    /// Reads an image's inspection.
    pub fn of(inspection: &Value) -> Self {
        let config = &inspection["Config"];
        let text = |value: &Value| crate::text::clean(value.as_str().unwrap_or_default()).into_owned();
        let list = |value: &Value| {
            let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
            all.iter().map(|v| v.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        let port = |key: &String| {
            let (number, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
            let number: u16 = number.parse().ok().filter(|n| *n > 0)?;
            matches!(protocol, "tcp" | "udp").then_some((number, protocol == "udp"))
        };
        let mut exposed: Vec<_> =
            config["ExposedPorts"].as_object().into_iter().flat_map(|m| m.keys()).filter_map(port).collect();
        exposed.sort_unstable();
        Self {
            id: text(&inspection["Id"]),
            tags: list(&inspection["RepoTags"]),
            entrypoint: list(&config["Entrypoint"]),
            command: list(&config["Cmd"]),
            exposed,
            user: text(&config["User"]),
            dir: text(&config["WorkingDir"]),
            arch: text(&inspection["Architecture"]),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn typed(ports: &str, env: &str, command: &str) -> Result<Options, Wrong> {
        Options::parse(&Texts { ports: ports.into(), env: env.into(), command: command.into(), ..Texts::default() })
    }

    #[test]
    fn options_are_read_as_people_type_them() {
        let read = typed("8080:80, 9000/udp 127.0.0.1:1:2,[::1]::3", "A=b C=\"d e\" E=", "sh -c 'echo $A'").unwrap();
        let port = |address: &str, host, container, udp| Port { address: address.parse().ok(), host, container, udp };
        assert_eq!(
            read.ports,
            [
                port("", Some(8080), 80, false),
                port("", None, 9000, true),
                port("127.0.0.1", Some(1), 2, false),
                port("::1", None, 3, false)
            ]
        );
        assert_eq!(read.env, [("A".into(), "b".into()), ("C".into(), "d e".into()), ("E".into(), String::new())]);
        assert_eq!(read.command.as_deref().unwrap(), ["sh", "-c", "echo $A"]);
        assert_eq!(typed("", " ", "").unwrap(), Options::default());
        let limits = Texts { memory: "64m".into(), cpus: "0.5".into(), user: "1:2".into(), ..Texts::default() };
        let limits = Options::parse(&limits).unwrap();
        assert_eq!((limits.memory, limits.cpus, limits.user.as_deref()), (Some(64 << 20), Some(0.5), Some("1:2")));
    }

    #[test]
    fn a_wrong_field_says_what_was_expected() {
        for (ports, env, command, field, words) in [
            ("70000:80", "", "", "ports", "70000 is no port; expected 1 to 65535"),
            ("0", "", "", "ports", "0 is no port"),
            ("80:http", "", "", "ports", "http is no port"),
            (":80", "", "", "ports", "a port of the host is missing"),
            ("8000-8010:80", "", "", "ports", "is a range"),
            ("x:1:2", "", "", "ports", "x in x:1:2 is no address"),
            ("80/sctp", "", "", "ports", "expected tcp or udp"),
            ("8080:80 8080:81", "", "", "ports", "8080:80 and 8080:81 want the same port"),
            ("", "=b", "", "env", "expected NAME=value"),
            ("", "A", "", "env", "A sets no variable"),
            ("", "A='b", "", "env", "has no end"),
            ("", "", "sh 'x", "command", "has no end"),
        ] {
            let wrong = typed(ports, env, command).unwrap_err();
            assert_eq!(wrong.field, field, "{wrong:?}");
            assert!(wrong.message.contains(words), "{wrong:?}");
        }
        for (memory, cpus, dir, user, field) in [
            ("much", "", "", "", "memory"),
            ("0", "", "", "", "memory"),
            ("", "none", "", "", "cpus"),
            ("", "-1", "", "", "cpus"),
            ("", "NaN", "", "", "cpus"),
            ("", "", "srv", "", "dir"),
            ("", "", "", "a b", "user"),
        ] {
            let texts = Texts {
                memory: memory.into(),
                cpus: cpus.into(),
                dir: dir.into(),
                user: user.into(),
                ..Texts::default()
            };
            assert_eq!(Options::parse(&texts).unwrap_err().field, field);
        }
    }

    #[test]
    fn options_become_texts_and_a_docker_command_and_stay_the_same() {
        let all = Options {
            ports: typed("8080:80, 9000/udp, 127.0.0.1:1:2, [::1]::3", "", "").unwrap().ports,
            env: vec![("A".into(), "it's \"b\" $c".into())],
            command: Some(vec!["sh".into(), "-c".into(), "echo 'x'".into()]),
            memory: Some(64 << 20),
            cpus: Some(0.5),
            read_only: true,
            user: Some("www".into()),
            dir: Some("/srv".into()),
        };
        assert_eq!(Options::parse(&all.texts()).unwrap(), all);
        let kept: Options = serde_json::from_str(&serde_json::to_string(&all).unwrap()).unwrap();
        assert_eq!(kept, all);
        assert_eq!(serde_json::from_str::<Options>("{}").unwrap(), Options::default());
        let line = docker_command(&all, "web:1", "ondeck-run-web");
        assert_eq!(
            line,
            "docker run --detach --name ondeck-run-web --publish 8080:80 --publish 9000/udp --publish 127.0.0.1:1:2 \
             --publish '[::1]::3' --env 'A=it'\\''s \"b\" $c' --memory 64m --memory-swap 64m --cpus 0.5 --user www \
             --workdir /srv --read-only web:1 sh -c 'echo '\\''x'\\'''"
        );
        assert!(shell::words(&line).unwrap().contains(&"A=it's \"b\" $c".to_owned()));
    }

    #[test]
    fn what_an_image_exposes_is_published_at_the_same_ports() {
        let image = ImageFacts::of(&json!({
            "Id": "sha256:ab", "Config": {
                "Cmd": ["serve"], "Entrypoint": null, "ExposedPorts": { "80/tcp": {}, "53/udp": {}, "9/sctp": {}, "x": {} },
                "WorkingDir": "/app", "User": "www\u{1b}",
            },
        }));
        assert_eq!((image.exposed.as_slice(), image.user.as_str()), (&[(53, true), (80, false)][..], "www·"));
        assert_eq!(Options::for_image(&image).texts().ports, "53:53/udp, 80:80");
        assert_eq!(ImageFacts::of(&Value::Null), ImageFacts::default());
    }
}
