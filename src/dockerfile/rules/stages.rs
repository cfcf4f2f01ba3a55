//! What rules ask of stages: what ends in the image, what came before.

use std::collections::HashSet;

use super::super::instruction::{Dockerfile, Instruction, Name, Stage};

impl Dockerfile {
    /// The last stage, which becomes the image.
    pub(in super::super) fn last_stage(&self) -> Option<usize> {
        self.stages.len().checked_sub(1)
    }

    /// The instructions of a stage, `FROM` first.
    pub(in super::super) fn of_stage(&self, stage: &Stage) -> &[Instruction] {
        self.instructions.get(stage.from..stage.end).unwrap_or(&[])
    }

    /// For each stage, whether its layers are part of the image: the last one and those it is made from.
    pub(in super::super) fn shipped(&self) -> Vec<bool> {
        let mut shipped = vec![false; self.stages.len()];
        let mut next = self.last_stage();
        while let Some(number) = next {
            // A parent always stands before its child, so this ends.
            shipped[number] = true;
            next = self.stages[number].parent.filter(|p| *p < number);
        }
        shipped
    }

    /// Goes through the file with something known of each stage, which begins as its parent's ended.
    pub(in super::super) fn walk<T: Copy + Default>(
        &self,
        mut each: impl FnMut(&mut T, usize, &Instruction),
    ) -> Vec<T> {
        let mut ended: Vec<T> = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            let mut known = stage.parent.and_then(|p| ended.get(p)).copied().unwrap_or_default();
            for (offset, instruction) in self.of_stage(stage).iter().enumerate() {
                each(&mut known, stage.from + offset, instruction);
            }
            ended.push(known);
        }
        ended
    }

    /// What stands before the first `FROM`.
    pub(in super::super) fn global_arguments(&self) -> impl Iterator<Item = &Instruction> {
        self.instructions.iter().take_while(|i| i.stage.is_none()).filter(|i| i.name == Name::Arg)
    }
}

/// Names that stages set, each on top of those that its parents set.
pub(in super::super) struct Names<'a> {
    file: &'a Dockerfile,
    stages: Vec<HashSet<&'a str>>,
}

impl<'a> Names<'a> {
    pub(in super::super) fn of(file: &'a Dockerfile) -> Self {
        Self { file, stages: vec![HashSet::new(); file.stages.len()] }
    }

    pub(in super::super) fn set(&mut self, stage: usize, name: &'a str) {
        if let Some(names) = self.stages.get_mut(stage) {
            names.insert(name);
        }
    }

    /// Whether a name is set. Nobody stacks a hundred stages; below that all is taken as set.
    pub(in super::super) fn has(&self, stage: usize, name: &str) -> bool {
        let mut next = Some(stage);
        for _ in 0..100 {
            let Some(number) = next else { return false };
            if self.stages.get(number).is_some_and(|names| names.contains(name)) {
                return true;
            }
            next = self.file.stages.get(number).and_then(|s| s.parent);
        }
        true
    }

    /// What the stage itself sets, in the order of letters, when it is not too much to look through.
    pub(in super::super) fn own(&self, stage: usize) -> Vec<&'a str> {
        let names = self.stages.get(stage).filter(|n| n.len() <= MANY);
        let mut names: Vec<&str> = names.into_iter().flatten().copied().collect();
        names.sort_unstable();
        names
    }
}

/// More names than this are not looked through for what was meant.
pub(in super::super) const MANY: usize = 300;
/// More findings than this of one rule get no guess of what was meant.
pub(in super::super) const GUESSES: usize = 50;
