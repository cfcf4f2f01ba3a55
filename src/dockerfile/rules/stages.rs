//! What rules ask of stages: what ends in the image, what came before.

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
    pub(in super::super) fn walk<T: Clone + Default>(
        &self,
        mut each: impl FnMut(&mut T, usize, &Instruction),
    ) -> Vec<T> {
        let mut ended: Vec<T> = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            let mut known = stage.parent.and_then(|p| ended.get(p)).cloned().unwrap_or_default();
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
