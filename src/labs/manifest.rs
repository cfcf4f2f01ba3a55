//! The manifest of a lab.
