//! Who is told of what: once for each change of level of a cause, when it has lasted, and once when it is over.

mod deliver;
mod settle;

use jiff::Timestamp;
use serde::Serialize;

use crate::config::{self, Secrets};
use crate::hints::redacted;
use crate::store::{Condition, Store, StoreError};
use crate::text::clean;

use super::heal::{Healed, Outcome};
use super::{Level, Report};

pub use deliver::Delivery;
pub use settle::Settling;

/// What the host itself is called in notices.
pub const HOST: &str = "(host)";
/// What the engine is called in notices.
pub const ENGINE: &str = "(engine)";

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something does not work.
    Failing,
    /// Something works, but not as it should.
    Degraded,
    /// What did not work does again, or nobody expects it to any more.
    Recovered,
    /// Something was restarted.
    Restarted,
    /// Something should have been restarted, and could not be.
    RestartFailed,
    /// Something was restarted so often in vain that it is left alone.
    GaveUp,
}

impl Kind {
    /// Its name, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Degraded => "degraded",
            Self::Recovered => "recovered",
            Self::Restarted => "restarted",
            Self::RestartFailed => "restart_failed",
            Self::GaveUp => "gave_up",
        }
    }
}

/// One thing that people are told. Its texts are harmless, and hold nothing that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What it is about.
    pub kind: Kind,
    /// The host.
    pub host: String,
    /// The container, or [`HOST`], or [`ENGINE`].
    pub name: String,
    /// The compose project it belongs to.
    pub stack: Option<String>,
    /// How well it is.
    pub level: Level,
    /// How well it was when people were told last.
    pub was: Level,
    /// What is wrong; `null` when nothing is.
    pub code: Option<String>,
    /// The same in one line.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to try.
    pub todo: String,
    /// Since when it is so.
    pub since: Option<Timestamp>,
    /// When this was written.
    pub at: Timestamp,
    /// What does not work because of it, and is told of here only.
    pub victims: Vec<String>,
}

impl Notice {
    /// One line for a title: `web is failing (vps-1)`.
    pub fn title(&self) -> String {
        let what = match self.kind {
            Kind::Failing | Kind::Degraded => format!("is {}", self.level.word()),
            Kind::Recovered if self.level == Level::Off => "is off".to_owned(),
            Kind::Recovered => "works again".to_owned(),
            Kind::Restarted => "was restarted".to_owned(),
            Kind::RestartFailed => "could not be restarted".to_owned(),
            Kind::GaveUp => "is left alone".to_owned(),
        };
        let name = match self.name.as_str() {
            HOST => return format!("{} {what}", self.host),
            ENGINE => "the engine",
            name => name,
        };
        format!("{name} {what} ({})", self.host)
    }

