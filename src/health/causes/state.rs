//! States in which a container does nothing.

use crate::health::Level;
use crate::health::facts::{Facts, Phase};

use super::Said;

pub(super) fn stuck(facts: &Facts) -> Option<Said> {
    (facts.phase() == Phase::Dead).then(|| {
        Said::failing("dead: the engine could not remove it")
            .why("something still holds its files, mostly a mount that leaked into another process")
            .todo(format!("docker rm -f {}; if that fails, restart the engine", facts.container.name))
    })
}

pub(super) fn paused(facts: &Facts) -> Option<Said> {
    (facts.phase() == Phase::Paused).then(|| {
        Said::degraded("paused: its processes are frozen, and answer nobody")
            .why("somebody paused it, or a backup did and did not come to its end")
            .todo(format!("docker unpause {}", facts.container.name))
    })
}

pub(super) fn not_started(facts: &Facts) -> Option<Said> {
    // Whether anyone expects it to run is told by its neighbours.
    (facts.phase() == Phase::Waiting && facts.lost.is_empty()).then(|| {
        Said::new(Level::Off, "made, but never started")
            .todo(format!("if it is to run: docker start {}", facts.container.name))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::engine::model::State;

    #[test]
    fn each_state_has_its_cause() {
        for (state, code, level) in [
            (State::Paused, "PAUSED", Level::Degraded),
            (State::Dead, "STUCK", Level::Failing),
            (State::Created, "NOT_STARTED", Level::Off),
        ] {
            let mut facts = running();
            facts.container.state = state;
            assert_eq!((codes(&facts), super::super::judge(&facts).level), (vec![code], level));
        }
    }
}
