//! `ondeck judge`: whether a submission solves a lab, without the panel.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use crate::config::Config;
use crate::engine::{Endpoint, Engine};
use crate::judge::{self, CheckResult, CheckStatus, Event, Failure as Wrong, Mode, Report, Submission, Verdict, Way};
use crate::labs::Lab;
use crate::sessions::{self, Session};
use crate::tasks::{History, Submitter, attempt};
use crate::text::{clean, fit, width};
use crate::workspace::Workspace;

use super::{Failure, WIDTH, lab, session, tell, wrapped};

/// Judge a submission: what passes, what does not, and why
///
/// Without --session and --dir, the workspace of your own session for the lab is judged, in that session. Ends with 0
/// when it passed, 1 when it failed, 2 when it could not be judged.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The lab's name, or the folder it is in
    #[arg(value_name = "LAB|DIR")]
    lab: String,
    /// The session whose workspace is judged
    #[arg(long, value_name = "ID", conflicts_with = "dir")]
    session: Option<String>,
    /// A folder of this machine that is judged, in a fresh session
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
    /// Judge in a fresh session, which nobody can have prepared
    #[arg(long)]
    clean: bool,
    /// The report as JSON: an object
    #[arg(long)]
    json: bool,
    /// Do not keep this attempt in the history
    #[arg(long)]
    no_record: bool,
}

/// What could not be judged, for the exit code that says so.
fn unjudged(failure: Failure) -> Result<ExitCode, Failure> {
    match failure {
        Failure::Told(text) => {
            tell(&format!("ondeck: {text}"));
            Ok(ExitCode::from(2))
        }
        closed @ Failure::Closed => Err(closed),
    }
}

pub(super) fn run(
    arguments: &Arguments,
    config: &Config,
    endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    let begun = lab::find(config, &arguments.lab).and_then(|lab| Ok((lab, Engine::connect(&endpoint()?)?)));
    let (lab, engine) = match begun {
        Ok(begun) => begun,
        Err(failure) => return unjudged(failure),
    };
    if let Err(errors) = judge::compile(&lab) {
        return unjudged(Failure::Told(lab::all(&errors)));
    }
    match lab::wait(judged(arguments, config, &engine, &lab)) {
        Ok(report) => {
            if arguments.json {
                lab::json(&report)?;
            } else {
                print(&mut io::stdout().lock(), &lab, &report, &Signs::of(config))?;
            }
            Ok(match report.verdict {
                Verdict::Passed => ExitCode::SUCCESS,
                Verdict::Failed => ExitCode::FAILURE,
                Verdict::Error => ExitCode::from(2),
            })
        }
        Err(failure) => unjudged(failure),
    }
}

async fn judged(arguments: &Arguments, config: &Config, engine: &Engine, lab: &Lab) -> Result<Report, Failure> {
    let (workspace, session) = if let Some(dir) = &arguments.dir {
        (Workspace::host(dir), None)
    } else {
        let session = own(engine, lab, arguments.session.as_deref()).await?;
        (Workspace::session(engine, session.name.as_str()), Some(session))
    };
    let watch = Watch::new(Signs::of(config));
    let say = |event: Event| watch.tell(event);
    let cancelled = || async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let taken = tokio::select! {
        taken = Submission::take(&workspace, &lab.workspace, &say) => taken,
        () = cancelled() => return Err(Failure::Told("cancelled; nothing was judged".into())),
    };
    watch.rest();
    let submission = taken.map_err(|trouble| Failure::Told(told(&trouble.message, &trouble.hint)))?;
    for path in submission.skipped() {
        tell(&format!("left out, since it is no file, folder or link: {path}"));
    }
    let way = match &session {
        Some(session) if !arguments.clean => Way::Quick(Box::new(session.clone())),
        _ => Way::Clean,
    };
    let owner = sessions::owner();
    let copy = submission.clone();
    let report = judge::judge(engine, &config.sessions, lab, copy, way, &owner, &say, cancelled()).await;
    watch.rest();
    let was_cancelled = report.error.as_ref().is_some_and(|trouble| trouble.code == "J_CANCELLED");
    if !arguments.no_record && !was_cancelled {
        let by = Submitter { owner, host: engine.endpoint().name.clone(), session: session.map(|s| s.id) };
        let new = attempt(&report, &submission, by);
        // What cannot be written down has been judged all the same.
        if let Err(error) = History::usual().with(async move |store| store.add_attempt(&new).await.map(drop)).await {
            tell(&format!("ondeck: this attempt is not kept: {}", told(&error.message, &error.hint)));
        }
    }
    Ok(report)
}

/// A message with its hint below.
fn told(message: &str, hint: &str) -> String {
    if hint.is_empty() { message.to_owned() } else { format!("{message}\n  {hint}") }
}

