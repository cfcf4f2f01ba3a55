//! Which instruction of a Dockerfile a step is.

/// Where a step stands, as the builder counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StepPlace {
    /// A step of BuildKit's: `[base 2/4]`.
    Stage {
        /// The stage's name, or `stage-0` and so on by its number; empty where the Dockerfile has one without a name.
        stage: String,
        /// The step's number within it, from 1.
        number: usize,
        /// How many steps the stage has.
        of: usize,
    },
    /// A step of the classic builder's, which counts through the whole file: `Step 2/7`.
    Classic {
        /// The step's number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
}

impl StepPlace {
    /// Reads the brackets that a BuildKit step's name begins with; answers with what follows them, too.
    pub fn of_name(name: &str) -> (Option<Self>, &str) {
        let Some((inside, rest)) = name.strip_prefix('[').and_then(|n| n.split_once(']')) else { return (None, name) };
        let (before, count) = inside.rsplit_once(' ').unwrap_or(("", inside));
        let numbers = count.split_once('/').and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
        let Some((number, of)) = numbers else { return (None, name) };
        // A build for several platforms says which before the stage.
        let stage = before.rsplit(' ').next().filter(|word| !word.contains('/')).unwrap_or_default();
        (Some(Self::Stage { stage: stage.to_owned(), number, of }), rest.trim_start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_say_where_a_step_stands() {
        let stage = |stage: &str, number, of| Some(StepPlace::Stage { stage: stage.into(), number, of });
        for (name, place, rest) in [
            ("[base 2/4] RUN make [x]", stage("base", 2, 4), "RUN make [x]"),
            ("[stage-1 10/12] COPY --from=base /a /b", stage("stage-1", 10, 12), "COPY --from=base /a /b"),
            ("[1/3] FROM debian", stage("", 1, 3), "FROM debian"),
            ("[linux/arm64 base 2/4] RUN x", stage("base", 2, 4), "RUN x"),
            ("[linux/amd64 2/4] RUN x", stage("", 2, 4), "RUN x"),
            ("[internal] load build context", None, "[internal] load build context"),
            ("[base 2/] RUN", None, "[base 2/] RUN"),
            ("[", None, "["),
            ("exporting to image", None, "exporting to image"),
        ] {
            assert_eq!(StepPlace::of_name(name), (place, rest), "{name}");
        }
    }
}
