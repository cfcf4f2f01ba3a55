//! Labs of a few lines that are judged on a real engine, and what is left afterwards.

#![allow(clippy::unwrap_used, dead_code)]

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ondeck::judge::{self, CheckStatus, Event, Report, Submission, Way};
use ondeck::labs::{Lab, Origin, Tree};
use ondeck::sessions::Session;

use super::guest::Guest;
use super::live::until;

/// The image that labs here have.
pub const BASE: &str = "debian:bookworm-slim";

/// A server in Perl: `answer` is its whole answer to each request.
pub fn server(address: &str, port: u16, answer: &str) -> String {
    format!(
        "use IO::Socket::INET; $| = 1; $SIG{{TERM}} = sub {{ exit 0 }};\n\
         my $s = IO::Socket::INET->new(Listen => 5, ReuseAddr => 1, LocalAddr => '{address}', LocalPort => {port}) or die $!;\n\
         print \"listening\\n\";\n\
         while (my $c = $s->accept) {{ while (<$c>) {{ last if /^\\r?$/ }} {answer} close $c; }}\n"
    )
}

/// The Perl that answers 200 with a body.
pub fn says(body: &str) -> String {
    format!("print $c \"HTTP/1.0 200 OK\\r\\nX-Made-By: perl\\r\\n\\r\\n\" . '{body}';")
}

/// Files from their paths and texts.
pub fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// A court: sessions and labs of one test, gone when it ends.
pub struct Court {
    pub guest: Guest,
    /// What was told while judging.
    pub told: Mutex<Vec<Event>>,
}

impl Court {
    pub fn new() -> Self {
        Self { guest: Guest::new(), told: Mutex::new(Vec::new()) }
    }

    /// A lab: what stands above its tasks, and the checks of its only one.
    pub fn lab(head: &str, checks: &str) -> Lab {
        // A lab has points; who asks for none here gets some.
        let checks =
            if checks.contains("points:") { checks.to_owned() } else { checks.replacen("- {", "- {points: 1, ", 1) };
        let indented: String = checks.lines().map(|line| format!("      {line}\n")).collect::<Vec<_>>().concat();
        let text = format!(
            "schema: lab/v1\nid: court\ntitle: Court\nsummary: A lab of a test.\nminutes: 1\ndifficulty: beginner\ntests: {{starter: {{codes: [BUILD_FAILED]}}}}\n\
             session: {{memory: 400m, pids: 200}}\nimages:\n  - {{name: \"{BASE}\"}}\n{head}\n\
             tasks:\n  - id: only\n    title: Only\n    hints: [Look.]\n    checks:\n{indented}"
        );
        let text =
            if text.contains("judge:") { text } else { text.replace("tasks:\n", "judge: {timeout: 2m}\ntasks:\n") };
        let files = tree(&[
            ("lab.yaml", &text),
            ("README.md", "# Court\n"),
            ("starter/Dockerfile", "FROM x\n"),
            ("solution/Dockerfile", "FROM x\n"),
        ]);
        Lab::from_tree(&files, Origin::Folder("court".into()), "lab.yaml").unwrap_or_else(|errors| {
            panic!("{text}\n{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })
    }

    pub async fn judge(&self, lab: &Lab, submission: Submission, way: Way) -> Report {
        let tell = |event: Event| self.told.lock().unwrap().push(event);
        let Guest { engine, config, owner } = &self.guest;
        judge::judge(engine, config, lab, submission, way, owner, &tell, std::future::pending()).await
    }

    /// Judges files in a fresh session.
    pub async fn clean(&self, lab: &Lab, files: &[(&str, &str)]) -> Report {
        self.judge(lab, Submission::of(&tree(files)).unwrap(), Way::Clean).await
    }

    /// Judges files in a session.
    pub async fn quick(&self, lab: &Lab, files: &[(&str, &str)], session: &Session) -> Report {
        self.judge(lab, Submission::of(&tree(files)).unwrap(), Way::Quick(Box::new(session.clone()))).await
    }

    /// A session as a learner of a lab has it.
    pub async fn session(&self, lab: &Lab) -> Session {
        self.guest.start(&lab.spec(&self.guest.config, self.guest.owner.clone())).await
    }

    /// What is on the host of this court's judges: containers and volumes.
    pub fn left(&self) -> String {
        let owner = format!("label=dev.ondeck.owner=judge of {}", self.guest.owner);
        let list = |args: &[&str]| Guest::docker(&[args, &["--quiet", "--filter", &owner]].concat());
        format!("{}{}", list(&["ps", "--all"]), list(&["volume", "ls"]))
    }

    /// Waits until nothing of this court's judges is on the host any more.
    pub async fn gone(&self) {
        until("the judge's session is gone", async || match self.left() {
            left if left.is_empty() => Ok(()),
            left => Err(left),
        })
        .await;
    }
}

impl Drop for Court {
    fn drop(&mut self) {
        let owner = format!("label=dev.ondeck.owner=judge of {}", self.guest.owner);
        let run = |args: &[&str]| drop(Command::new("docker").args(args).stdin(Stdio::null()).output());
        let began = Instant::now();
        while !self.left().is_empty() && began.elapsed() < Duration::from_secs(20) {
            for id in Guest::docker(&["ps", "--all", "--quiet", "--filter", &owner]).lines() {
                run(&["rm", "--force", "--volumes", id]);
            }
            for name in Guest::docker(&["volume", "ls", "--quiet", "--filter", &owner]).lines() {
                run(&["volume", "rm", name]);
            }
        }
    }
}

/// The failure codes of a report; it must have a verdict.
pub fn codes(report: &Report) -> Vec<&str> {
    assert!(report.error.is_none(), "{report:#?}");
    report.failures.iter().map(|failure| failure.code.as_str()).collect()
}

/// How a check ended.
pub fn status(report: &Report, id: &str) -> CheckStatus {
    report.checks.iter().find(|check| check.id == id).unwrap().status
}

/// The message of the only failure of a check.
pub fn message<'a>(report: &'a Report, check: &str) -> &'a str {
    let found: Vec<_> = report.failures.iter().filter(|failure| failure.check == check).collect();
    assert_eq!(found.len(), 1, "{report:#?}");
    &found[0].message
}
