//! What keys do at the workspace of a lab, without a terminal and without Docker.

#![allow(clippy::unwrap_used)]

mod common;

use common::at_lab::{at_lab, ends, failed, goes_on, judging, newest, passed, troubled};
use ondeck::tasks::{Job, TaskId};
use ondeck::ui::desk::{DeskNews, OutputTab, Pane};

#[test]
fn show() {
    for (w, h) in [(80, 24), (120, 36), (200, 50)] {
        let mut stage = at_lab(w, h);
        println!("{}", stage.text());
        stage.press(&["1"]);
        println!("{}", stage.text());
        stage.press(&["S"]);
        goes_on(&mut stage, 1);
        println!("{}", stage.text());
        ends(&mut stage, 1, failed());
        println!("{}", stage.text());
        stage.news(DeskNews::LookedBack(Box::new(Ok(Some(newest(failed(), 40))))));
        stage.press(&["g", "z"]);
        println!("{}", stage.text());
        stage.press(&["z", "S"]);
        ends(&mut stage, 2, passed());
        println!("{}", stage.text());
        stage.press(&["S"]);
        ends(&mut stage, 3, troubled());
        println!("{}", stage.text());
    }
}
