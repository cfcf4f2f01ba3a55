//! What is said of a host, on one page for a person: the verdict, each cause with those that suffer from it, the stacks.

use std::borrow::Cow;
use std::io::{self, Write};

use jiff::Timestamp;

use crate::config::Symbols;
use crate::health::{Finding, Level, Report, StackVerdict, Verdict};
use crate::text::{age, clean, count, fit, width, wrap};

/// Lines of one piece of evidence; what does not fit in them is in the container's log.
const EVIDENCE_ROWS: usize = 3;
/// How many of those are shown that are not ill.
const QUIET: usize = 6;

/// How the page is laid out.
pub(super) struct Page {
    /// Cells in a line.
    pub width: usize,
    pub colours: bool,
    pub symbols: Symbols,
    pub now: Timestamp,
}

/// How a piece of text is meant.
#[derive(Clone, Copy)]
enum Tone {
    Level(Level),
    Unknown,
    Strong,
    Muted,
}

impl Page {
    /// Prints what is said of one host.
    pub fn print(&self, out: &mut impl Write, report: &Report) -> io::Result<()> {
        self.verdict(out, report)?;
        if let Some(error) = &report.unknown {
            self.labelled(out, "why", &error.message)?;
            self.labelled(out, "try", &error.hint)?;
            self.labelled(out, "try", "`ondeck doctor` looks for what is in the way")?;
        }
        for finding in &report.findings {
            writeln!(out)?;
            self.head(out, "the host", finding.level, Some(finding), finding.since)?;
            self.finding(out, finding)?;
        }
        for verdict in report.containers.iter().filter(|v| v.level > Level::Healthy && !is_told_elsewhere(report, v)) {
            writeln!(out)?;
            self.cause(out, report, verdict)?;
        }
        self.quiet(out, report)?;
        self.stacks(out, &report.stacks)
    }

    /// The first line: how the host is, and how many of what.
    fn verdict(&self, out: &mut impl Write, report: &Report) -> io::Result<()> {
        let host = clean(&report.host);
        let of = |level| report.containers.iter().filter(|v| v.level == level).count();
        let counts: Vec<String> = [Level::Failing, Level::Degraded, Level::Healthy, Level::Off]
            .into_iter()
            .filter_map(|level| Some((level, of(level))).filter(|(_, n)| *n > 0))
            .map(|(level, n)| format!("{n} {}", level.word()))
            .collect();
        let counts = if counts.is_empty() { "no containers".to_owned() } else { counts.join(", ") };
        let nothing = report.containers.is_empty() && report.unknown.is_some();
        let (sign, tone, words) = match (&report.unknown, report.level) {
            _ if nothing => (self.symbols.unknown, Tone::Unknown, format!("{host}: cannot tell")),
            (None, Level::Off | Level::Healthy) => {
                (self.symbols.running, Tone::Level(Level::Healthy), format!("{host} is healthy: {counts}"))
            }
            (Some(_), Level::Off | Level::Healthy) => {
                (self.symbols.unknown, Tone::Unknown, format!("{host}: cannot tell all: {counts}"))
            }
            (_, level) => (self.sign(level), Tone::Level(level), format!("{host} is {}: {counts}", level.word())),
        };
        for (n, line) in wrap(&words, self.width - 2).into_iter().enumerate() {
            let lead = if n == 0 { self.paint(tone, sign) } else { " ".to_owned() };
            writeln!(out, "{lead} {}", self.paint(Tone::Strong, &line))?;
        }
        Ok(())
    }

    /// A container whose trouble is its own, and those that suffer from it.
    fn cause(&self, out: &mut impl Write, report: &Report, verdict: &Verdict) -> io::Result<()> {
        let cause = verdict.cause();
        let since = cause.and_then(|f| f.since).or(verdict.since);
        self.head(out, &called(verdict), verdict.level, cause, since)?;
        if let Some(cause) = cause {
            self.finding(out, cause)?;
        }
        for finding in verdict.findings.iter().skip(1).filter(|f| f.level > Level::Healthy) {
            self.labelled(out, "also", &format!("{}: {}", finding.code, finding.what))?;
        }
        let mut victims = Vec::new();
        gather(report, verdict, &mut victims);
        if !victims.is_empty() {
            self.labelled(out, "so also", &victims.join(", "))?;
        }
        Ok(())
    }

