//! The labs in `examples/labs` are part of the program, new files in it, too.

fn main() {
    println!("cargo::rerun-if-changed=examples/labs");
}