/// The session that is meant: the one that is named, else one's own for the lab, if there is but one.
async fn own(engine: &Engine, lab: &Lab, id: Option<&str>) -> Result<Session, Failure> {
    if let Some(id) = id {
        return session::find(engine, id).await;
    }
    let owner = sessions::owner();
    let mut all = sessions::list(engine).await?;
    all.retain(|session| session.owner == owner && session.lab.as_deref() == Some(&lab.id));
    match &all[..] {
        [one] => Ok(one.clone()),
        [] => Err(Failure::Told(format!(
            "you have no session for {0}\n  name a session (--session ID) or a folder (--dir PATH), or start one: ondeck session start --lab {0}",
            lab.id
        ))),
        several => {
            let known: Vec<&str> = several.iter().map(|session| session.id.as_str()).collect();
            Err(Failure::Told(format!(
                "you have several sessions for {}: {}\n  name one: --session ID",
                lab.id,
                known.join(", ")
            )))
        }
    }
}

/// How the ends of checks are shown.
#[derive(Debug, Clone, Copy)]
struct Signs {
    passed: &'static str,
    failed: &'static str,
    warned: &'static str,
    not_reached: &'static str,
    error: &'static str,
}

impl Signs {
    fn of(config: &Config) -> Self {
        if config.symbols().ascii {
            Self { passed: "ok", failed: "NO", warned: "! ", not_reached: "- ", error: "? " }
        } else {
            Self { passed: "✔", failed: "✖", warned: "!", not_reached: "▷", error: "?" }
        }
    }

    const fn sign(&self, status: CheckStatus) -> &'static str {
        match status {
            CheckStatus::Passed => self.passed,
            CheckStatus::Failed => self.failed,
            CheckStatus::Error => self.error,
            CheckStatus::Warned => self.warned,
            CheckStatus::NotReached => self.not_reached,
        }
    }
}

/// Tells a person what happens, check by check; where it is a terminal, also what happens right now.
struct Watch {
    signs: Signs,
    terminal: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    titles: Vec<(String, String)>,
    /// What is being done.
    now: String,
    /// Whether the line of it stands there.
    shown: bool,
}

impl Seen {
    /// Something else is being done.
    fn begin(&mut self, text: String) {
        show(self, &text);
        self.now = text;
    }
}

/// Shows what is being done, over what was shown before.
fn show(seen: &mut Seen, text: &str) {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |size| usize::from(size.ws_col.max(10)));
    // Nobody may be left to read it.
    let _ = write!(io::stderr(), "\r\x1b[K  {}", fit(text, columns - 3));
    seen.shown = true;
}

impl Watch {
    fn new(signs: Signs) -> Self {
        Self { signs, terminal: io::stderr().is_terminal(), seen: Mutex::default() }
    }

