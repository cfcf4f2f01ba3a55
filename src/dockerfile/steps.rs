//! Which line a step of a build comes from.

use super::instruction::{Dockerfile, Instruction, Name, Stage};

impl Dockerfile {
    /// The line (1 is the first) of a step that BuildKit calls `[base 2/4] ...`, `[stage-1 2/4] ...` or `[2/4] ...`:
    /// `stage` is what stands before the number (empty when nothing does; a platform before the name is passed
    /// over). Of a stage count its base, when that is an image to be pulled, and what makes layers.
    ///
    /// Instructions that an image brings (`ONBUILD`) shift what BuildKit counts; they are not known here.
    pub fn buildkit_step(&self, stage: &str, number: usize) -> Option<usize> {
        let stage = self.named_stage(stage.split_whitespace().next_back().unwrap_or(""))?;
        let from = self.instructions.get(stage.from)?;
        let pulled = stage.parent.is_none() && stage.base != "scratch";
        let steps = pulled
            .then_some(from)
            .into_iter()
            .chain(self.instructions.get(stage.from + 1..stage.end)?.iter().filter(|i| makes_layer(i)));
        steps.into_iter().nth(number.checked_sub(1)?).map(|i| self.line_of(i.span.start))
    }

    /// The line (1 is the first) of `Step 3/7 : ...` of the classic builder, which counts every instruction.
    pub fn classic_step(&self, number: usize) -> Option<usize> {
        self.instructions.get(number.checked_sub(1)?).map(|i| self.line_of(i.span.start))
    }

    /// The line (1 is the first) in which a byte of the text stands.
    pub fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).max(1)
    }

    fn named_stage(&self, name: &str) -> Option<&Stage> {
        if name.is_empty() {
            // Only one stage goes without a name, unless what is named is not built at all.
            return self.stages.iter().rev().find(|s| s.name.is_none()).or(self.stages.last());
        }
        let lower = name.to_lowercase();
        self.stages.iter().find(|s| s.name.as_deref() == Some(lower.as_str())).or_else(|| {
            let number: usize = lower.strip_prefix("stage-")?.parse().ok()?;
            self.stages.get(number)
        })
    }
}

/// Whether BuildKit gives it a number. `WORKDIR /` makes nothing, so it has none.
fn makes_layer(instruction: &Instruction) -> bool {
    match instruction.name {
        Name::Run | Name::Copy | Name::Add => true,
        Name::Workdir => instruction.words().first().is_none_or(|w| w.text != "/"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::dockerfile::parse;

    const FILE: &str = "ARG V=12\nFROM debian:$V AS base\nENV A=1\nRUN a \\\n  b\nWORKDIR /\nCOPY x /y\n\n\
        FROM base\nRUN c\nFROM scratch AS end\nCOPY --from=base /y /y\nWORKDIR /y\n";

    #[test]
    fn steps_of_buildkit_lead_to_lines() {
        let file = parse(FILE);
        assert_eq!(file.buildkit_step("base", 1), Some(2));
        assert_eq!(file.buildkit_step("base", 2), Some(4));
        assert_eq!(file.buildkit_step("linux/arm64 base", 3), Some(7));
        assert_eq!(file.buildkit_step("base", 4), None);
        // Made from another stage: nothing is pulled, so the first number is its first layer.
        assert_eq!(file.buildkit_step("stage-1", 1), Some(10));
        assert_eq!(file.buildkit_step("end", 1), Some(12));
        assert_eq!(file.buildkit_step("end", 2), Some(13));
        assert_eq!(file.buildkit_step("none", 1), None);
        assert_eq!(file.buildkit_step("base", 0), None);
        let one = parse("FROM x:1\n\nCMD [\"a\"]\nRUN a\n");
        assert_eq!((one.buildkit_step("", 1), one.buildkit_step("", 2)), (Some(1), Some(4)));
    }

    #[test]
    fn steps_of_the_classic_builder_lead_to_lines() {
        let file = parse(FILE);
        assert_eq!((1..=5).map(|n| file.classic_step(n)).collect::<Vec<_>>(), [1, 2, 3, 4, 6].map(Some));
        assert_eq!((file.classic_step(0), file.classic_step(99)), (None, None));
    }
}
