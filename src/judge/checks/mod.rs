//! The kinds of checks, one table a file.
