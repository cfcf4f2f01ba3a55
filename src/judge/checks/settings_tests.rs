#![allow(clippy::unwrap_used)]

use super::super::super::testing::{codes as codes_of, look};
use super::*;

const NONE: [&str; 0] = [];

fn codes(check: &str, dockerfile: &str) -> Vec<&'static str> {
    codes_of(check, &[("Dockerfile", dockerfile)])
}

fn message(check: &str, dockerfile: &str) -> String {
    let seen = look(check, &[("Dockerfile", dockerfile)]);
    seen.found.iter().map(|found| found.message.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_user_that_counts_is_the_last_one_of_the_last_stage() {
    let check = "kind: df.user";
    for good in [
        "FROM a\nUSER app\n",
        "FROM a\nUSER 1000:0\n",
        "FROM a AS b\nUSER 1\nFROM b\n",
        "FROM a\nARG UID=10\nUSER ${UID}\n",
        "FROM a\nUSER root\nRUN x\nUSER \"app\"\n",
    ] {
        assert_eq!(codes(check, good), NONE, "{good}");
    }
    for bad in [
        "FROM a\n",
        "FROM a\n# USER app\n",
        "FROM a\nUSER root\n",
        "FROM a\nUSER 0:1000\n",
        "FROM a\nUSER 00\n",
        "FROM a\nUSER app\nUSER root\n",
        "FROM a AS b\nUSER app\nFROM a\n",
        "FROM a\nARG UID=0\nUSER $UID\n",
        "FROM a\nUSER $UID\n",
        "FROM a\nONBUILD USER app\n",
    ] {
        assert_eq!(codes(check, bad), ["DF_USER_ROOT"], "{bad}");
    }
    assert_eq!(codes("kind: df.user, numeric: true", "FROM a\nUSER app\n"), ["DF_USER_NAME"]);
    assert_eq!(codes("kind: df.user, numeric: true", "FROM a\nUSER 65534\n"), NONE);
    assert_eq!(message(check, "FROM a\n\nUSER 0\n"), "Dockerfile:3: USER 0 is root, expected another user");
}

#[test]
fn health_is_asked_for() {
    let check = "kind: df.healthcheck, form: exec, max_interval: 1m, cmd: '/health'";
    let good = "FROM a\nHEALTHCHECK --interval=30s --timeout=2s CMD [\"/app\", \"--probe\", \"/health\"]\n";
    assert_eq!(codes(check, good), NONE);
    assert_eq!(codes("kind: df.healthcheck", "FROM a AS b\nHEALTHCHECK CMD curl -f x\nFROM b\n"), NONE);
    for bad in ["FROM a\n", "FROM a\nHEALTHCHECK CMD x\nHEALTHCHECK NONE\n", "FROM a\n# HEALTHCHECK CMD x\n"] {
        assert_eq!(codes("kind: df.healthcheck", bad), ["DF_NO_HEALTHCHECK"], "{bad}");
    }
    let slow = "FROM a\nHEALTHCHECK --interval=1m30s CMD curl x\n";
    assert_eq!(codes(check, slow), ["DF_HEALTHCHECK", "DF_HEALTHCHECK", "DF_HEALTHCHECK"]);
    assert_eq!(codes("kind: df.healthcheck, max_interval: 20s", "FROM a\nHEALTHCHECK CMD x\n"), ["DF_HEALTHCHECK"]);
    assert_eq!(duration("1m30.5s"), Some(Duration::from_millis(90_500)));
    assert_eq!((duration("x"), duration("5"), duration("")), (None, None, None));
}

#[test]
fn a_shell_between_is_seen_in_either_form() {
    let check = "kind: df.exec_form, of: [CMD, ENTRYPOINT]";
    for good in [
        "FROM a\nCMD [\"python\", \"x.py\"]\n",
        "FROM a\nENTRYPOINT [\"/x\"]\n",
        "FROM a\nCMD exec python x.py\n",
        "FROM a\nCMD [\"sh\", \"-c\", \"exec python x.py\"]\n",
        "FROM a\nCMD [\"sh\", \"/start.sh\"]\n",
        "FROM a\nCMD python x\nCMD [\"python\"]\n",
        "FROM a AS b\nCMD python x\nFROM b\nENTRYPOINT [\"/x\"]\n",
        "FROM a\n",
    ] {
        assert_eq!(codes(check, good), NONE, "{good}");
    }
    for bad in [
        "FROM a\nCMD python x.py\n",
        "FROM a\nCMD ['python', 'x.py']\n",
        "FROM a\nCMD [\"/bin/sh\", \"-c\", \"python x.py\"]\n",
        "FROM a\nENTRYPOINT /x\n",
        "FROM a AS b\nCMD python x\nFROM b\n",
    ] {
        assert_eq!(codes(check, bad), ["DF_SHELL_FORM"], "{bad}");
    }
}

#[test]
fn what_containers_are_told_is_known() {
    let file = "FROM a AS b\nENV DIR=/srv PORT=8000\nWORKDIR $DIR\nWORKDIR app\nEXPOSE ${PORT} 9000-9010/udp\n\
        LABEL org.x=\"1 2\" y=z\nSTOPSIGNAL INT\nFROM b\nENV MODE=prod\n";
    for good in [
        "df.workdir, eq: /srv/app",
        "df.workdir, matches: '^/srv'",
        "df.expose, eq: 8000",
        "df.expose, eq: [8000, 9005/udp]",
        "df.expose",
        "df.label, name: org.x, eq: 1 2",
        "df.label, name: nope, absent: true",
        "df.env, name: PORT, eq: 8000",
        "df.env, name: MODE, matches: '^prod$'",
        "df.stopsignal, eq: SIGINT",
        "df.stopsignal, eq: 2",
    ] {
        assert_eq!(codes(&format!("kind: {good}"), file), NONE, "{good}");
    }
    for (bad, code) in [
        ("df.workdir, eq: /srv", "DF_WORKDIR"),
        ("df.workdir, absolute: true", "DF_WORKDIR"),
        ("df.expose, eq: 80", "DF_EXPOSE"),
        ("df.expose, eq: 9005", "DF_EXPOSE"),
        ("df.label, name: org.x, eq: 1", "DF_LABEL"),
        ("df.label, name: y, absent: true", "DF_LABEL"),
        ("df.label, name: nope", "DF_LABEL"),
        ("df.env, name: MODE, eq: test", "DF_ENV"),
        ("df.env, name: MODE, stage: b", "DF_ENV"),
        ("df.stopsignal, eq: TERM", "DF_STOPSIGNAL"),
    ] {
        assert_eq!(codes(&format!("kind: {bad}"), file), [code], "{bad}");
    }
    assert_eq!(codes("kind: df.stopsignal, eq: SIGTERM", "FROM a\n"), NONE);
    assert_eq!(codes("kind: df.workdir", "FROM a\n# WORKDIR /x\n"), ["DF_WORKDIR"]);
    assert_eq!(codes("kind: df.expose", "FROM a\n"), ["DF_EXPOSE"]);
    assert_eq!(message("kind: df.env, name: PORT, eq: 1", file), "Dockerfile:2: ENV PORT is `8000`, expected 1");
}

#[test]
fn secrets_are_found_where_they_are_kept() {
    let check = "kind: df.no_secret, keys: [PIN]";
    for good in [
        "FROM a\nENV DB_PASSWORD_FILE=/run/secrets/db PUBLIC_KEY=a KEYMAP=us TOKEN_URL=https://x\n",
        "FROM a\nENV API_TOKEN=\n",
        "FROM a\nENV TOKEN=/run/secrets/token\n",
        "FROM a\n# ENV TOKEN=x\nRUN --mount=type=secret,id=t TOKEN=$(cat /run/secrets/t) ./x\n",
        "FROM a\nRUN curl https://example.org:8080/x@y\n",
    ] {
        assert_eq!(codes(check, good), NONE, "{good}");
    }
    for bad in [
        "FROM a\nENV TOKEN=x\n",
        "# check=skip=all\n# hadolint global ignore=DL3064\nFROM a\nENV DB_PASSWORD x\n",
        "FROM a\nARG API_KEY\n",
        "FROM a\nARG API_KEY=\n",
        "FROM a AS b\nENV pin=1\nFROM c\n",
        "FROM a\nRUN export SECRET=abc && ./x\n",
        "FROM a\nRUN PASSWORD=abc ./x\n",
        "FROM a\nRUN git clone https://me:abc@example.org/x\n",
        "FROM a\nLABEL token=abc\n",
    ] {
        assert_eq!(codes(check, bad), ["DF_SECRET"], "{bad}");
    }
    assert_eq!(
        message(check, "FROM a\nENV TOKEN=hunter2\n"),
        "Dockerfile:2: ENV TOKEN puts a secret into the image, expected none in the Dockerfile"
    );
}

#[test]
fn without_a_dockerfile_there_is_none_to_look_at() {
    for (check, code) in [
        ("df.user", "DF_USER_ROOT"),
        ("df.healthcheck", "DF_NO_HEALTHCHECK"),
        ("df.exec_form", "DF_SHELL_FORM"),
        ("df.workdir", "DF_WORKDIR"),
        ("df.no_secret", "DF_SECRET"),
        ("df.env, name: A", "DF_ENV"),
    ] {
        let seen = look(&format!("kind: {check}"), &[]);
        assert_eq!((seen.found.len(), seen.found[0].code), (1, code));
        assert_eq!(seen.found[0].message, "there is no Dockerfile in the workspace");
    }
}
