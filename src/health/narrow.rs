//! What is said of some only, out of what is said of a host.

use super::{Level, Report, StackVerdict, Verdict};

impl Verdict {
    /// Whether it is meant by `name`: its own name, the beginning of its identifier, `STACK/SERVICE`, or its stack.
    pub fn is_meant_by(&self, name: &str) -> bool {
        let service = || {
            name.split_once('/').is_some_and(|(stack, service)| {
                self.stack.as_deref() == Some(stack) && self.service.as_deref() == Some(service)
            })
        };
        // Docker's own short form has twelve digits; less could be the name of something that is not there.
        let id = || name.len() >= 12 && self.id.as_deref().is_some_and(|id| id.starts_with(name));
        self.name == name || self.stack.as_deref() == Some(name) || id() || service()
    }
}

impl Report {
    /// Whether there is anything of that name: a container, a service, a stack.
    pub fn knows(&self, name: &str) -> bool {
        self.stacks.iter().any(|s| s.name == name) || self.containers.iter().any(|v| v.is_meant_by(name))
    }

    /// What is said of those that `names` mean, with those whose trouble explains theirs. The level is that of the
    /// meant ones; of the host itself nothing is said.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Self {
        let meant = |v: &Verdict| names.iter().any(|name| v.is_meant_by(name));
        let named = |s: &StackVerdict| names.contains(&s.name);
        let mut kept: Vec<bool> = self.containers.iter().map(meant).collect();
        let stacks: Vec<_> = self.stacks.iter().filter(|s| named(s)).cloned().collect();
        let level = self.containers.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(v, _)| v.level);
        let level = level.chain(stacks.iter().map(|s| s.level)).max().unwrap_or(Level::Off);
        // The one that is blamed may in turn blame another.
        loop {
            let blamed = |of: &Verdict| {
                self.containers.iter().zip(&kept).any(|(v, kept)| {
                    *kept
                        && v.blamed_on
                            .as_ref()
                            .is_some_and(|b| if b.id.is_some() { b.id == of.id } else { b.name == of.name })
                })
            };
            let more: Vec<bool> = self.containers.iter().zip(&kept).map(|(v, kept)| *kept || blamed(v)).collect();
            if more == kept {
                break;
            }
            kept = more;
        }
        let containers = self.containers.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(v, _)| v.clone()).collect();
        Self { level, containers, stacks, findings: Vec::new(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Blame;
    use super::*;

    fn verdict(name: &str, service: Option<(&str, &str)>, level: Level, blamed: Option<&str>) -> Verdict {
        Verdict {
            id: Some(format!("{name:0<64}").into()),
            name: name.to_owned(),
            stack: service.map(|(stack, _)| stack.to_owned()),
            service: service.map(|(_, service)| service.to_owned()),
            level,
            blamed_on: blamed.map(|name| Blame { id: None, name: name.to_owned() }),
            ..Verdict::default()
        }
    }

    fn report() -> Report {
        Report {
            level: Level::Failing,
            containers: vec![
                verdict("db", Some(("shop", "db")), Level::Failing, None),
                verdict("api", Some(("shop", "api")), Level::Failing, Some("db")),
                verdict("web", Some(("shop", "web")), Level::Degraded, Some("api")),
                verdict("abcdefabcdef", None, Level::Failing, None),
                verdict("blog", None, Level::Healthy, None),
            ],
            stacks: vec![StackVerdict { name: "shop".into(), level: Level::Failing, ..StackVerdict::default() }],
            ..Report::default()
        }
    }

    fn only(names: &[&str]) -> (Level, Vec<String>, usize) {
        let some = report().only(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        (some.level, some.containers.into_iter().map(|v| v.name).collect(), some.stacks.len())
    }

    #[test]
    fn only_what_is_asked_for_counts_and_what_explains_it_is_shown() {
        assert_eq!(only(&["blog"]), (Level::Healthy, vec!["blog".into()], 0));
        assert_eq!(only(&["web"]), (Level::Degraded, vec!["db".into(), "api".into(), "web".into()], 0));
        assert_eq!(only(&["shop/db"]), (Level::Failing, vec!["db".into()], 0));
        assert_eq!(only(&["shop", "blog"]).1.len(), 4);
        assert_eq!(only(&["shop"]).2, 1);
    }

    #[test]
    fn names_mean_containers_services_and_stacks_and_identifiers_from_twelve_digits() {
        let report = report();
        let known = ["web", "shop/web", "shop", "abcdefabcdef", "abcdefabcdef00"].map(|n| report.knows(n));
        assert_eq!(known, [true; 5]);
        assert_eq!(["", "abc", "shop/", "/web", "else/web"].map(|n| report.knows(n)), [false; 5]);
    }
}