    /// Those that are not ill, where there is something to say all the same: a line each.
    fn quiet(&self, out: &mut impl Write, report: &Report) -> io::Result<()> {
        let off = |v: &&Verdict| v.level == Level::Off && !v.findings.is_empty();
        let off = report.containers.iter().filter(off).map(|v| {
            let what = v.cause().map_or("", |f| f.what.as_str());
            (self.symbols.stopped, format!("{}: {what}", called(v)))
        });
        let unprobed = report.containers.iter().filter_map(|v| {
            Some((self.symbols.unknown, format!("{}: not probed: {}", called(v), v.unprobed.as_ref()?)))
        });
        let lines: Vec<(&str, String)> = unprobed.chain(off).collect();
        if !lines.is_empty() {
            writeln!(out)?;
        }
        for (sign, words) in lines.iter().take(QUIET) {
            for (n, line) in wrap(&clean(words), self.width - 2).into_iter().enumerate() {
                let lead = if n == 0 { sign } else { " " };
                writeln!(out, "{} {line}", self.paint(Tone::Muted, lead))?;
            }
        }
        match lines.len().saturating_sub(QUIET) {
            0 => Ok(()),
            more => writeln!(out, "  and {more} more like these"),
        }
    }

    /// Sign, name, kind of trouble, since when.
    fn head(
        &self,
        out: &mut impl Write,
        name: &str,
        level: Level,
        finding: Option<&Finding>,
        since: Option<Timestamp>,
    ) -> io::Result<()> {
        let name = clean(name);
        let mut rest = vec![finding.map_or(level.word(), |f| f.code).to_owned()];
        rest.extend(since.map(|then| format!("for {}", age(self.now, then))));
        let rest = rest.join("  ");
        let sign = self.paint(Tone::Level(level), self.sign(level));
        if width(&name) + 4 + width(&rest) <= self.width {
            return writeln!(out, "{sign} {}  {rest}", self.paint(Tone::Strong, &name));
        }
        for (n, line) in wrap(&name, self.width - 2).into_iter().enumerate() {
            let lead = if n == 0 { sign.clone() } else { " ".to_owned() };
            writeln!(out, "{lead} {}", self.paint(Tone::Strong, &line))?;
        }
        writeln!(out, "  {rest}")
    }

    fn finding(&self, out: &mut impl Write, finding: &Finding) -> io::Result<()> {
        for line in wrap(&clean(&finding.what), self.width - 2) {
            writeln!(out, "  {line}")?;
        }
        // Where all that is known is what it said, that is not said twice.
        if !finding.evidence.contains(&finding.why) {
            self.labelled(out, "why", &finding.why)?;
        }
        self.labelled(out, "try", &finding.todo)?;
        for line in &finding.evidence {
            let mut rows = wrap(&clean(line), self.width - 4);
            if rows.len() > EVIDENCE_ROWS {
                rows.truncate(EVIDENCE_ROWS);
                if let Some(last) = rows.last_mut() {
                    // The sign that something is missing takes a cell of its own.
                    *last = format!("{}…", fit(last, self.width - 5).trim_end_matches('…'));
                }
            }
            for row in rows {
                writeln!(out, "  {} {}", self.paint(Tone::Muted, self.symbols.bar), self.paint(Tone::Muted, &row))?;
            }
        }
        Ok(())
    }

    /// Text behind a word that says what it is; nothing where there is none.
    fn labelled(&self, out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
        let indent = width(label).max(3) + 2;
        for (n, line) in wrap(&clean(text), self.width - 2 - indent).into_iter().enumerate() {
            let lead = if n == 0 { label } else { "" };
            let gap = " ".repeat(indent - width(lead));
            writeln!(out, "  {}{gap}{line}", self.paint(Tone::Muted, lead))?;
        }
        Ok(())
    }

    fn stacks(&self, out: &mut impl Write, stacks: &[StackVerdict]) -> io::Result<()> {
        if stacks.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", self.paint(Tone::Muted, &count(stacks.len(), "stack")))?;
        let rest = |stack: &StackVerdict| {
            let since = stack.since.map_or(String::new(), |then| format!(" for {}", age(self.now, then)));
            format!("{}{since}, {} of {} up", stack.level.word(), stack.up, stack.all)
        };
        let rests: Vec<String> = stacks.iter().map(rest).collect();
        let room = self.width - 4 - rests.iter().map(|r| width(r)).max().unwrap_or(0).min(self.width - 14);
        let names: Vec<String> = stacks.iter().map(|s| fit(&clean(&s.name), room).into_owned()).collect();
        let widest = names.iter().map(|n| width(n)).max().unwrap_or(0);
        for ((stack, name), rest) in stacks.iter().zip(names).zip(rests) {
            let gap = " ".repeat(widest - width(&name));
            let sign = self.paint(Tone::Level(stack.level), self.sign(stack.level));
            writeln!(out, "{sign} {name}{gap}  {rest}")?;
        }
        Ok(())
    }