    fn tell(&self, event: Event) {
        // A lock that broke held nothing but words.
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Plan(titles) => seen.titles = titles,
            Event::Step(text) if self.terminal => seen.begin(text),
            Event::Step(text) => tell(&text),
            Event::Begins(id) => {
                let title = seen.titles.iter().find(|(known, _)| *known == id).map(|(_, title)| title.clone());
                if self.terminal {
                    seen.begin(title.unwrap_or(id));
                }
            }
            Event::Line(text) if self.terminal => {
                let line = format!("{}: {text}", seen.now);
                show(&mut seen, &line);
            }
            Event::Line(_) => {}
            Event::Ended(check, failures) => {
                self.wipe(&mut seen);
                tell(&self.ended(&check, &failures));
            }
        }
    }

    fn ended(&self, check: &CheckResult, failures: &[Wrong]) -> String {
        let mut line = if self.terminal {
            format!("{} {}", self.signs.sign(check.status), check.title)
        } else {
            format!("{}: {}", word(check.status), check.title)
        };
        if check.elapsed_seconds >= 0.1 {
            line = format!("{line} ({:.1} s)", check.elapsed_seconds);
        }
        if let Some(because) = &check.because {
            line = format!("{line}: {because}");
        }
        for failure in failures {
            line = format!("{line}\n    {}: {}", failure.code, failure.message);
        }
        line
    }

    fn wipe(&self, seen: &mut Seen) {
        if std::mem::take(&mut seen.shown) && self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    /// Leaves nothing half said.
    fn rest(&self) {
        self.wipe(&mut self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

const fn word(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Passed => "passed",
        CheckStatus::Failed => "failed",
        CheckStatus::Warned => "warning",
        CheckStatus::NotReached => "not reached",
        CheckStatus::Error => "not judged",
    }
}

fn print(out: &mut impl Write, lab: &Lab, report: &Report, signs: &Signs) -> io::Result<()> {
    let verdict = match report.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Error => "could not be judged",
    };
    let points = match report.verdict {
        Verdict::Error => String::new(),
        _ => format!(", {} of {} points", report.score, report.max_score),
    };
    let mode = match report.mode {
        Mode::Quick => "in the session it was made in",
        Mode::Clean => "in a fresh session",
    };
    writeln!(out, "{}: {verdict}{points} ({mode}, {:.1} s)", report.lab, report.elapsed_seconds)?;
    for task in &lab.tasks {
        let checks = || report.checks.iter().filter(|check| check.task == task.id);
        if checks().next().is_none() {
            continue;
        }
        writeln!(out)?;
        wrapped(out, "", &clean(&task.title))?;
        for check in checks() {
            row(out, check, signs, report.verdict != Verdict::Error)?;
        }
    }
    for failure in &report.failures {
        writeln!(out)?;
        explain(out, failure)?;
    }
    if let Some(error) = &report.error {
        writeln!(out)?;
        wrapped(out, "", &format!("{}: {}", error.code, error.message))?;
        wrapped(out, "  ", &error.hint)?;
    }
    if let (Verdict::Failed, 0, min) = (report.verdict, report.failures.len(), lab.judge.min_score) {
        writeln!(out, "\n{min} points are needed to pass.")?;
    }
    Ok(())
}

/// A check: its sign, its title, its points.
fn row(out: &mut impl Write, check: &CheckResult, signs: &Signs, counts: bool) -> io::Result<()> {
    let points =
        if counts && check.max_points > 0 { format!("{}/{}", check.points, check.max_points) } else { String::new() };
    let room = WIDTH - 6 - 8;
    let title = fit(&check.title, room);
    let sign = signs.sign(check.status);
    let gap = " ".repeat(room.saturating_sub(width(&title)));
    writeln!(out, "{}", format!("  {sign}{}{title}{gap} {points:>7}", " ".repeat(4 - width(sign))).trim_end())?;
    match &check.because {
        Some(because) => wrapped(out, "      ", because),
        None => Ok(()),
    }
}

/// What is wrong: code and place, message, what to think about.
fn explain(out: &mut impl Write, failure: &Wrong) -> io::Result<()> {
    let place = match (&failure.file, failure.line) {
        (Some(file), Some(line)) => format!("  {file}:{line}"),
        (Some(file), None) => format!("  {file}"),
        _ => String::new(),
    };
    let warning = if failure.warning { "  (costs points only)" } else { "" };
    writeln!(out, "{}{place}{warning}", failure.code)?;
    wrapped(out, "  ", &failure.message)?;
    for (what, text) in [("expected", &failure.expected), ("found", &failure.found)] {
        if let Some(text) = text {
            wrapped(out, &format!("  {what:<9} "), text)?;
        }
    }
    if failure.hint.is_empty() { Ok(()) } else { wrapped(out, "  hint      ", &failure.hint) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_report_fits_a_terminal() {
        let failure = Wrong {
            code: "DF_USER_ROOT".into(),
            check: "user".into(),
            message: "Dockerfile:7: USER root is root, expected another user, as many words as it takes to fill more than one line of a terminal".into(),
            hint: "As whom does the program run? USER says so, and the last one in the last stage counts.".into(),
            file: Some("Dockerfile".into()),
            line: Some(7),
            expected: Some("not root".into()),
            found: Some("漢字".repeat(60)),
            warning: true,
        };
        let mut out = Vec::new();
        explain(&mut out, &failure).unwrap();
        let check = CheckResult {
            id: "user".into(),
            task: "t".into(),
            title: "The image does not run as root, which is said in a title that is much too long for one line".into(),
            kind: "df.user".into(),
            status: CheckStatus::NotReached,
            points: 0,
            max_points: 100,
            required: true,
            elapsed_seconds: 0.0,
            observed: String::new(),
            because: Some(
                "it needs `The Dockerfile can be read, which is a title that is rather long as well`, which failed"
                    .into(),
            ),
        };
        let signs = Signs { passed: "✔", failed: "✖", warned: "!", not_reached: "▷", error: "?" };
        row(&mut out, &check, &signs, true).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("DF_USER_ROOT  Dockerfile:7  (costs points only)\n  Dockerfile:7: USER root"),
            "{text}"
        );
        let long: Vec<&str> = text.lines().filter(|line| width(line) > WIDTH && line.contains(' ')).collect();
        // Only a single word may be wider.
        assert!(long.iter().all(|line| line.split_whitespace().count() <= 2), "{long:?}");
        assert!(text.contains("0/100\n      it needs"), "{text}");
    }
}
