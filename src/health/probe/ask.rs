//! What is asked of a container: its labels, else what the config has for it.

use std::time::Duration;

use regex::Regex;

use crate::config::{
    self, HttpTarget, INTERVAL, NotAProbe, Period, PortTarget, ProbeOf, TIMEOUT, body_pattern, status,
};
use crate::engine::model::Container;

/// What the names of all labels about health begin with.
const LABEL: &str = "dev.ondeck.health.";

/// One question to a container.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// What is asked, and where.
    pub(super) what: What,
    /// The status that is expected.
    pub(super) status: Option<u16>,
    /// What the body has to match.
    pub(super) body: Option<Regex>,
    /// The longest an answer may take.
    pub(super) slow: Option<Duration>,
    /// After so long nobody waits any more.
    pub(super) timeout: Duration,
    /// Whether a certificate may be for another name and by an unknown issuer.
    pub(super) insecure: bool,
}

/// What is asked, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Http(HttpTarget),
    Tcp(PortTarget),
    Tls(PortTarget),
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(target) => target.fmt(f),
            Self::Tcp(target) | Self::Tls(target) => target.fmt(f),
        }
    }
}

/// All that is asked of one container.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// The questions.
    pub(super) all: Vec<Ask>,
    /// How long between two times.
    pub(super) interval: Duration,
    /// Labels that cannot be read, and why.
    pub(super) wrong: Vec<(String, NotAProbe)>,
}

/// What is asked of a container.
pub(super) fn asks(container: &Container, config: &config::Health) -> Asks {
    let labelled = container.labels.keys().any(|name| name.starts_with(LABEL));
    if labelled { of_labels(container, config) } else { of_config(container, config) }
}

fn of_labels(container: &Container, config: &config::Health) -> Asks {
    let mut asks = Asks { interval: config.interval.0, ..Asks::default() };
    let label = |name: &str| container.labels.get(&format!("{LABEL}{name}")).map(String::as_str);
    let mut wrong = Vec::new();
    let mut read = Reader { label: &label, wrong: &mut wrong };
    let mut what = Vec::new();
    what.extend(read.of("http", HttpTarget::parse).map(What::Http));
    what.extend(read.of("tcp", PortTarget::tcp).map(What::Tcp));
    what.extend(read.of("tls", PortTarget::tls).map(What::Tls));
    let status = read.of("status", status);
    let body = read.of("body", body_pattern);
    let slow = read.of("slow", |text| period(text, TIMEOUT));
    let timeout = read.of("timeout", |text| period(text, TIMEOUT)).unwrap_or(config.timeout.0);
    let insecure = read.of("insecure", truth).unwrap_or(false);
    if let Some(interval) = read.of("interval", |text| period(text, INTERVAL)) {
        asks.interval = interval;
    }
    if what.is_empty() && wrong.is_empty() {
        let hint = "`dev.ondeck.health.http`, `.tcp` or `.tls` says where to ask";
        let message = "found labels about a probe but none that says where".to_owned();
        wrong.push((LABEL.trim_end_matches('.').to_owned(), NotAProbe { message, hint, secret: false }));
    }
    asks.wrong = wrong;
    asks.all = what.into_iter().map(|what| Ask { what, status, body: body.clone(), slow, timeout, insecure }).collect();
    asks
}

struct Reader<'a, 'l> {
    label: &'a dyn Fn(&str) -> Option<&'l str>,
    wrong: &'a mut Vec<(String, NotAProbe)>,
}

impl Reader<'_, '_> {
    fn of<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, NotAProbe>) -> Option<T> {
        match parse((self.label)(name)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong.push((format!("{LABEL}{name}"), error));
                None
            }
        }
    }
}

fn period(text: &str, (least, most): (Duration, Duration)) -> Result<Duration, NotAProbe> {
    let period: Period = text.parse().map_err(|e: config::NotAQuantity| NotAProbe {
        message: e.message,
        hint: e.hint,
        secret: false,
    })?;
    config::within(period, least, most).map(|p| p.0)
}

fn truth(text: &str) -> Result<bool, NotAProbe> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(NotAProbe {
            message: format!("found {}, expected true or false", config::quoted(text)),
            hint: "`true` takes a certificate for another name or by an unknown issuer",
            secret: false,
        }),
    }
}

