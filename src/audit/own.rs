//! What ondeck itself makes, with rights that it needs.

use super::facts::Facts;
use super::report::Ignored;
use crate::engine::DEBUG_LABEL;
use crate::sessions::LABEL;

/// What a session needs for a Docker of its own, and nothing else: who only bears its label gets no more than that.
const SESSION: [&str; 12] = [
    "OD-C13", "OD-C15", "OD-C16", "OD-C17", "OD-C18", "OD-C19", "OD-C20", "OD-C21", "OD-C22", "OD-C23", "OD-C30",
    "OD-C40",
];
/// What a helper beside a container needs.
const HELPER: [&str; 6] = ["OD-C16", "OD-C17", "OD-C18", "OD-C22", "OD-C23", "OD-C30"];

/// Why a finding of what ondeck made is meant to be so.
pub(super) fn ignored(code: &str, facts: &Facts) -> Option<Ignored> {
    let reason = match () {
        () if facts.labels.contains_key(LABEL) && SESSION.contains(&code) => {
            "a session has a Docker of its own, which needs this; it ends by itself"
        }
        () if facts.labels.contains_key(DEBUG_LABEL) && HELPER.contains(&code) => {
            "a helper looks into the container beside it, which needs this; it ends by itself"
        }
        () => return None,
    };
    Some(Ignored { reason: reason.to_owned(), until: None, by: "ondeck".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_the_rights_that_it_needs_and_no_others_for_its_label() {
        let bears = |label: &str| Facts { labels: [(label.to_owned(), "x".to_owned())].into(), ..Facts::default() };
        let session = bears(LABEL);
        assert!(
            ignored("OD-C15", &session).is_some_and(|ignored| ignored.by == "ondeck" && !ignored.reason.is_empty())
        );
        for code in ["OD-C01", "OD-C02", "OD-C04", "OD-C09", "OD-C24", "OD-C34"] {
            assert_eq!(ignored(code, &session), None, "{code}");
        }
        assert!(ignored("OD-C16", &bears(DEBUG_LABEL)).is_some());
        assert_eq!(ignored("OD-C15", &bears(DEBUG_LABEL)), None);
        assert_eq!(ignored("OD-C15", &bears("dev.ondeck.sessions")), None);
    }
}
