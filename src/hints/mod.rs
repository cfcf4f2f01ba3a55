//! Hints: a lab's own ladder, and an assistant that can be asked in its place.
