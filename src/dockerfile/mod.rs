//! Dockerfiles and `.dockerignore` files as text: read with recovery, judged, mended, completed.
//!
//! Everything here is pure: text in, facts out. Nothing waits, nothing touches Docker or the disk.
//!
//! [`parse`] reads any text as BuildKit would and goes on after what BuildKit would refuse; [`lint`] judges it
//! by the table of [`rules`]; [`highlight`] and [`complete`] serve an editor, and so work on half-typed text.

mod arguments;
mod complete;
mod highlight;
pub mod ignore;
mod instruction;
mod lint;
mod parse;
mod pragma;
mod rules;
mod shell;
mod source;
mod steps;
mod variables;
mod words;

pub(crate) use arguments::nearest;
pub use complete::{Completion, Item, complete};
pub use highlight::{Kind, Token, highlight};
pub use instruction::{
    Comment, Directive, Dockerfile, Flag, Form, Heredoc, Instruction, Name, Pair, Problem, Stage, Word,
};
pub use lint::{Diagnostic, Edit, Fix, RuleChoice, Severity, Surroundings, lint, mend_all, mended};
pub use parse::parse;
pub use rules::{Rule, rules};
pub use shell::{Command, Joint, Script};
pub use source::{Joined, Place, Span, floor, places};
