//! What is kept over time: attempts and their reports, hints that were taken, sessions that were.
//!
//! One SQLite database in the person's data directory. It keeps history, never what Docker itself knows.
