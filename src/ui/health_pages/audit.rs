//! What an audit says: counts, stacks, each rule once with all that breaks it.

use std::collections::BTreeSet;

use crate::audit::{self, Counts, Severity};
use crate::fleet::snapshot::Status;
use crate::ui::panes::page::Page;
use crate::ui::panes::text::{TextLine, table};
use crate::ui::view::{Target, Tone};

/// Things that are told of under one rule.
const SUBJECTS: usize = 50;

/// How a severity is meant.
pub const fn tone_of(severity: Severity) -> Tone {
    match severity {
        Severity::Critical => Tone::Status(Status::Failed),
        Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warn,
        Severity::Low => Tone::Plain,
        Severity::Info => Tone::Muted,
    }
}

impl Page<'_> {
    pub(super) fn audit(&mut self, report: &audit::Report, of: &Target, opened: &BTreeSet<String>) {
        let mine: Vec<&audit::Finding> = match of {
            Target::Container(id) | Target::Session(id) => report.of_container(id).collect(),
            Target::Stack(name) => report.of_stack(name).collect(),
            _ => report.findings.iter().collect(),
        };
        self.counts(&Counts::of(mine.iter().copied()));
        if *of == Target::Host {
            self.stacks(report);
            for note in &report.notes {
                self.sign(Tone::Warn, self.symbols.warning, note);
            }
        }
        self.blank();
        if matches!(of, Target::Container(_) | Target::Session(_)) {
            for finding in &mine {
                self.rule(std::slice::from_ref(finding), opened);
            }
            return;
        }
        // What many things have in common is told once.
        let mut groups: Vec<Vec<&audit::Finding>> = Vec::new();
        for finding in mine {
            let same = |g: &&mut Vec<&audit::Finding>| {
                let one = g[0];
                one.rule.code == finding.rule.code
                    && one.severity == finding.severity
                    && one.ignored.is_some() == finding.ignored.is_some()
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(finding),
                None => groups.push(vec![finding]),
            }
        }
        for group in &groups {
            self.rule(group, opened);
        }
    }

    /// One rule, and what breaks it.
    fn rule(&mut self, broken: &[&audit::Finding], opened: &BTreeSet<String>) {
        let Some(first) = broken.first() else { return };
        let key = format!("{}/{}/{}", first.rule.code, first.severity.word(), first.ignored.is_some());
        let open = opened.contains(&key);
        let fold = if open { self.symbols.expanded } else { self.symbols.collapsed };
        let ignored = first.ignored.is_some();
        let mut line = TextLine::new(Tone::Muted, format!("{fold} "));
        let tone = if ignored { Tone::Struck } else { tone_of(first.severity) };
        line.push(tone, format!("{:<8}  ", first.severity.word()));
        let names: Vec<&str> = broken.iter().map(|f| f.subject.name.as_str()).take(3).collect();
        if broken.len() > 1 {
            line.push(Tone::Strong, format!("{}× ", broken.len()));
        }
        line.push(if ignored { Tone::Muted } else { Tone::Plain }, first.rule.title);
        line.push(Tone::Muted, format!("  {}", names.join(", ")));
        line.push(Tone::Muted, if broken.len() > names.len() { ", …" } else { "" });
        // The pane folds what is marked as open; here what was turned is open.
        line.branch = Some((key, !open));
        self.lines.push(line);
        if open {
            self.broken(broken);
        }
    }

    /// How many findings of each severity.
    fn counts(&mut self, counts: &Counts) {
        let each = [
            (Severity::Critical, counts.critical),
            (Severity::High, counts.high),
            (Severity::Medium, counts.medium),
            (Severity::Low, counts.low),
            (Severity::Info, counts.info),
        ];
        let mut line = TextLine::default();
        for (severity, n) in each.into_iter().filter(|(_, n)| *n > 0) {
            line.push(tone_of(severity), format!("{n} {}  ", severity.word()));
        }
        if line.pieces.is_empty() {
            line.push(Tone::Good, "No rule is broken.  ");
        }
        if counts.ignored > 0 {
            line.push(Tone::Muted, format!("{} meant to be so", counts.ignored));
        }
        self.lines.push(line);
    }

    /// Counts and the worst for each stack.
    fn stacks(&mut self, report: &audit::Report) {
        let names: BTreeSet<&str> = report.findings.iter().filter_map(|f| f.subject.stack.as_deref()).collect();
        if names.is_empty() {
            return;
        }
        self.blank();
        let figure = |n: usize| if n == 0 { "·".to_owned() } else { n.to_string() };
        let rows: Vec<Vec<(Tone, String)>> = names
            .into_iter()
            .map(|name| {
                let counts = Counts::of(report.of_stack(name));
                let worst = counts.worst();
                vec![
                    (Tone::Strong, name.to_owned()),
                    (worst.map_or(Tone::Good, tone_of), worst.map_or("clean", Severity::word).to_owned()),
                    (tone_of(Severity::Critical), figure(counts.critical)),
                    (tone_of(Severity::High), figure(counts.high)),
                    (tone_of(Severity::Medium), figure(counts.medium)),
                    (tone_of(Severity::Low), figure(counts.low)),
                ]
            })
            .collect();
        self.lines.extend(table(&["STACK", "WORST", "CRIT", "HIGH", "MED", "LOW"], &rows));
    }

    /// Everything about a broken rule: why it matters, then what breaks it and how each is mended.
    fn broken(&mut self, findings: &[&audit::Finding]) {
        let indent = "    ";
        let Some(rule) = findings.first().map(|f| f.rule) else { return };
        self.flow(&[(Tone::Plain, rule.why.to_owned())], indent);
        let mut labels = vec![rule.code.to_owned()];
        labels.extend(rule.refs.iter().map(|r| (*r).to_owned()));
        self.flow(&[(Tone::Muted, labels.join(", "))], indent);
        if !rule.breaks.is_empty() {
            self.flow(&[(Tone::Warn, "may break: ".to_owned()), (Tone::Plain, rule.breaks.to_owned())], indent);
        }
        let mut mended = None;
        for finding in findings.iter().take(SUBJECTS) {
            let mut line = TextLine::new(Tone::Strong, format!("{indent}{}", finding.subject.name));
            line.push(Tone::Text, format!("  {}", finding.observed));
            if finding.subject.kind == audit::Kind::Container {
                line.branch = Some((finding.subject.id.clone(), false));
            }
            self.lines.push(line);
            if let Some((file, line)) = &finding.place {
                self.flow(&[(Tone::Muted, format!("{}:{line}", file.display()))], "      ");
            }
            if let Some(ignored) = &finding.ignored {
                let until = ignored.until.map_or_else(String::new, |t| format!(" until {}", t.strftime("%Y-%m-%d")));
                let words = format!("meant to be so{until}: {} ({})", ignored.reason, ignored.by);
                self.flow(&[(Tone::Good, words)], "      ");
            }
            // Said again only where it is another.
            if mended == Some((&finding.compose, &finding.run, &finding.elsewhere)) {
                continue;
            }
            mended = Some((&finding.compose, &finding.run, &finding.elsewhere));
            if !finding.elsewhere.is_empty() {
                self.flow(&[(Tone::Accent, finding.elsewhere.clone())], "      ");
            }
            for line in finding.compose.lines() {
                self.lines.push(TextLine::new(Tone::Accent, format!("      {line}")));
            }
            if !finding.run.is_empty() {
                self.led(
                    &[(Tone::Accent, finding.run.clone())],
                    vec![(Tone::Muted, "      docker run ".to_owned())],
                    8,
                );
            }
        }
        let hidden = findings.len().saturating_sub(SUBJECTS);
        if hidden > 0 {
            self.flow(&[(Tone::Muted, format!("and {hidden} more; `ondeck audit` tells of all"))], indent);
        }
        self.blank();
    }
}
