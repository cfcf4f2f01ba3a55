//! ondeck: a full-screen terminal control panel for Docker.