    const fn sign(&self, level: Level) -> &'static str {
        match level {
            Level::Off => self.symbols.stopped,
            Level::Healthy => self.symbols.running,
            Level::Degraded => self.symbols.partial,
            Level::Failing => self.symbols.failed,
        }
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colours || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Level(Level::Failing) => "31",
            Tone::Level(Level::Degraded) => "33",
            Tone::Level(Level::Healthy) => "32",
            Tone::Unknown => "35",
            Tone::Strong => "1",
            Tone::Level(Level::Off) | Tone::Muted => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// What a verdict is about: a container's name, or the stack and service of what has none.
fn called(verdict: &Verdict) -> Cow<'_, str> {
    match (&verdict.id, &verdict.stack, &verdict.service) {
        (None, Some(stack), Some(service)) => Cow::Owned(format!("{stack}/{service}")),
        _ => Cow::Borrowed(&verdict.name),
    }
}

/// The container whose trouble explains a verdict's, when it is told of.
fn blamed<'a>(report: &'a Report, verdict: &Verdict) -> Option<&'a Verdict> {
    let blame = verdict.blamed_on.as_ref()?;
    let is_it = |v: &&Verdict| if blame.id.is_some() { v.id == blame.id } else { v.name == blame.name };
    report.containers.iter().find(is_it).filter(|v| v.level > Level::Healthy)
}

/// Whether a verdict stands under another one: up to one that blames nobody, else nobody would tell of it.
fn is_told_elsewhere(report: &Report, verdict: &Verdict) -> bool {
    let mut at = verdict;
    for _ in 0..report.containers.len() {
        match blamed(report, at) {
            Some(next) => at = next,
            None => return !std::ptr::eq(at, verdict),
        }
    }
    false
}

