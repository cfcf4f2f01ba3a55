//! Health in the panel from end to end: the real program, a real terminal, a real engine.

#![allow(clippy::unwrap_used)]

mod common;

use common::docker::OwnEngine;
use common::pty::Terminal;

#[test]
fn a_cause_is_told_with_what_suffers_from_it_and_goes_when_it_is_mended() {
    let engine = OwnEngine::start();
    let labels = |name: &str| {
        [
            "com.docker.compose.project=quay".to_owned(),
            "com.docker.compose.container-number=1".to_owned(),
            format!("com.docker.compose.service={name}"),
        ]
    };
    let service = |name: &str, more: &[&str], script: &str| {
        let labels = labels(name);
        let mut args: Vec<&str> = labels.iter().flat_map(|l| ["--label", l.as_str()]).collect();
        args.extend(more);
        engine.run(&format!("quay-{name}-1"), &args, script);
    };
    service("db", &[], "test -e /mended && exec sleep infinity; touch /mended; echo 'page 7 is torn'; exit 4");
    let needs = "com.docker.compose.depends_on=db:service_started:false";
    service(
        "web",
        &[
            "--label",
            needs,
            "--health-cmd",
            "echo 'db: connection refused'; false",
            "--health-interval",
            "1s",
            "--health-retries",
            "1",
        ],
        "sleep infinity",
    );
    let mut panel = Terminal::start(120, 36, &["--host", &engine.address], &[]);
    panel.wait("the cause, and below it what suffers", |s| {
        let line = |name: &str| s.lines().position(|l| l.contains(name) && l.starts_with('│'));
        s.contains("exit code 4")
            && line("✖ quay-db-1").zip(line("quay-web-1")).is_some_and(|(cause, victim)| cause < victim)
    });
    panel.keys("9");
    panel.see("WHAT IS THE CASE");
    panel.keys("/quay-db\r");
    panel.see("page 7 is torn");
    panel.see("because of it fails: quay-web-1");
    // How it fared is kept, and read again by the next panel.
    panel.keys("\t");
    panel.see("24 hours");
    // From here it is restarted, and what was said of it is said no more.
    panel.keys("r");
    panel.see("restart quay-db-1: restarted 1 container");
    panel.wait("the database to be well", |s| s.contains("healthy for"));
    panel.keys("q");
    assert!(panel.ended().success());
    panel.is_sane();
}

#[test]
fn the_doctor_comes_when_nobody_answers_and_goes_when_somebody_does() {
    let engine = OwnEngine::start();
    engine.stop();
    let mut panel = Terminal::start(80, 24, &["--host", &engine.address], &[]);
    panel.wait("the doctor", |s| s.contains("Doctor") && s.contains("look again") && s.contains("✘"));
    panel.resize(60, 15);
    panel.wait("the doctor, in less room", |s| s.contains("✘") && s.contains("look again"));
    panel.resize(120, 36);
    engine.start_again();
    panel.see("Lately");
    panel.keys("q");
    assert!(panel.ended().success());
    panel.is_sane();
}
