//! Whether what a host carries is hardened: rules on containers, images, networks, the engine and compose files.
//!
//! What rules look at is put into one form first ([`facts`]), whether an engine tells it or a file. A rule is one entry
//! in a table of [`rules`], with its example. [`look`] gathers it all from an engine; [`of_inspection`] judges one
//! container by what is known already, and asks nobody.

mod composed;
mod daemon;
pub(crate) mod facts;
mod ignore;
mod look;
mod own;
mod report;
pub(crate) mod rules;

pub use composed::of_files;
pub use daemon::DaemonFacts;
pub use facts::ImageFacts;
pub use ignore::LABEL as IGNORE_LABEL;
pub use look::{Wanted, audit, audit_of};
pub use report::{Counts, Finding, Ignored, Kind, Report, Rule, Severity, Subject};

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::config::{Config, suggestion};
use crate::engine::model::Inspection;
use facts::Facts;
use ignore::Ignores;
use rules::{Around, Broken};

/// All rules, by code.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    rules::entries().iter().map(|entry| &entry.rule)
}

/// What the file of the config says is meant to be so: read once, and again when it may have changed.
#[derive(Debug, Default)]
pub struct Meant(Ignores);

impl Meant {
    /// Reads the file of the config, if it names one.
    pub fn read(config: &Config) -> Self {
        let mut ignores = config.audit.ignore_file.as_deref().map_or_else(Ignores::default, Ignores::of_file);
        for code in &config.audit.off {
            if !rules().any(|rule| rule.code == *code) {
                let hint = suggestion(code, rules().map(|rule| rule.code));
                ignores.notes.push(format!("audit.off: there is no rule {}; {hint}", crate::text::clean(code)));
            }
        }
        Self(ignores)
    }

    /// What is wrong with it.
    pub fn notes(&self) -> &[String] {
        &self.0.notes
    }
}

/// What one container breaks, worst first, by its inspection alone: nothing is asked, read or waited for.
///
/// What only others know is left out: the user of its main process, whether its tag was moved, and what its image has
/// (a secret that the image brings is said of the container then). With `daemon` rules know what its engine does for
/// all. What is off by `config` does not count; what is meant to be so, by its label or by `meant`, is marked.
pub fn of_inspection(
    inspection: &Inspection,
    daemon: Option<&DaemonFacts>,
    config: &Config,
    meant: &Meant,
    now: Timestamp,
) -> Vec<Finding> {
    let bench = Bench { config, meant, now };
    let facts = facts::of_container(inspection);
    let tags = BTreeMap::new();
    let around = bench.around(daemon, None, &tags);
    let found = bench.judge(&facts, &around, &subject_of(inspection), &mut Vec::new());
    let mut found: Vec<Finding> = found.into_iter().map(|(finding, _)| finding).collect();
    sort(&mut found);
    found
}

/// What all looking has in common: rules that count, what is meant to be so, the time.
struct Bench<'a> {
    config: &'a Config,
    meant: &'a Meant,
    now: Timestamp,
}

impl Bench<'_> {
    fn around<'b>(
        &'b self,
        daemon: Option<&'b DaemonFacts>,
        image: Option<&'b ImageFacts>,
        tags: &'b BTreeMap<String, String>,
    ) -> Around<'b> {
        Around { daemon, image, tags, secrets: &self.config.secrets, now: self.now, writes: None, endless_logs: (0, 0) }
    }

    /// What a container or a service breaks, with where that stands in a file.
    fn judge(
        &self,
        facts: &Facts,
        around: &Around<'_>,
        subject: &Subject,
        notes: &mut Vec<String>,
    ) -> Vec<(Finding, Vec<(&'static str, String)>)> {
        let mut ignores = Ignores::default();
        ignores.take(&self.meant.0);
        if let Some(label) = facts.labels.get(ignore::LABEL) {
            // Labels of an image are the container's too, but whoever made the image is not asked.
            if around.image.is_some_and(|image| image.labels.get(ignore::LABEL) == Some(label)) {
                notes.push(format!(
                    "the label {} of {} comes from its image, so it does not count; set it where the container is made",
                    ignore::LABEL,
                    subject.name
                ));
            } else {
                let said = Ignores::of_label(label, &subject.name);
                notes.extend(said.notes.iter().cloned());
                ignores.take(&said);
            }
        }
        let broken = rules::of_service(facts, around);
        let mut all = Vec::new();
        for (rule, mut broken) in broken {
            let at = std::mem::take(&mut broken.at);
            if let Some(mut finding) = self.finding(rule, broken, subject, &ignores, notes) {
                finding.ignored = own::ignored(rule.code, facts).or(finding.ignored);
                all.push((finding, at));
            }
        }
        all
    }

    /// A finding, unless its rule is off.
    fn finding(
        &self,
        rule: &'static Rule,
        broken: Broken,
        subject: &Subject,
        ignores: &Ignores,
        notes: &mut Vec<String>,
    ) -> Option<Finding> {
        if self.config.audit.off.iter().any(|code| code == rule.code) {
            return None;
        }
        Some(Finding {
            rule,
            severity: broken.severity.unwrap_or(rule.severity),
            subject: subject.clone(),
            observed: broken.observed,
            compose: broken.compose,
            run: broken.run,
            elsewhere: broken.elsewhere,
            place: None,
            ignored: ignores.find(rule.code, subject, self.now, notes),
        })
    }
}

fn subject_of(inspection: &Inspection) -> Subject {
    let container = &inspection.container;
    Subject {
        kind: Kind::Container,
        id: container.id.to_string(),
        name: container.name.clone(),
        stack: container.stack().map(str::to_owned),
        service: container.service().map(str::to_owned),
    }
}

/// Worst first; what is meant to be so last.
fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.ignored.is_some(), std::cmp::Reverse(f.severity));
        key(a)
            .cmp(&key(b))
            .then_with(|| a.subject.kind.cmp(&b.subject.kind))
            .then_with(|| a.subject.stack.cmp(&b.subject.stack))
            .then_with(|| a.subject.name.cmp(&b.subject.name))
            .then_with(|| a.rule.code.cmp(b.rule.code))
    });
}
