//! Building an image from a workspace, and running it: the context as docker would send it, the steps as they
//! go, what came out, and why something did not start.

pub mod run;
