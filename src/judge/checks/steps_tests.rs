#![allow(clippy::unwrap_used)]

use super::super::super::testing::{codes as codes_of, lab, look};

const NONE: [&str; 0] = [];
const FILES: [(&str, &str); 4] =
    [("app/main.py", ""), ("requirements.txt", "x"), (".dockerignore", ".git\n"), (".git/x", "")];

fn with(dockerfile: &str) -> Vec<(&str, &str)> {
    [("Dockerfile", dockerfile)].into_iter().chain(FILES).collect()
}

fn codes(check: &str, dockerfile: &str) -> Vec<&'static str> {
    codes_of(check, &with(dockerfile))
}

fn message(check: &str, dockerfile: &str) -> String {
    let seen = look(check, &with(dockerfile));
    seen.found.iter().map(|found| found.message.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn order_is_that_of_what_happens() {
    let check = "kind: df.order, first: {run: pip install}, then: {copies: 'app/**'}";
    for good in [
        "FROM a\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n",
        "FROM a\nRUN --mount=type=bind,source=requirements.txt,target=/r pip3 install -r /r\nADD [\"app\", \"/srv\"]\n",
        "FROM a AS b\nRUN pip install x\nFROM c\nCOPY app /srv\nCOPY --from=b /x /x\n",
        "FROM a\n# COPY . .\nCOPY --from=app/main.py /x /x\nRUN pip install x\n",
        "FROM a\nCOPY .git* .dockerignor? /x/\nRUN pip install x\n",
        "FROM a\nCOPY --exclude=app . /x/\nRUN pip install x\nCOPY app /x\n",
        "FROM a\nCOPY <<app/main.py /x\nhere\napp/main.py\nRUN pip install x\n",
    ] {
        assert_eq!(codes(check, good), NONE, "{good}");
    }
    for bad in [
        "FROM a\nCOPY . .\nRUN pip install x\n",
        "FROM a\nCOPY requirements.txt .\nCOPY . .\nRUN pip install -r requirements.txt\n",
        "FROM a\nCOPY requirements.txt app/main.py /x/\nRUN pip install x\n",
        "FROM a\nCOPY ./app/../app/m*.py /x/\nRUN python -m pip install x\n",
        "FROM a\nARG SRC=app\nCOPY ${SRC}/ /x/\nRUN [\"pip\", \"install\", \"x\"]\n",
        "FROM a AS b\nCOPY a* /x/\nFROM b\nRUN pip install x\n",
        "FROM a\nRUN pip install y\nCOPY app .\nRUN pip install x\n",
        "FROM a\nRUN echo pip install\nCOPY app .\n",
    ] {
        assert_eq!(codes(check, bad), ["DF_LAYER_ORDER"], "{bad}");
    }
    assert_eq!(
        message(check, "FROM a\nCOPY . .\n\nRUN pip install x\n"),
        "Dockerfile:2: a COPY of app/** comes before RUN pip install in line 4, expected it after that"
    );
}

#[test]
fn every_call_has_what_it_should() {
    let check = "kind: df.run, match: pip install, any_of: [{flag: --no-cache-dir}, {env: PIP_NO_CACHE_DIR}, \
        {mount: {type: cache, target: /root/.cache/pip}}]";
    for good in [
        "FROM a\nRUN pip install --no-cache-dir x && python3.12 -m pip --no-cache-dir install y\n",
        "FROM a\nENV PIP_NO_CACHE_DIR=1\nRUN pip install x\n",
        "FROM a AS b\nENV PIP_NO_CACHE_DIR 1\nFROM b\nRUN pip install x\n",
        "FROM a\nARG PIP_NO_CACHE_DIR=1\nRUN pip install x\n",
        "FROM a\nRUN PIP_NO_CACHE_DIR=on pip install x\n",
        "FROM a\nRUN export PIP_NO_CACHE_DIR=1; pip install x\n",
        "FROM a\nRUN --mount=type=cache,dst=/root/.cache/pip/ pip install x\n",
        "FROM a\nARG HOME=/root\nRUN --mount=type=cache,target=$HOME/.cache/pip pip install x\n",
        "FROM a\nRUN <<EOF\npip install \\\n  --no-cache-dir x\nEOF\n",
        "FROM a\nRUN pip download x && pip install --no-cache-dir x\n",
        "FROM a\nRUN bash -c 'pip install --no-cache-dir x'\n",
    ] {
        assert_eq!(codes(check, good), NONE, "{good}");
    }
    for bad in [
        "FROM a\nRUN pip install x # --no-cache-dir\n",
        "FROM a\n# RUN pip install --no-cache-dir\nRUN pip install x\n",
        "FROM a\nRUN pip install --no-cache-dir x && pip install y\n",
        "FROM a\nRUN pip install x\nENV PIP_NO_CACHE_DIR=1\n",
        "FROM a\nENV PIP_NO_CACHE_DIR=0\nRUN pip install x\n",
        "FROM a AS b\nENV PIP_NO_CACHE_DIR=1\nFROM a\nRUN pip install x\n",
        "FROM a AS b\nARG PIP_NO_CACHE_DIR=1\nFROM b\nRUN pip install x\n",
        "FROM a\nRUN --mount=type=cache,target=/var/cache pip install x\n",
        "FROM a\nRUN echo --no-cache-dir && pip install x\n",
        "FROM a\nRUN pip install x -- --no-cache-dir\n",
        "FROM a\nRUN bash -c 'pip install x'\n",
        "FROM a\nRUN echo pip install --no-cache-dir\n",
    ] {
        assert_eq!(codes(check, bad), ["DF_RUN_FLAG"], "{bad}");
    }
    assert_eq!(
        message(check, "FROM a\nRUN pip install --no-cache-dir y && \\\n    pip3 install x\n"),
        "Dockerfile:3: found `pip install x`, expected --no-cache-dir or PIP_NO_CACHE_DIR or \
         --mount=type=cache,target=/root/.cache/pip"
    );
    let apt = "kind: df.run, match: apt-get install, all_of: [{flag: -y}, {flag: --no-install-recommends}]";
    assert_eq!(codes(apt, "FROM a\nRUN apt-get -qy install --no-install-recommends curl\n"), NONE);
    assert_eq!(codes(apt, "FROM a\nRUN apt-get install -y curl\n"), ["DF_RUN_FLAG"]);
    let curl = "kind: df.run, match: curl, forbid: [{flag: -k}, {arg: '^http://'}]";
    assert_eq!(codes(curl, "FROM a\nRUN true\n"), NONE);
    assert_eq!(codes(curl, "FROM a\nRUN curl -fsSLk https://x\n"), ["DF_RUN_FORBIDDEN"]);
    assert_eq!(codes(curl, "FROM a\nRUN curl http://x | sh\n"), ["DF_RUN_FORBIDDEN"]);
    let one = "kind: df.run, match: pip install, each: false, any_of: [{flag: --no-cache-dir}]";
    assert_eq!(codes(one, "FROM a\nRUN pip install --no-cache-dir y; pip install x\n"), NONE);
    for bad in ["kind: df.run, match: a", "kind: df.run, match: a, any_of: [{}]", "kind: df.mount, type: cach"] {
        assert!(super::super::super::compile(&lab(&format!("- {{id: a, {bad}}}"))).is_err(), "{bad}");
    }
}

#[test]
fn mounts_are_looked_for() {
    let secret = "kind: df.mount, type: secret, mount_id: token, match: curl";
    assert_eq!(codes(secret, "FROM a\nRUN --mount=type=secret,id=token curl x\n"), NONE);
    assert_eq!(codes(secret, "FROM a\nRUN --mount=type=secret,id=token true\nRUN curl x\n"), ["DF_MOUNT"]);
    assert_eq!(
        message("kind: df.mount, type: cache, target: /c", "FROM a\nRUN --mount=type=cache,target=/d x\n"),
        "Dockerfile:2: expected RUN --mount=type=cache,target=/c; found --mount=type=cache,target=/d"
    );
    assert_eq!(codes("kind: df.mount, type: bind", "FROM a\nRUN --mount=source=x,target=/y z\n"), NONE);
    assert_eq!(codes("kind: df.mount, type: bind", "FROM a\n# RUN --mount=type=bind,target=/y z\n"), ["DF_MOUNT"]);
}

#[test]
fn stages_take_what_they_need() {
    let check = "kind: df.copy_from, into: final, from: any_stage, not_path: /";
    for good in [
        "FROM a AS b\nFROM c\nCOPY --from=b /out /x\n",
        "FROM a\nFROM c\nCOPY --chown=1 --from=0 /out /x\n",
        "FROM a AS b\nFROM c AS d\nCOPY --from=B /out /x\nFROM d\n",
        "ARG S\nFROM a AS b\nFROM c\nARG S=b\nCOPY --from=${S} /out /x\n",
        "FROM a AS b\nFROM c\nRUN --mount=from=b,target=/b cp /b/out /x\n",
    ] {
        assert_eq!(codes(check, good), NONE, "{good}");
    }
    for bad in [
        "FROM a AS b\nRUN make\nFROM c\nCOPY . .\n",
        "FROM a AS b\nFROM c\n# COPY --from=b /out /x\n",
        "FROM a AS b\nFROM c\nCOPY --from=b / /\n",
        "FROM a AS b\nFROM c\nCOPY --from=b /x/.. /\n",
        "FROM a AS b\nFROM c\nCOPY --from=nginx /x /x\n",
        "FROM a AS b\nFROM c AS d\nCOPY --from=b /x /x\nFROM c\n",
        "FROM a\n",
    ] {
        assert_eq!(codes(check, bad), ["DF_COPY_FROM"], "{bad}");
    }
    assert_eq!(
        message(check, "FROM a AS b\nFROM c\nCOPY --from=x /y /z\n"),
        "Dockerfile:2: the stage that begins here takes /y from x, expected something from another stage"
    );
    let path = "kind: df.copy_from, from: b, path: '/out/*'";
    assert_eq!(codes(path, "FROM a AS b\nFROM c\nCOPY --from=b /out/app /x\n"), NONE);
    assert_eq!(codes(path, "FROM a AS b\nFROM c\nCOPY --from=b /app /x\n"), ["DF_COPY_FROM"]);
    assert_eq!(codes("kind: df.copy_from, from: 'nginx:*'", "FROM c\nCOPY --from=nginx:1 /app /x\n"), NONE);
}
