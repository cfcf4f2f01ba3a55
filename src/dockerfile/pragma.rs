//! Comments that silence rules: hadolint's and BuildKit's.

use std::collections::{HashMap, HashSet};

use super::instruction::Dockerfile;
use super::rules::Rule;
use super::source::Span;

type Codes = HashSet<String>;

/// What the comments of a file silence.
#[derive(Debug, Default)]
pub(super) struct Pragmas {
    everywhere: Codes,
    instructions: HashMap<usize, Codes>,
    stages: HashMap<usize, Codes>,
    /// `# check=error=true`: what BuildKit warns of fails the build.
    pub(super) strict: bool,
}

impl Pragmas {
    pub(super) fn of(text: &str, file: &Dockerfile) -> Self {
        let mut pragmas = Self::default();
        for comment in &file.comments {
            let Some(body) = text.get(comment.span.clone()) else { continue };
            let body = body.trim_start_matches('#').trim();
            if let Some(rest) = body.strip_prefix("hadolint").filter(|r| r.starts_with(char::is_whitespace)) {
                let rest = rest.trim_start();
                let (scope, rest) = match rest.split_once(char::is_whitespace) {
                    Some((scope @ ("global" | "stage"), rest)) => (scope, rest.trim_start()),
                    _ => ("", rest),
                };
                let Some(list) = rest.strip_prefix("ignore").and_then(|r| r.trim_start().strip_prefix('=')) else {
                    continue;
                };
                match scope {
                    "global" => pragmas.everywhere.extend(codes(list)),
                    "stage" => {
                        // Before a FROM it means the stage that begins there.
                        if let Some(stage) = file.instructions.get(comment.instruction).and_then(|i| i.stage) {
                            pragmas.stages.entry(stage).or_default().extend(codes(list));
                        }
                    }
                    _ => pragmas.instructions.entry(comment.instruction).or_default().extend(codes(list)),
                }
            } else if let Some(list) = body.strip_prefix("check").and_then(|r| r.trim_start().strip_prefix('=')) {
                let directive = file.directives.iter().any(|d| d.span == comment.span);
                for part in list.split(';').map(str::trim) {
                    if let Some(names) = part.strip_prefix("skip=") {
                        if directive {
                            pragmas.everywhere.extend(codes(names));
                        } else {
                            pragmas.instructions.entry(comment.instruction).or_default().extend(codes(names));
                        }
                    } else if part.strip_prefix("error=").is_some_and(|v| v.trim().eq_ignore_ascii_case("true")) {
                        pragmas.strict |= directive;
                    }
                }
            }
        }
        pragmas
    }

    pub(super) fn everywhere(&self, rule: &Rule) -> bool {
        has(&self.everywhere, rule)
    }

    pub(super) fn silent(&self, file: &Dockerfile, rule: &Rule, span: &Span) -> bool {
        if self.instructions.is_empty() && self.stages.is_empty() {
            return false;
        }
        let next = file.instructions.partition_point(|i| i.span.start <= span.start);
        let Some(number) = next.checked_sub(1) else { return false };
        self.instructions.get(&number).is_some_and(|codes| has(codes, rule))
            || file.instructions[number].stage.and_then(|s| self.stages.get(&s)).is_some_and(|codes| has(codes, rule))
    }
}

fn codes(list: &str) -> impl Iterator<Item = String> + '_ {
    list.split([',', ' ', '\t']).filter(|c| !c.is_empty()).map(str::to_ascii_lowercase)
}

fn has(codes: &Codes, rule: &Rule) -> bool {
    !codes.is_empty()
        && (codes.contains("all")
            || codes.contains(&rule.code.to_ascii_lowercase())
            || rule.buildkit.iter().any(|n| codes.contains(&n.to_ascii_lowercase())))
}
