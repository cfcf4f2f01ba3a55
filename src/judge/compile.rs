//! From a lab's manifest to checks that can be made.

use std::time::Duration;

use super::check::{Check, Code, Kind, Need, Phase};
use super::checks;
use crate::config::{ConfigError, suggestion};
use crate::labs::{self, Lab, Task};

/// A check of a lab, ready to be made.
pub struct Planned<'a> {
    /// The task it belongs to.
    pub task: &'a Task,
    /// What the manifest says.
    pub check: &'a labs::Check,
    /// Its kind.
    pub kind: &'static Kind,
    /// What it is called for the learner.
    pub title: String,
    pub(super) look: Box<dyn Check>,
}

impl Planned<'_> {
    /// When it is made: after what is made of it.
    pub fn phase(&self) -> Phase {
        parts(self.kind, self.look.as_ref()).iter().map(|kind| kind.phase).max().unwrap_or(self.kind.phase)
    }

    /// What has to be there before.
    pub fn need(&self) -> Need {
        parts(self.kind, self.look.as_ref()).iter().map(|kind| kind.need).max().unwrap_or(self.kind.need)
    }

    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        let usual = parts(self.kind, self.look.as_ref()).iter().map(|kind| kind.timeout).max();
        self.check.timeout.or(usual).unwrap_or(self.kind.timeout)
    }

    /// The code of its failure to be done in time.
    pub(super) fn late(&self) -> Option<&'static str> {
        parts(self.kind, self.look.as_ref()).iter().rev().find_map(|kind| kind.late)
    }

    /// The names of all failure codes that it may give, each with the kind's hint.
    pub fn codes(&self) -> Vec<(String, &'static str)> {
        let mut all: Vec<(String, &'static str)> = Vec::new();
        let mut codes: Vec<Code> =
            parts(self.kind, self.look.as_ref()).iter().flat_map(|kind| kind.codes).copied().collect();
        if matches!(self.kind.name, "any" | "not") {
            // Theirs are told in place of those within.
            codes = self.kind.codes.to_vec();
        }
        for code in codes {
            let name = self.check.code.clone().unwrap_or_else(|| code.name.to_owned());
            if !all.iter().any(|(known, _)| *known == name) {
                all.push((name, code.hint));
            }
        }
        all
    }
}

/// A kind and all that are in a check of it.
fn parts(kind: &'static Kind, check: &dyn Check) -> Vec<&'static Kind> {
    let mut all = vec![kind];
    for (kind, check) in check.inner() {
        all.extend(parts(kind, check));
    }
    all
}

/// Reads the checks of a lab, in the order of its manifest.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub fn compile(lab: &Lab) -> Result<Vec<Planned<'_>>, Vec<ConfigError>> {
    let (mut planned, mut errors) = (Vec::new(), Vec::new());
    for (task, check) in lab.checks() {
        let place = |field: &str| {
            let field = field.split(['.', '[']).next().unwrap_or_default();
            check.places.get(field).copied().unwrap_or(check.place)
        };
        let kind = match checks::kind(&check.kind) {
            Ok(kind) => kind,
            Err((message, hint)) => {
                errors.push(lab.error(place("kind"), message, hint));
                continue;
            }
        };
        match (kind.read)(&check.fields) {
            Ok(look) => {
                let title = check.title.clone().unwrap_or_else(|| look.title());
                planned.push(Planned { task, check, kind, title, look });
            }
            Err(wrong) => {
                let message = format!("{}: {}", kind.name, wrong.message);
                errors.push(lab.error(place(&wrong.field), message, wrong.hint));
            }
        }
    }
    let ids: Vec<&str> = lab.checks().map(|(_, check)| check.id.as_str()).collect();
    for (at, (_, check)) in lab.checks().enumerate() {
        let place = check.places.get("needs").copied().unwrap_or(check.place);
        if ids[..at].contains(&check.id.as_str()) {
            let place = check.places.get("id").copied().unwrap_or(check.place);
            let message = format!("found `{}` for the second time, expected each check's id once", check.id);
            errors.push(lab.error(place, message, ""));
        }
        for need in check.needs.iter().filter(|need| !ids.contains(&need.as_str())) {
            let message = format!("found `{need}`, expected the id of another check");
            errors.push(lab.error(place, message, suggestion(need, ids.iter().copied())));
        }
    }
    if errors.is_empty()
        && let Err(at) = order(&planned)
    {
        let check = planned[at].check;
        let place = check.places.get("needs").copied().unwrap_or(check.place);
        let message = format!("`{}` needs itself, by way of {}", check.id, check.needs.join(", "));
        errors.push(lab.error(place, message, "remove one of the needs"));
    }
    if errors.is_empty() { Ok(planned) } else { Err(errors) }
}

/// The order in which checks are made: phase by phase as the manifest has them, each behind what it needs.
///
/// # Errors
/// The first of those that need each other.
pub(super) fn order(planned: &[Planned<'_>]) -> Result<Vec<usize>, usize> {
    let mut waiting: Vec<usize> = (0..planned.len()).collect();
    waiting.sort_by_key(|at| planned[*at].phase());
    let mut order = Vec::with_capacity(planned.len());
    while let Some(&first) = waiting.first() {
        let ready = |at: &usize| {
            let needs = &planned[*at].check.needs;
            waiting.iter().all(|other| !needs.contains(&planned[*other].check.id))
        };
        let next = waiting.iter().position(ready).ok_or(first)?;
        order.push(waiting.remove(next));
    }
    Ok(order)
}
