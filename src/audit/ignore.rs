//! What somebody said is meant to be so: in a label of a container or service, or in a file; with a reason, and for as
//! long as was said.

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

use super::report::{Ignored, Kind, Subject};
use super::rules::entries;
use crate::config::{At, ConfigError, Part, Source, suggestion};
use crate::text::clean;

/// The label of containers and services.
pub const LABEL: &str = "dev.ondeck.audit.ignore";

/// One thing that was said.
#[derive(Debug, Clone)]
pub(super) struct Said {
    rule: String,
    /// What it is about; `None` for what bears the label.
    subject: Option<GlobMatcher>,
    reason: String,
    until: Option<Timestamp>,
    by: String,
}

/// What was said, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Ignores {
    all: Vec<Said>,
    pub(super) notes: Vec<String>,
}

/// One entry of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rule: At<String>,
    subject: At<String>,
    #[serde(default)]
    reason: Option<At<String>>,
    #[serde(default)]
    until: Option<At<String>>,
}

/// The end of a day.
fn end_of(text: &str) -> Option<Timestamp> {
    let date: Date = text.trim().parse().ok()?;
    let next = date.checked_add(1.day()).ok()?.to_zoned(TimeZone::UTC).ok()?;
    next.timestamp().checked_sub(1.second()).ok()
}

fn known(code: &str) -> Result<(), String> {
    if entries().iter().any(|entry| entry.rule.code == code) {
        return Ok(());
    }
    Err(suggestion(code, entries().iter().map(|entry| entry.rule.code)))
}

