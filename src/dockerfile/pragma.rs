//! Comments that silence rules: hadolint's and BuildKit's.

use super::instruction::Dockerfile;
use super::rules::Rule;
use super::source::Span;

/// What the comments of a file silence.
#[derive(Debug, Default)]
pub(super) struct Pragmas {
    everywhere: Vec<String>,
    /// Only in the lines of one instruction, or of one stage.
    within: Vec<(Span, Vec<String>)>,
    /// `# check=error=true`: what BuildKit warns of fails the build.
    pub(super) strict: bool,
}

impl Pragmas {
    pub(super) fn of(text: &str, file: &Dockerfile) -> Self {
        let mut pragmas = Self::default();
        for comment in &file.comments {
            let Some(body) = text.get(comment.span.clone()) else { continue };
            let body = body.trim_start_matches('#').trim();
            let of_instruction = || file.instructions.get(comment.instruction).map(|i| i.span.clone());
            if let Some(rest) = body.strip_prefix("hadolint").filter(|r| r.starts_with(char::is_whitespace)) {
                let rest = rest.trim_start();
                let (scope, rest) = match rest.split_once(char::is_whitespace) {
                    Some((scope @ ("global" | "stage"), rest)) => (scope, rest.trim_start()),
                    _ => ("", rest),
                };
                let Some(list) = rest.strip_prefix("ignore").and_then(|r| r.trim_start().strip_prefix('=')) else {
                    continue;
                };
                let codes = codes(list);
                match scope {
                    "global" => pragmas.everywhere.extend(codes),
                    "stage" => {
                        let span = file
                            .instructions
                            .get(comment.instruction)
                            .and_then(|i| file.stages.get(i.stage?))
                            .and_then(|s| {
                                let last = file.instructions.get(s.end.checked_sub(1)?)?;
                                Some(file.instructions.get(s.from)?.span.start..last.span.end)
                            });
                        pragmas.within.extend(span.map(|s| (s, codes)));
                    }
                    _ => pragmas.within.extend(of_instruction().map(|s| (s, codes))),
                }
            } else if let Some(list) =
                body.strip_prefix("check").and_then(|rest| rest.trim_start().strip_prefix('=')).map(str::trim)
            {
                let directive = file.directives.iter().any(|d| d.span == comment.span);
                for part in list.split(';').map(str::trim) {
                    if let Some(names) = part.strip_prefix("skip=") {
                        if directive {
                            pragmas.everywhere.extend(codes(names));
                        } else {
                            pragmas.within.extend(of_instruction().map(|s| (s, codes(names))));
                        }
                    } else if part.strip_prefix("error=").is_some_and(|v| v.trim().eq_ignore_ascii_case("true")) {
                        pragmas.strict |= directive;
                    }
                }
            }
        }
        pragmas.within.sort_by_key(|(s, _)| s.start);
        pragmas
    }

    pub(super) fn everywhere(&self, rule: &Rule) -> bool {
        self.everywhere.iter().any(|code| means(code, rule))
    }

    pub(super) fn silent(&self, rule: &Rule, span: &Span) -> bool {
        // Spans of pragmas may hold each other only as a stage holds its instructions, so few begin before and end
        // behind: but those that end before must be passed over, from the nearest on.
        let end = self.within.partition_point(|(s, _)| s.start <= span.start);
        self.within[..end]
            .iter()
            .any(|(s, codes)| span.start < s.end.max(s.start + 1) && codes.iter().any(|c| means(c, rule)))
    }
}

fn codes(list: &str) -> Vec<String> {
    list.split([',', ' ', '\t']).filter(|c| !c.is_empty()).map(str::to_ascii_lowercase).collect()
}

fn means(code: &str, rule: &Rule) -> bool {
    code == "all" || code.eq_ignore_ascii_case(rule.code) || rule.buildkit.iter().any(|n| code.eq_ignore_ascii_case(n))
}