    /// All of it, as plain text.
    pub fn text(&self) -> String {
        let mut lines = vec![self.what.clone()];
        if !self.why.is_empty() {
            lines.push(self.why.clone());
        }
        if !self.victims.is_empty() {
            lines.push(format!("because of it do not work: {}", self.victims.join(", ")));
        }
        if !self.todo.is_empty() {
            lines.push(format!("try: {}", self.todo));
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    /// The notice of a restart.
    pub fn of_healed(host: &str, healed: &Healed) -> Self {
        let (kind, todo) = match healed.outcome {
            Outcome::GaveUp(_) => (Kind::GaveUp, "restarts do not help it: look at its log"),
            Outcome::Failed(_) => {
                (Kind::RestartFailed, "restart it by hand; what the engine said tells why it could not")
            }
            Outcome::Restarted(..) | Outcome::WouldRestart(..) => (Kind::Restarted, ""),
        };
        Self {
            kind,
            host: host.to_owned(),
            name: healed.name.clone(),
            stack: healed.stack.clone(),
            level: Level::Failing,
            was: Level::Failing,
            code: Some(healed.code.clone()),
            what: healed.outcome.words(),
            why: healed.what.clone(),
            todo: todo.to_owned(),
            since: None,
            at: healed.at,
            victims: Vec::new(),
        }
    }

    /// The same without control characters and secrets.
    fn harmless(mut self, secrets: &Secrets) -> Self {
        for text in [&mut self.what, &mut self.why, &mut self.todo] {
            *text = clean(&redacted(text, secrets)).into_owned();
        }
        self
    }
}

/// Tells people: settles what changed, asks the history whether they know already, and sends the rest.
#[derive(Debug)]
pub struct Herald {
    settling: Settling,
    store: Option<Store>,
    delivery: Delivery,
    secrets: Secrets,
}

impl Herald {
    /// One for a host. With a history it knows what was told before, by this watcher or another.
    ///
    /// # Errors
    /// What is wrong with the history.
    pub async fn new(
        config: &config::Health,
        secrets: Secrets,
        host: &str,
        store: Option<Store>,
        delivery: Delivery,
    ) -> Result<Self, StoreError> {
        let known = match &store {
            Some(store) => store.health_known(host).await?,
            None => std::collections::BTreeMap::new(),
        };
        let known = known.into_iter().map(|(name, level)| {
            let level = if level == Condition::Failing { Level::Failing } else { Level::Degraded };
            (name, level)
        });
        let settling = Settling::new(config.interval.0, known.collect());
        Ok(Self { settling, store, delivery, secrets })
    }

    /// From now on what people are told is kept in a history.
    pub fn keep_in(&mut self, store: Store) {
        self.store = Some(store);
    }

    /// Takes what is the case now; sends what people have to know. Answers with what was sent.
    ///
    /// # Errors
    /// What is wrong with the history; people are told all the same.
    pub async fn take(&mut self, report: &Report, now: Timestamp) -> Result<Vec<Notice>, StoreError> {
        let mut sent = Vec::new();
        let mut trouble = None;
        for notice in self.settling.take(report, now) {
            let level = match notice.level {
                Level::Failing => Some(Condition::Failing),
                Level::Degraded => Some(Condition::Degraded),
                Level::Healthy | Level::Off => None,
            };
            let news = match &self.store {
                Some(store) => store.health_told(&notice.host, &notice.name, level, now).await,
                None => Ok(true),
            };
            let news = news.unwrap_or_else(|error| {
                trouble = Some(error);
                true
            });
            if news {
                let notice = notice.harmless(&self.secrets);
                self.delivery.send(&notice);
                sent.push(notice);
            }
        }
        trouble.map_or(Ok(sent), Err)
    }

    /// When something will have lasted for long enough, if nothing changes.
    pub fn due(&self) -> Option<Timestamp> {
        self.settling.due()
    }

    /// Tells of a restart, at once.
    pub fn healed(&self, host: &str, healed: &Healed) {
        self.delivery.send(&Notice::of_healed(host, healed).harmless(&self.secrets));
    }

    /// Waits until all that was sent is delivered or given up, at most for so long.
    pub async fn end(self, patience: std::time::Duration) {
        self.delivery.end(patience).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_readable_and_holds_no_secret() {
        let notice = Notice {
            kind: Kind::Failing,
            host: "vps-1".into(),
            name: "db".into(),
            stack: Some("shop".into()),
            level: Level::Failing,
            was: Level::Healthy,
            code: Some("EXITED".into()),
            what: "ended: DB_PASSWORD=hunter2hunter2 is wrong\x1b[2J".into(),
            why: String::new(),
            todo: "look at its log".into(),
            since: None,
            at: Timestamp::default(),
            victims: vec!["web".into(), "api".into()],
        };
        let notice = notice.harmless(&Secrets::default());
        assert_eq!(notice.title(), "db is failing (vps-1)");
        let text = notice.text();
        assert!(!text.contains("hunter2") && !text.contains('\x1b'), "{text}");
        assert!(text.ends_with("because of it do not work: web, api\ntry: look at its log"), "{text}");
        let json = serde_json::to_value(&notice).unwrap();
        assert_eq!((json["kind"].as_str(), json["was"].as_str()), (Some("failing"), Some("healthy")));
        assert_eq!(json["at"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_restart_that_failed_is_not_told_as_one() {
        let told = |outcome| {
            Notice::of_healed(
                "vps-1",
                &Healed {
                    id: "1".into(),
                    name: "web".into(),
                    stack: None,
                    at: Timestamp::default(),
                    code: "UNHEALTHY".into(),
                    what: "its check fails".into(),
                    outcome,
                },
            )
        };
        let failed = told(Outcome::Failed("port 80 is taken".into()));
        assert_eq!((failed.kind.word(), &*failed.title()), ("restart_failed", "web could not be restarted (vps-1)"));
        assert!(failed.text().starts_with("could not be restarted: port 80 is taken\nits check fails"));
        assert_eq!(told(Outcome::Restarted(1, 3)).title(), "web was restarted (vps-1)");
        assert_eq!(told(Outcome::GaveUp(3)).kind, Kind::GaveUp);
    }
}