impl Ignores {
    /// What a label says; `bearer` is what bears it.
    pub(super) fn of_label(label: &str, bearer: &str) -> Self {
        let mut ignores = Self::default();
        for part in label.split([';', '\n']).map(str::trim).filter(|part| !part.is_empty()) {
            let (rule, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
            let rule = rule.trim_end_matches([':', ',']);
            let mut note = |what: String| {
                ignores.notes.push(format!("the label {LABEL} of {bearer}: {}", clean(&what)));
            };
            if let Err(hint) = known(rule) {
                note(format!("there is no rule {rule}; {hint}"));
                continue;
            }
            // `... until 2027-01-31` at the end.
            let (reason, until) = match rest.rsplit_once("until ") {
                Some((reason, date)) if reason.is_empty() || reason.ends_with(char::is_whitespace) => {
                    match end_of(date) {
                        Some(until) => (reason.trim(), Some(until)),
                        None if date.trim().starts_with(|c: char| c.is_ascii_digit()) => {
                            note(format!("{} after until is no date, such as 2027-01-31; {rule} counts", date.trim()));
                            continue;
                        }
                        None => (rest.trim(), None),
                    }
                }
                _ => (rest.trim(), None),
            };
            if reason.is_empty() {
                note(format!("{rule} has no reason, so it counts; write `{rule} WHY until 2027-01-31`"));
                continue;
            }
            ignores.all.push(Said {
                rule: rule.to_owned(),
                subject: None,
                reason: clean(reason).into_owned(),
                until,
                by: format!("the label {LABEL}"),
            });
        }
        ignores
    }

    /// What a file says. What is wrong in it is told with its place, and the rest counts.
    pub(super) fn of_file(path: &Path) -> Self {
        match Source::read(path) {
            Ok(source) => Self::of_source(&source, &clean(&path.display().to_string())),
            Err(error) => {
                Self { all: Vec::new(), notes: vec![format!("what is meant to be so is not known: {error}")] }
            }
        }
    }

    fn of_source(source: &Source, file: &str) -> Self {
        let (read, errors) = source.read_all::<Vec<Part<Written>>>();
        let mut ignores = Self::default();
        let mut wrong = errors;
        for written in read.into_iter().flatten().filter_map(|part| part.0) {
            match said(written, source, file) {
                Ok(said) => ignores.all.push(said),
                Err(error) => wrong.push(error),
            }
        }
        ignores.notes = wrong.iter().map(ToString::to_string).collect();
        ignores
    }

    /// Adds what was said elsewhere.
    pub(super) fn take(&mut self, other: &Self) {
        self.all.extend(other.all.iter().cloned());
    }

    /// Whether a finding of a rule is meant to be so; what was said for a time that is over is a note.
    pub(super) fn find(
        &self,
        rule: &str,
        subject: &Subject,
        now: Timestamp,
        notes: &mut Vec<String>,
    ) -> Option<Ignored> {
        let mut over = None;
        for said in self.all.iter().filter(|said| said.rule == rule && said.is_about(subject)) {
            if said.until.is_none_or(|until| now <= until) {
                return Some(Ignored { reason: said.reason.clone(), until: said.until, by: said.by.clone() });
            }
            over = Some(said);
        }
        if let Some((said, until)) = over.and_then(|said| Some((said, said.until?))) {
            let day = until.strftime("%Y-%m-%d");
            let note = format!(
                "{rule} of {} counts again: {} let it pass until {day} ({})",
                subject.name, said.by, said.reason
            );
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        None
    }
}

impl Said {
    fn is_about(&self, subject: &Subject) -> bool {
        let Some(pattern) = &self.subject else { return true };
        let service =
            subject.stack.as_ref().zip(subject.service.as_ref()).map(|(stack, name)| format!("{stack}/{name}"));
        pattern.is_match(&subject.name)
            || service.is_some_and(|service| pattern.is_match(service))
            || (subject.kind == Kind::Daemon && pattern.is_match("daemon"))
    }
}

fn said(written: Written, source: &Source, file: &str) -> Result<Said, ConfigError> {
    let At { value: rule, place } = written.rule;
    if let Err(hint) = known(&rule) {
        return Err(source.error(place, format!("found `{}`, expected the code of a rule", clean(&rule)), hint));
    }
    let reason = written.reason.map(|reason| reason.value).unwrap_or_default();
    if reason.trim().is_empty() {
        let message = format!("{rule} has no reason, so it counts");
        return Err(source.error(place, message, "add `reason: WHY` to it"));
    }
    let until = match written.until {
        None => None,
        Some(At { value, place }) => Some(end_of(&value).ok_or_else(|| {
            source.error(place, format!("found `{}`, expected a day, such as 2027-01-31", clean(&value)), "")
        })?),
    };
    let At { value: subject, place: at } = written.subject;
    let pattern = GlobBuilder::new(&subject).build().map_err(|error| {
        let message = format!("found `{}`, expected a name, STACK/SERVICE or a pattern with *", clean(&subject));
        source.error(at, message, clean(&error.kind().to_string()))
    })?;
    Ok(Said {
        rule,
        subject: Some(pattern.compile_matcher()),
        reason: clean(reason.trim()).into_owned(),
        until,
        by: format!("{file}:{}", place.line),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn subject(name: &str, stack: Option<&str>, service: Option<&str>) -> Subject {
        Subject {
            kind: Kind::Container,
            id: String::new(),
            name: name.into(),
            stack: stack.map(str::to_owned),
            service: service.map(str::to_owned),
        }
    }

    #[test]
    fn what_sessions_say_of_themselves_is_understood() {
        let (label, said) = crate::sessions::MEANT;
        let ignores = Ignores::of_label(said, "ondeck-session-k3f9");
        assert_eq!((label, ignores.notes.len(), ignores.all.len()), (LABEL, 0, 10), "{:?}", ignores.notes);
        // Whoever lets sessions have all rights is told of it.
        assert!(ignores.all.iter().all(|said| said.rule != "OD-C01"));
    }

    #[test]
    fn a_label_needs_a_reason_and_may_have_an_end() {
        let label = "OD-C01 it builds images until 2027-01-31; OD-C07;OD-C99 x; OD-C08 waits until noon; OD-C09 y until 2027-13-01";
        let ignores = Ignores::of_label(label, "web");
        let web = subject("web", None, None);
        let at = |time: &str, rule| {
            let mut notes = Vec::new();
            let found = ignores.find(rule, &web, time.parse().unwrap(), &mut notes);
            (found.map(|ignored| ignored.reason), notes)
        };
        assert_eq!(at("2027-01-31T23:00:00Z", "OD-C01"), (Some("it builds images".into()), vec![]));
        let (none, notes) = at("2027-02-01T00:00:00Z", "OD-C01");
        assert_eq!(none, None);
        assert!(notes[0].contains("counts again") && notes[0].contains("2027-01-31"), "{notes:?}");
        assert_eq!(at("2099-01-01T00:00:00Z", "OD-C08").0.as_deref(), Some("waits until noon"));
        for rule in ["OD-C07", "OD-C09", "OD-C02"] {
            assert_eq!(at("2026-01-01T00:00:00Z", rule).0, None);
        }
        let [reason, unknown, date] = &ignores.notes[..] else { panic!("{:?}", ignores.notes) };
        assert!(reason.contains("OD-C07 has no reason"), "{reason}");
        assert!(unknown.contains("no rule OD-C99; did you mean"), "{unknown}");
        assert!(date.contains("2027-13-01"), "{date}");
    }

    #[test]
    fn a_file_says_where_it_is_wrong_and_counts_otherwise() {
        let text = "
- {rule: OD-C01, subject: 'shop/*', reason: it is the builder}
- rule: OD-C02
  subject: traefik
  reason: ''
- {rule: OD-X02, subject: a, reason: b}
- {rule: OD-C03, subject: a, reason: b, until: soon}
- {rule: OD-C04, subject: 'a[', reason: b}
- {rule: OD-C05, subjekt: a, reason: b}
";
        let ignores = Ignores::of_source(&Source::new("ignore.yaml", text), "ignore.yaml");
        let now = Timestamp::UNIX_EPOCH;
        let find = |rule, subject: Subject| ignores.find(rule, &subject, now, &mut Vec::new());
        let found = find("OD-C01", subject("shop-web-1", Some("shop"), Some("web"))).unwrap();
        assert_eq!((found.reason.as_str(), found.by.as_str()), ("it is the builder", "ignore.yaml:2"));
        assert_eq!(find("OD-C01", subject("shop-web-1", Some("else"), Some("web"))), None);
        assert_eq!(find("OD-C02", subject("traefik", None, None)), None);
        let notes = ignores.notes.join("\n");
        for said in [
            "ignore.yaml:3:9: OD-C02 has no reason",
            "ignore.yaml:6:10: found `OD-X02`, expected the code of a rule",
            "ignore.yaml:7:48: found `soon`, expected a day",
            "ignore.yaml:8:27: found `a[`",
            "found `subjekt`",
        ] {
            assert!(notes.contains(said), "{said} is not in\n{notes}");
        }
    }
}
