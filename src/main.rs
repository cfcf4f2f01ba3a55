//! The `ondeck` command.
fn main() {}