fn of_config(container: &Container, config: &config::Health) -> Asks {
    let mut asks = Asks { interval: config.interval.0, ..Asks::default() };
    let service = container.stack().zip(container.service()).map(|(stack, service)| format!("{stack}/{service}"));
    let here = |p: &&ProbeOf| p.container == container.name || service.as_ref() == Some(&p.container);
    for probe in config.probes.iter().filter(here) {
        // The config was checked when it was read; what is still wrong here came past that.
        let mut add = |field: &str, what: Option<Result<What, NotAProbe>>| match what {
            None => {}
            Some(Err(error)) => asks.wrong.push((format!("health.probes: {field}"), error)),
            Some(Ok(what)) => match probe.body.as_deref().map(body_pattern).transpose() {
                Err(error) => asks.wrong.push(("health.probes: body".to_owned(), error)),
                Ok(body) => asks.all.push(Ask {
                    what,
                    status: probe.status,
                    body,
                    slow: probe.slow.map(|p| p.0),
                    timeout: probe.timeout.unwrap_or(config.timeout).0,
                    insecure: probe.insecure,
                }),
            },
        };
        add("http", probe.http.as_deref().map(|t| HttpTarget::parse(t).map(What::Http)));
        add("tcp", probe.tcp.as_deref().map(|t| PortTarget::tcp(t).map(What::Tcp)));
        add("tls", probe.tls.as_deref().map(|t| PortTarget::tls(t).map(What::Tls)));
        if let Some(interval) = probe.interval {
            asks.interval = interval.0;
        }
    }
    asks
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn container(labels: &[(&str, &str)]) -> Container {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Container { name: "shop-web-1".into(), labels, ..Container::default() }
    }

    #[test]
    fn labels_count_before_the_config() {
        let config = config::Health {
            probes: vec![
                ProbeOf { container: "shop/web".into(), tcp: Some(":1".into()), ..ProbeOf::default() },
                ProbeOf { container: "shop-web-1".into(), tls: Some("a.example:443".into()), ..ProbeOf::default() },
                ProbeOf { container: "other".into(), tcp: Some(":2".into()), ..ProbeOf::default() },
            ],
            ..config::Health::default()
        };
        let service = [("com.docker.compose.project", "shop"), ("com.docker.compose.service", "web")];
        let shown = |asks: &Asks| asks.all.iter().map(|a| a.what.to_string()).collect::<Vec<_>>();
        assert_eq!(shown(&asks(&container(&service), &config)), [":1", "a.example:443"]);
        let labels = [
            service[0],
            service[1],
            ("dev.ondeck.health.http", ":80/x"),
            ("dev.ondeck.health.tcp", ":5"),
            ("dev.ondeck.health.status", "204"),
            ("dev.ondeck.health.interval", "5m"),
            ("dev.ondeck.health.slow", "1s"),
            ("dev.ondeck.health.insecure", "true"),
        ];
        let asked = asks(&container(&labels), &config);
        assert_eq!(shown(&asked), [":80/x", ":5"]);
        assert_eq!((asked.interval, asked.wrong.len()), (Duration::from_mins(5), 0));
        let first = &asked.all[0];
        assert_eq!((first.status, first.slow, first.insecure), (Some(204), Some(Duration::from_secs(1)), true));
        assert_eq!(first.timeout, config.timeout.0);
        assert!(asks(&container(&[]), &config).all.iter().all(|a| a.what.to_string() == "a.example:443"));
    }

    #[test]
    fn labels_that_cannot_be_read_are_named_and_the_others_count() {
        let labels = [
            ("dev.ondeck.health.http", "8080"),
            ("dev.ondeck.health.tcp", ":5432"),
            ("dev.ondeck.health.body", "("),
            ("dev.ondeck.health.interval", "0s"),
            ("dev.ondeck.health.timeout", "-1s"),
            ("dev.ondeck.health.insecure", "maybe"),
        ];
        let asked = asks(&container(&labels), &config::Health::default());
        let names: Vec<&str> = asked.wrong.iter().map(|(name, _)| name.rsplit('.').next().unwrap()).collect();
        assert_eq!(names, ["http", "body", "timeout", "insecure", "interval"]);
        assert_eq!(asked.all.len(), 1);
        let asked = asks(&container(&[("dev.ondeck.health.slow", "1s")]), &config::Health::default());
        assert!(asked.wrong[0].1.message.contains("none that says where"), "{:?}", asked.wrong);
    }
}