/// The names of those that suffer from a verdict's trouble, those that suffer from these after them.
fn gather(report: &Report, verdict: &Verdict, names: &mut Vec<String>) {
    for victim in &report.containers {
        let blames = blamed(report, victim).is_some_and(|b| std::ptr::eq(b, verdict));
        if blames && victim.level > Level::Healthy && !names.iter().any(|n| **n == called(victim)) {
            names.push(called(victim).into_owned());
            gather(report, victim, names);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::{EngineError, ErrorKind};
    use crate::health::{Blame, Layer};

    const NOW: &str = "2026-01-01T12:00:00Z";

    fn page(width: usize, colours: bool, report: &Report) -> String {
        let page = Page { width, colours, symbols: Symbols::UNICODE, now: NOW.parse().unwrap() };
        let mut out = Vec::new();
        page.print(&mut out, report).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn finding(code: &'static str, what: &str, why: &str, todo: &str, evidence: &[&str]) -> Finding {
        Finding {
            code,
            level: Level::Failing,
            layer: Layer::Container,
            what: what.into(),
            why: why.into(),
            todo: todo.into(),
            evidence: evidence.iter().map(|l| (*l).to_owned()).collect(),
            since: Some("2026-01-01T09:00:00Z".parse().unwrap()),
        }
    }

    fn verdict(name: &str, level: Level, findings: Vec<Finding>, blamed: Option<&str>) -> Verdict {
        let blamed_on = blamed.map(|name| Blame { id: None, name: name.to_owned() });
        Verdict { name: name.into(), level, findings, blamed_on, ..Verdict::default() }
    }

    fn report() -> Report {
        let oom = finding(
            "OOM_KILLED",
            "killed: it needed more than its 64M of memory",
            "",
            "raise its limit (`mem_limit: 128m`), or find out what it keeps in memory",
            &["loading 2,000,000 rows into memory"],
        );
        let paused = Finding { level: Level::Degraded, ..finding("PAUSED", "it is paused", "", "unpause it", &[]) };
        let down = || vec![finding("DEPENDENCY_DOWN", "db does not work", "", "see db", &[])];
        Report {
            host: "web-01".into(),
            level: Level::Failing,
            containers: vec![
                verdict("shop-db-1", Level::Failing, vec![oom, paused.clone()], None),
                verdict("shop-api-1", Level::Failing, down(), Some("shop-db-1")),
                verdict("shop-web-1", Level::Degraded, down(), Some("shop-api-1")),
                verdict("cache", Level::Degraded, vec![paused], None),
                verdict("blog", Level::Healthy, vec![], None),
                verdict("job", Level::Off, vec![], None),
            ],
            stacks: vec![
                StackVerdict { name: "shop".into(), level: Level::Failing, up: 2, all: 3, since: None },
                StackVerdict { name: "weblog".into(), level: Level::Healthy, up: 1, all: 1, since: None },
            ],
            ..Report::default()
        }
    }

    #[test]
    fn a_cause_is_told_once_with_those_that_suffer_from_it() {
        assert_eq!(
            page(60, false, &report()),
            "\
✖ web-01 is failing: 2 failing, 2 degraded, 1 healthy, 1 off

✖ shop-db-1  OOM_KILLED  for 3h
  killed: it needed more than its 64M of memory
  try  raise its limit (`mem_limit: 128m`), or find out what
       it keeps in memory
  │ loading 2,000,000 rows into memory
  also  PAUSED: it is paused
  so also  shop-api-1, shop-web-1

◐ cache  PAUSED  for 3h
  it is paused
  try  unpause it

2 stacks
✖ shop    failing, 2 of 3 up
● weblog  healthy, 1 of 1 up
"
        );
    }

    #[test]
    fn what_is_off_takes_a_line_each_and_not_many_of_them() {
        let killed =
            || vec![Finding { level: Level::Off, ..finding("KILLED", "killed by docker kill", "", "start it", &[]) }];
        let mut report = Report { host: "h".into(), ..Report::default() };
        report.containers = (0..8).map(|n| verdict(&format!("job-{n}"), Level::Off, killed(), None)).collect();
        report.containers[0].unprobed = Some("it is elsewhere".into());
        let text = page(60, false, &report);
        assert!(text.contains("\n\n? job-0: not probed: it is elsewhere\n○ job-0: killed"), "{text}");
        report.containers[0].unprobed = None;
        let text = page(60, false, &report);
        assert!(text.starts_with("● h is healthy: 8 off\n\n○ job-0: killed by docker kill\n○ job-1"), "{text}");
        assert!(text.ends_with("○ job-5: killed by docker kill\n  and 2 more like these\n"), "{text}");
    }

    #[test]
    fn colours_change_nothing_but_colours_and_nobody_elses_pass() {
        let mut report = report();
        report.host = "we\x1b[2Jb".into();
        report.containers[0].name = "d\u{9b}b\x07".into();
        report.containers[0].findings[0].evidence = vec!["\x1b]0;t\x07gone".into()];
        let plain = page(80, false, &report);
        assert!(!plain.contains(|c: char| crate::text::is_unsafe(c) && c != '\n'), "{plain:?}");
        let painted = page(80, true, &report);
        assert!(painted.contains("\x1b[31m✖\x1b[0m"), "{painted:?}");
        let mut bare = painted;
        for code in ["0", "1", "2", "31", "32", "33", "35"] {
            bare = bare.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(bare, plain);
    }

    #[test]
    fn no_line_is_wider_than_it_may_be_whatever_names_there_are() {
        let long = "a-name-that-does-not-end-".repeat(6);
        let mut report = report();
        report.host.clone_from(&long);
        report.containers[0].name.clone_from(&long);
        report.containers[1].blamed_on = Some(Blame { id: None, name: long.clone() });
        report.containers[0].findings[0].evidence = vec!["漢字".repeat(200), long.clone()];
        report.containers[0].findings[0].what.clone_from(&long);
        report.stacks[0].name = long;
        report.findings = vec![finding("HOST_DISK", "3% left", "", "prune", &[])];
        for columns in [60, 80, 100] {
            let text = page(columns, false, &report);
            let wide: Vec<&str> = text.lines().filter(|l| width(l) > columns).collect();
            assert!(wide.is_empty(), "{wide:#?}");
            assert!(text.contains('…'), "{text}");
        }
    }

    #[test]
    fn who_blame_each_other_or_somebody_untold_are_told_themselves() {
        let own = || vec![finding("EXITED", "it ended", "", "look", &[])];
        let of = |a: Option<&str>, b: Option<&str>| Report {
            level: Level::Failing,
            containers: vec![verdict("a", Level::Failing, own(), a), verdict("b", Level::Failing, own(), b)],
            ..Report::default()
        };
        for report in [of(Some("b"), Some("a")), of(Some("c"), None), of(Some("a"), None)] {
            let text = page(60, false, &report);
            assert!(text.contains("✖ a  EXITED") && text.contains("✖ b  EXITED"), "{text}");
        }
        let text = page(60, false, &of(Some("b"), None));
        assert!(text.contains("so also  a") && !text.contains("✖ a"), "{text}");
    }

    #[test]
    fn what_cannot_be_told_is_told_with_why_and_what_to_do() {
        let error = EngineError::new(ErrorKind::Unreachable, "no engine at /x").with_hint("is it running?");
        let gone = Report { host: "h".into(), unknown: Some(error), ..Report::default() };
        assert_eq!(
            page(60, false, &gone),
            "? h: cannot tell\n  why  no engine at /x\n  try  is it running?\n  try  `ondeck doctor` looks for what is in the way\n"
        );
        let empty = Report { host: "h".into(), ..Report::default() };
        assert_eq!(page(60, false, &empty), "● h is healthy: no containers\n");
    }
}
