//! Labs: how far one is with each, and the session that runs for it.

use crate::fleet::snapshot::Status;
use crate::labs::{Difficulty, Lab};
use crate::sessions::Session;
use crate::ui::labs::{folder_of, session_of};
use crate::ui::sessions::all;
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone, status_sign};

use super::sessions::left;

/// See the module.
#[derive(Debug)]
pub struct Labs;

static COLUMNS: [Column; 8] = [
    Column::text("LAB", 8, 24, 0),
    Column::text("TITLE", 16, 72, 1),
    Column::text("SESSION", 11, 24, 1),
    Column::figure("BEST", 6, 1),
    Column::figure("TRIES", 5, 4),
    Column::figure("TIME", 4, 5),
    Column::text("LEVEL", 8, 12, 6),
    Column::text("TAGS", 6, 40, 7),
];

/// How far one is with a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing was done.
    New,
    /// A session was started for it.
    Begun,
    /// No attempt has passed, so the last one failed.
    Failed,
    /// An attempt passed.
    Passed,
}

impl State {
    /// How far one is with a lab.
    pub fn of(cx: &Cx<'_>, lab: &str) -> Self {
        match cx.labs.progress(lab) {
            Some(progress) if progress.passed => Self::Passed,
            Some(progress) if progress.attempts > 0 => Self::Failed,
            Some(progress) if progress.started => Self::Begun,
            _ if session(cx, lab).is_some() || cx.labs.start_of(lab).is_some() => Self::Begun,
            _ => Self::New,
        }
    }

    /// Its sign.
    pub const fn status(self) -> Status {
        match self {
            Self::New => Status::Stopped,
            Self::Begun => Status::Partial,
            Self::Failed => Status::Failed,
            Self::Passed => Status::Running,
        }
    }

    /// What it is called.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Begun => "started",
            Self::Failed => "not passed yet",
            Self::Passed => "passed",
        }
    }
}

fn lab<'a>(cx: &Cx<'a>, target: &Target) -> Option<&'a Lab> {
    match target {
        Target::Lab(id) => cx.labs.get(id).map(AsRef::as_ref),
        _ => None,
    }
}

fn session(cx: &Cx<'_>, lab: &str) -> Option<Session> {
    session_of(&all(cx.snap), cx.owner, lab)
}

/// What a lab asks of the learner, in a word.
pub const fn level(difficulty: Difficulty) -> &'static str {
    match difficulty {
        Difficulty::Beginner => "beginner",
        Difficulty::Intermediate => "intermediate",
        Difficulty::Advanced => "advanced",
    }
}

/// What goes on: judged, being started, or a session with the time it has left.
fn goes_on(cx: &Cx<'_>, lab: &str) -> Cell {
    if let Some(watch) = cx.labs.judged(lab)
        && let seen = watch.lock()
        && !seen.ended
    {
        let (over, of) = (seen.results.len(), seen.plan.len());
        let text = if of == 0 { "judging".to_owned() } else { format!("judging {over}/{of}") };
        return Cell::toned(text, Tone::Status(Status::Partial));
    }
    if cx.labs.start_of(lab).is_some() {
        return Cell::toned("starting", Tone::Status(Status::Partial));
    }
    match session(cx, lab) {
        Some(session) => {
            let left = left(cx, &session);
            Cell::toned(format!("{} {}", session.id, left.text).trim_end(), left.tone)
        }
        None => Cell::default(),
    }
}

impl Rows for Labs {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        let Some(catalogue) = cx.labs.catalogue() else { return Vec::new() };
        let good = catalogue.labs.iter().map(|lab| Row::flat(Target::Lab(lab.id.as_str().into())));
        let mut files: Vec<&str> = catalogue.problems.iter().map(|p| p.file.as_str()).collect();
        files.dedup();
        good.chain(files.into_iter().map(|file| Row::flat(Target::BrokenLab(file.into())))).collect()
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        if let Target::BrokenLab(file) = &row.target {
            return match column {
                0 => {
                    let sign = status_sign(cx.symbols, Status::Failed);
                    Cell::toned(format!("{sign} {}", crate::text::clean(folder_of(file))), Tone::Bad)
                }
                1 => {
                    let problems = cx.labs.problems(file);
                    let first = problems.first().map_or("", |p| &p.message);
                    let more =
                        if problems.len() > 1 { format!(" (and {} more)", problems.len() - 1) } else { String::new() };
                    Cell::toned(format!("{}{more}", crate::text::clean(first)), Tone::Bad)
                }
                _ => Cell::default(),
            };
        }
        let Some(lab) = lab(cx, &row.target) else { return Cell::default() };
        let progress = cx.labs.progress(&lab.id);
        match column {
            0 => {
                let state = State::of(cx, &lab.id);
                let tone = if state == State::New { Tone::Muted } else { Tone::Status(state.status()) };
                Cell::toned(format!("{} {}", status_sign(cx.symbols, state.status()), lab.id), tone)
            }
            1 => Cell::plain(&*lab.title),
            2 => goes_on(cx, &lab.id),
            3 => match progress.filter(|p| p.attempts > 0) {
                Some(p) => {
                    let tone = if p.passed { Tone::Good } else { Tone::Plain };
                    Cell::toned(format!("{}/{}", p.best_score, p.max_score), tone)
                }
                None => Cell::default(),
            },
            4 => Cell::muted(progress.filter(|p| p.attempts > 0).map_or(String::new(), |p| p.attempts.to_string())),
            5 => Cell::muted(format!("{}m", lab.minutes)),
            6 => Cell::muted(level(lab.difficulty)),
            _ => Cell::muted(lab.tags.join(" ")),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        let Some(lab) = lab(cx, &row.target) else { return SortKey::Number(f64::MAX) };
        let progress = cx.labs.progress(&lab.id).filter(|p| p.attempts > 0);
        match column {
            // Those that end first come first.
            2 => SortKey::Number(
                session(cx, &lab.id).map_or(f64::MAX, |s| cx.times.left(&s, cx.now).unwrap_or(i64::MAX) as f64),
            ),
            3 => SortKey::Number(progress.map_or(1.0, |p| -f64::from(p.best_score) / f64::from(p.max_score.max(1)))),
            4 => SortKey::Number(progress.map_or(1.0, |p| -f64::from(p.attempts))),
            5 => SortKey::Number(f64::from(lab.minutes)),
            6 => SortKey::Number(f64::from(lab.difficulty as u8)),
            _ => SortKey::Text(self.cell(cx, row, column).text.to_lowercase()),
        }
    }

    fn words(&self, cx: &Cx<'_>, row: &Row) -> String {
        let Some(lab) = lab(cx, &row.target) else {
            return [0, 1].map(|c| self.cell(cx, row, c).text).join(" ");
        };
        let state = State::of(cx, &lab.id).word();
        format!("{} {} {} {} {state}", lab.id, lab.title, level(lab.difficulty), lab.tags.join(" "))
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        if cx.labs.catalogue().is_none() {
            return Empty::new("Reading the labs…", "");
        }
        Empty::new(
            "No labs",
            "`labs` in the config names folders and git repositories with labs; `ondeck lab new DIR` begins one of \
             your own. F5 reads them again.",
        )
    }
}
