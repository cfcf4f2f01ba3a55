//! Ladders: hints from a nudge to the answer, one step at a time.

use std::collections::BTreeMap;

/// The hints of a lab: those for failure codes, and those for its tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ladders {
    /// By failure code.
    pub codes: BTreeMap<String, Vec<String>>,
    /// By a task's name.
    pub tasks: BTreeMap<String, Vec<String>>,
}

/// What went wrong, as far as ladders matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The failure's code; `None` when nothing was judged yet.
    pub code: Option<String>,
    /// The task that it is part of.
    pub task: String,
}

/// A step of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// What the ladder is for: the failure code, or the task's name. Under this name it is kept as taken.
    pub key: String,
    /// The hint.
    pub text: String,
    /// Which step it is, from 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    /// Whether it was taken before: there is none after it.
    pub again: bool,
}

impl Rung {
    /// Which step of how many: `2 of 4`.
    pub fn label(&self) -> String {
        format!("{} of {}", self.number, self.of)
    }

    /// Whether it is the end of its ladder, which says the answer.
    pub fn is_last(&self) -> bool {
        self.number >= self.of
    }
}

impl Ladders {
    /// The next step, given how many were taken by key: of the first failure whose ladder, or else whose task's ladder,
    /// has one left. When all were taken, the last one that there is for the first failure once more.
    pub fn next(&self, stuck: &[Stuck], taken: &BTreeMap<String, u32>) -> Option<Rung> {
        let keys = || {
            stuck.iter().flat_map(|s| {
                let code = s.code.as_ref().and_then(|code| Some((code, self.codes.get(code)?)));
                let task = self.tasks.get(&s.task).map(|rungs| (&s.task, rungs));
                code.into_iter().chain(task).filter(|(_, rungs)| !rungs.is_empty())
            })
        };
        let had = |key: &str| taken.get(key).map_or(0, |n| *n as usize);
        if let Some((key, rungs)) = keys().find(|(key, rungs)| had(key) < rungs.len()) {
            return Some(step(key, rungs, had(key), false));
        }
        keys().next().map(|(key, rungs)| step(key, rungs, rungs.len() - 1, true))
    }

    /// The steps of a ladder that were taken, in order.
    pub fn taken(&self, key: &str, count: u32) -> Vec<Rung> {
        let rungs = self.codes.get(key).or_else(|| self.tasks.get(key));
        let rungs = rungs.map(Vec::as_slice).unwrap_or_default();
        (0..rungs.len().min(count as usize)).map(|at| step(key, rungs, at, true)).collect()
    }
}

fn step(key: &str, rungs: &[String], at: usize, again: bool) -> Rung {
    Rung { key: key.to_owned(), text: rungs[at].clone(), number: at as u32 + 1, of: rungs.len() as u32, again }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ladders() -> Ladders {
        let rungs = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        Ladders {
            codes: [("ROOT".to_owned(), rungs(&["r1", "r2"])), ("EMPTY".to_owned(), rungs(&[]))].into(),
            tasks: [("user".to_owned(), rungs(&["u1"])), ("size".to_owned(), rungs(&["s1", "s2"]))].into(),
        }
    }

    fn stuck(code: Option<&str>, task: &str) -> Stuck {
        Stuck { code: code.map(str::to_owned), task: task.to_owned() }
    }

    #[test]
    fn one_step_at_a_time_up_every_ladder_that_fits() {
        let failures = [stuck(Some("ROOT"), "user"), stuck(Some("BIG"), "size")];
        let mut taken = BTreeMap::new();
        let mut seen = Vec::new();
        for _ in 0..7 {
            let rung = ladders().next(&failures, &taken).unwrap();
            seen.push(format!("{} {}{}", rung.text, rung.label(), if rung.again { " again" } else { "" }));
            taken.insert(rung.key, rung.number);
        }
        assert_eq!(
            seen,
            ["r1 1 of 2", "r2 2 of 2", "u1 1 of 1", "s1 1 of 2", "s2 2 of 2", "r2 2 of 2 again", "r2 2 of 2 again"]
        );
        let had: Vec<String> = ladders().taken("ROOT", 9).into_iter().map(|r| r.text).collect();
        assert_eq!(had, ["r1", "r2"]);
        assert_eq!(ladders().taken("NONE", 3), []);
    }

    #[test]
    fn without_a_ladder_there_is_no_step() {
        let none = BTreeMap::new();
        assert_eq!(ladders().next(&[], &none), None);
        assert_eq!(ladders().next(&[stuck(Some("EMPTY"), "other"), stuck(None, "else")], &none), None);
        assert_eq!(ladders().next(&[stuck(None, "user")], &none).unwrap().text, "u1");
        // A ladder that became shorter is at its end, whatever was taken of it.
        let many = BTreeMap::from([("user".to_owned(), 9)]);
        assert!(ladders().next(&[stuck(None, "user")], &many).unwrap().again);
    }
}
