//! Runs of built images on a real engine: what prevents them is said in words, and what they serve is answered.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use common::docker::{IMAGE, unique};
use common::live::{Made, endpoint, endpoint_at, until};
use ondeck::builds::run::{self, ImageFacts, LABEL, Options, Outcome, Place, Plan, Run, Texts, Trouble};
use ondeck::config::{Sessions, Size};
use ondeck::engine::request::Ask;
use ondeck::engine::{Engine, ExecAsk};
use ondeck::sessions::{self, Spec};

/// A server of few lines: the address and port it listens at follow.
const SERVER: &str = r#"use IO::Socket::INET; $| = 1; $SIG{TERM} = sub { exit 143 };
my $l = IO::Socket::INET->new(LocalAddr => $ARGV[0], LocalPort => $ARGV[1], Listen => 9, ReuseAddr => 1) or die "bind: $!\n";
while (my $c = $l->accept) { my $line = <$c>; my ($n, $type) = (0, "-");
    while (<$c>) { last if /^\r/; $n = $1 if /^content-length: (\d+)/i; $type = $1 if /^content-type: (\S+)/i }
    my $body = ""; read $c, $body, $n if $n; my ($method, $path) = split / /, $line;
    if ($path eq "/crash") { $! = 0; die "asked to die at /app/server.pl line 7.\n" }
    if ($path eq "/redirect") { print $c "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"; close $c; next }
    if ($path eq "/large") { print $c "HTTP/1.0 200 OK\r\n\r\n", "x" x 300_000; close $c; next }
    if ($path eq "/noise") { print $c "hello, no HTTP\n"; close $c; next }
    my $said = "$method $path $type $body"; print "$said\n";
    print $c "HTTP/1.1 200 OK\r\nContent-Length: ", length $said, "\r\n\r\n$said"; close $c }"#;

/// What one test makes: images and runs on one engine; removed on drop.
struct Yard {
    engine: Engine,
    made: Made,
}

impl Yard {
    fn new(test: &str) -> Self {
        Self { engine: Engine::connect(&endpoint()).unwrap(), made: Made::new(test) }
    }

    /// Builds an image: instructions after FROM, and files beside them.
    fn image(&self, name: &str, from: &str, dockerfile: &str, files: &[(&str, u32, &[u8])]) -> String {
        let tag = self.made.name(name);
        let text = format!("FROM {from}\nLABEL {}\n{dockerfile}\n", self.made.label());
        let mut tar = tar::Builder::new(Vec::new());
        for (name, mode, content) in [("Dockerfile", 0o644, text.as_bytes())].iter().chain(files) {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            tar.append_data(&mut header, name, *content).unwrap();
        }
        let mut child = Command::new("docker")
            .args(["build", "--quiet", "--force-rm", "--tag", &tag, "-"])
            .env("DOCKER_BUILDKIT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&tar.into_inner().unwrap()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        tag
    }

    fn plan(&self, image: &str, options: Options) -> Plan {
        Plan { image: image.to_owned(), name: self.made.name("run"), workspace: self.made.tag.clone(), options }
    }

    async fn start(&self, plan: &Plan) -> Outcome {
        run::start(&self.engine, plan, &|_| {}, std::future::pending()).await
    }

    async fn runs(&self, plan: &Plan) -> Run {
        match self.start(plan).await {
            Outcome::Running(run) => run,
            other => panic!("it does not run: {other:?}"),
        }
    }

    /// Why a run did not start.
    async fn failed(&self, plan: &Plan) -> Trouble {
        match self.start(plan).await {
            Outcome::Failed(trouble) => {
                assert_eq!(self.containers(), [""; 0], "something is left of a run that did not start");
                trouble
            }
            other => panic!("it started: {other:?}"),
        }
    }

    /// Why a run ended.
    async fn ended(&self, plan: &Plan) -> Trouble {
        match self.start(plan).await {
            Outcome::Ended(_, trouble) => trouble,
            other => panic!("it did not end by itself: {other:?}"),
        }
    }

    fn containers(&self) -> Vec<String> {
        let filter = format!("label={LABEL}={}", self.made.tag);
        self.made.docker(&["ps", "-aq", "--filter", &filter]).lines().map(str::to_owned).collect()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        for id in self.containers() {
            let _ = self.made.attempt(&["rm", "-fv", &id]);
        }
        let filter = format!("label={}", self.made.label());
        let images = self.made.attempt(&["images", "--format", "{{.Repository}}", "--filter", &filter]);
        for name in images.unwrap_or_default().lines() {
            if let Err(e) = self.made.attempt(&["rmi", "-f", name]) {
                eprintln!("{name} is left behind: {e}");
            }
        }
    }
}

fn command(words: &[&str]) -> Options {
    Options { command: Some(words.iter().map(|w| (*w).to_owned()).collect()), ..Options::default() }
}

/// The server's command.
fn serving(address: &str, port: u16, ports: &str) -> Options {
    let ports = Options::parse(&Texts { ports: ports.into(), ..Texts::default() }).unwrap().ports;
    Options { ports, ..command(&["perl", "-e", SERVER, address, &port.to_string()]) }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// Checks the words and the place.
#[track_caller]
fn is(trouble: &Trouble, what: &str, why: &str, place: &Place) {
    assert!(trouble.what.contains(what) && trouble.why.contains(why) && trouble.place == *place, "{trouble:#?}");
}

fn file(path: &str, line: u32) -> Place {
    Place::File { path: path.into(), line }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_names_who_has_it() {
    let yard = Yard::new("taken");
    let port = free_port();
    let holder = yard.made.name("holder");
    yard.made.run("holder", &["-p", &format!("{port}:80")], &["sleep", "1000"]);
    let plan = yard.plan(IMAGE, serving("0.0.0.0", 80, &format!("{port}:80")));
    let trouble = yard.failed(&plan).await;
    is(
        &trouble,
        &format!("port {port} of the host is taken"),
        &format!("the container {holder} has it"),
        &Place::Option("ports"),
    );
    assert!(trouble.todo.contains(&format!("docker stop {holder}")), "{trouble}");

    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let plan = yard.plan(IMAGE, serving("0.0.0.0", 80, &format!("{port}:80")));
    let trouble = yard.failed(&plan).await;
    is(&trouble, &format!("port {port} of the host is taken"), "a program of the host", &Place::Option("ports"));
    assert!(trouble.todo.contains(&format!("ss -ltnp 'sport = :{port}'")), "{trouble}");
    // Once it is free the same plan runs.
    drop(listener);
    yard.runs(&plan).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_refuses_is_said_with_the_instruction_or_option_that_causes_it() {
    let yard = Yard::new("refused");
    let base = |options: Options| yard.plan(IMAGE, options);
    let sleep = || command(&["sleep", "1000"]);

    is(
        &yard.failed(&yard.plan("no/such:image", Options::default())).await,
        "there is no image no/such:image",
        "never built",
        &Place::Option("image"),
    );
    let empty = yard.image("empty", "scratch", "COPY x /x", &[("x", 0o644, b"x")]);
    is(
        &yard.failed(&yard.plan(&empty, Options::default())).await,
        "nothing to run",
        "neither CMD nor ENTRYPOINT",
        &Place::Instruction("CMD"),
    );
    is(&yard.failed(&base(command(&["nosuch", "x"]))).await, "nosuch is not found", "PATH", &Place::Option("command"));
    is(
        &yard.failed(&base(command(&["/no/such"]))).await,
        "/no/such is not there",
        "no such file",
        &Place::Option("command"),
    );
    is(
        &yard.failed(&base(command(&["/etc/passwd"]))).await,
        "/etc/passwd may not be executed",
        "mode",
        &Place::Option("command"),
    );
    is(
        &yard.failed(&base(command(&["/etc"]))).await,
        "/etc may not be executed",
        "directory",
        &Place::Option("command"),
    );
    let user = |user: &str| Options { user: Some(user.into()), ..sleep() };
    is(&yard.failed(&base(user("nobody-here"))).await, "no user nobody-here", "/etc/passwd", &Place::Option("user"));
    is(&yard.failed(&base(user("0:nogrp"))).await, "no group nogrp", "/etc/group", &Place::Option("user"));
    let dir = Options { dir: Some("/etc/passwd".into()), ..sleep() };
    is(&yard.failed(&base(dir)).await, "working directory /etc/passwd is none", "is a file", &Place::Option("dir"));
    let little = Options { memory: Some(1 << 20), ..sleep() };
    is(&yard.failed(&base(little)).await, "1.0M of memory is too little", "6", &Place::Option("memory"));
    let many = Options { cpus: Some(4000.0), ..sleep() };
    is(&yard.failed(&base(many)).await, "4000 processors cannot be had", "0.01 to", &Place::Option("cpus"));

    let entry = yard.image("entry", IMAGE, "ENTRYPOINT [\"entry.sh\"]\nCMD [\"x\"]", &[]);
    is(
        &yard.failed(&yard.plan(&entry, Options::default())).await,
        "entry.sh is not found",
        "",
        &Place::Instruction("ENTRYPOINT"),
    );
    let plain = yard.image("plain", IMAGE, "CMD [\"python app.py\"]", &[]);
    let trouble = yard.failed(&yard.plan(&plain, Options::default())).await;
    is(&trouble, "python app.py is not found", "", &Place::Instruction("CMD"));
    assert!(trouble.todo.contains("one word"), "{trouble}");
    let shell = yard.image("shell", "scratch", "COPY x /x\nCMD echo hi", &[("x", 0o644, b"x")]);
    let trouble = yard.failed(&yard.plan(&shell, Options::default())).await;
    is(&trouble, "/bin/sh is not", "", &Place::Instruction("CMD"));
    let wanted = yard.image("user", IMAGE, "USER app\nCMD [\"sleep\", \"9\"]", &[]);
    is(&yard.failed(&yard.plan(&wanted, Options::default())).await, "no user app", "", &Place::Instruction("USER"));

    // A name that something else has: that is left alone.
    let id = yard.made.run("run", &[], &["sleep", "1000"]);
    let trouble = yard.failed(&base(sleep())).await;
    is(
        &trouble,
        &format!("another container is called {}", yard.made.name("run")),
        "no run of this workspace",
        &Place::Engine,
    );
    assert_eq!(yard.made.docker(&["inspect", "-f", "{{.State.Running}}", &id]), "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_cannot_be_executed_say_which_line_is_wrong() {
    let yard = Yard::new("scripts");
    let files: [(&str, u32, &[u8]); 6] = [
        ("crlf", 0o755, b"#!/bin/sh\r\necho hi\r\n"),
        ("nosuch", 0o755, b"#!/usr/bin/python3 -u\nprint()\n"),
        ("text", 0o755, b"echo hi\n"),
        ("elf", 0o755, b"\x7fELFdamaged"),
        ("mode", 0o644, b"#!/bin/sh\n"),
        ("good", 0o755, b"#!/bin/sh\necho before\nnosuch-command --x\n"),
    ];
    let image =
        yard.image("files", IMAGE, "COPY . /app\nRUN ln -s /app/crlf /usr/local/sbin/linked\nWORKDIR /app", &files);
    let ends = async |name: &str| match yard.start(&yard.plan(&image, command(&[name]))).await {
        Outcome::Ended(_, trouble) | Outcome::Failed(trouble) => trouble,
        other => panic!("it runs: {other:?}"),
    };
    is(&ends("/app/crlf").await, "/app/crlf cannot be executed", "CR LF", &file("/app/crlf", 1));
    is(&ends("linked").await, "/usr/local/sbin/linked cannot be executed", "CR LF", &file("/usr/local/sbin/linked", 1));
    is(
        &ends("/app/nosuch").await,
        "/app/nosuch cannot be executed",
        "/usr/bin/python3, which",
        &file("/app/nosuch", 1),
    );
    is(&ends("/app/text").await, "/app/text is no program", "it is text", &file("/app/text", 1));
    is(&ends("/app/elf").await, "/app/elf is no program", "another processor", &Place::Instruction("FROM"));
    is(&ends("/app/mode").await, "/app/mode may not be executed", "mode", &Place::Option("command"));
    let trouble = ends("/app/good").await;
    is(&trouble, "nosuch-command is not found", "", &file("good", 3));
    assert_eq!(trouble.code, Some(127));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_end_at_once_say_why() {
    let yard = Yard::new("ends");
    let traceback = "Traceback (most recent call last):\\n  File \"/app/app.py\", line 3, in <module>\\n    import flask\\nModuleNotFoundError: No module named '\\''flask'\\''";
    let image = yard.image("app", IMAGE, &format!("WORKDIR /app\nCMD printf '{traceback}\\n' >&2; exit 1"), &[]);
    let trouble = yard.ended(&yard.plan(&image, Options::default())).await;
    is(&trouble, "exit code 1", "ModuleNotFoundError: No module named 'flask'", &file("app.py", 3));
    assert!(trouble.code == Some(1) && trouble.todo.contains("pip install"), "{trouble:?}");

    let ended = async |options: Options| yard.ended(&yard.plan(IMAGE, options)).await;
    let script = |text: &str| command(&["sh", "-c", text]);
    is(&ended(Options::default()).await, "ended by itself", "bash reads commands", &Place::Instruction("CMD"));
    let trouble = ended(script("echo up; perl -e 'sleep 1000' > /dev/null 2>&1 &")).await;
    is(&trouble, "ended by itself", "background", &Place::Option("command"));
    is(&ended(script("exit 3")).await, "exit code 3", "printed nothing", &Place::Option("command"));
    is(&ended(script("nosuch")).await, "nosuch is not found", "shell", &Place::Option("command"));
    is(&ended(script("/etc/passwd")).await, "/etc/passwd may not be executed", "mode", &Place::Option("command"));
    is(&ended(script("perl -e 'kill 11, $$'; exit $?")).await, "it crashed", "SIGSEGV", &Place::Program);
    is(&ended(script("perl -e 'kill 9, $$'; exit $?")).await, "it was killed", "host's memory", &Place::Engine);
    is(&ended(script("perl -e 'kill 15, $$'; exit $?")).await, "told to end", "SIGTERM", &Place::Engine);
    is(&ended(script("cat /no/such")).await, "exit code 1", "/no/such: No such file", &Place::Option("command"));
    let read_only = Options { read_only: true, ..script("echo x > /x") };
    is(&ended(read_only).await, "may not write", "Read-only file system", &Place::Option("read_only"));
    let hog = Options { memory: Some(20 << 20), ..command(&["perl", "-e", "$x = 'a' x (1 << 28); sleep 9"]) };
    let trouble = ended(hog).await;
    is(&trouble, "ran out of memory", "limit of 20M", &Place::Option("memory"));
    assert_eq!(trouble.code, Some(137));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_asked_stopped_and_run_again_and_has_one_container() {
    let yard = Yard::new("serves");
    let port = free_port();
    let dockerfile = "WORKDIR /app\nCOPY server.pl .\nEXPOSE 80\nCMD [\"perl\", \"server.pl\", \"0.0.0.0\", \"80\"]";
    let image = yard.image("web", IMAGE, dockerfile, &[("server.pl", 0o644, SERVER.as_bytes())]);
    let facts = ImageFacts::of(&yard.engine.inspect_image(&image).await.unwrap());
    assert_eq!(Options::for_image(&facts).texts().ports, "80:80");
    let options = Options::parse(&Texts { ports: format!("{port}:80"), ..Texts::default() }).unwrap();
    let plan = yard.plan(&image, options);
    let said = Mutex::new(Vec::new());
    let outcome =
        run::start(&yard.engine, &plan, &|line| said.lock().unwrap().push(line), std::future::pending()).await;
    let Outcome::Running(first) = outcome else { panic!("{outcome:?}") };
    assert_eq!(first.warning, None);
    let said = said.into_inner().unwrap().join("\n");
    assert!(said.contains(&format!("docker run --detach --name {} --publish {port}:80 {image}", plan.name)), "{said}");

    let look = async |id: &str, text: &str, at: u16| {
        run::look(&yard.engine, id, &Ask::parse(text, at).unwrap(), &plan.options).await
    };
    let id = first.container.id.clone();
    // By the host's port and by its own.
    for at in [port, 80] {
        let answer = look(&id, "/x?y", at).await.unwrap();
        assert_eq!((answer.code, &answer.body[..]), (200, &b"GET /x?y - "[..]));
    }
    let answer = look(&id, "POST /new {\"a\": 1}", port).await.unwrap();
    assert_eq!(&answer.body[..], b"POST /new application/json {\"a\": 1}");
    let answer = look(&id, "/redirect", port).await.unwrap();
    assert!(answer.code == 302 && answer.headers.contains(&("location".into(), "/x".into())), "{answer:?}");
    let answer = look(&id, "/large", port).await.unwrap();
    assert!(answer.cut && answer.body.len() == 256 << 10, "{}", answer.body.len());
    is(&look(&id, "/noise", port).await.unwrap_err(), "port 80 does not answer", "no HTTP", &Place::Program);
    is(&look(&id, "/", 81).await.unwrap_err(), "port 81 does not answer", "listens on 80", &Place::Option("ports"));

    assert_eq!(run::verdict(&yard.engine, &id, &plan.options).await.unwrap(), None);
    for _ in 0..2 {
        run::stop(&yard.engine, &id, Some(5)).await.unwrap();
    }
    let trouble = run::verdict(&yard.engine, &id, &plan.options).await.unwrap().unwrap();
    assert_eq!(trouble.code, Some(143), "{trouble}");
    is(&look(&id, "/", port).await.unwrap_err(), "told to end", "SIGTERM", &Place::Engine);

    let again = yard.runs(&plan).await;
    assert_ne!(again.container.id, id);
    assert_eq!(yard.containers().len(), 1);
    let id = again.container.id.clone();
    assert_eq!(look(&id, "/", port).await.unwrap().code, 200);
    // A request that ends it is answered with why it ended.
    let trouble = look(&id, "/crash", port).await.unwrap_err();
    is(&trouble, "exit code 255", "asked to die", &file("server.pl", 7));
    run::stop(&yard.engine, "no-such-container", None).await.unwrap();

    // Whoever changes their mind gets nothing.
    let outcome = run::start(&yard.engine, &plan, &|_| {}, std::future::ready(())).await;
    assert_eq!(outcome, Outcome::Cancelled);
    assert_eq!(yard.containers().len(), 1, "the run before was taken away for nothing");
    let (started, begun) = tokio::sync::oneshot::channel::<()>();
    let started = Mutex::new(Some(started));
    let tell = |line: String| {
        if line.ends_with("is started") {
            drop(started.lock().unwrap().take());
        }
    };
    let outcome = run::start(&yard.engine, &plan, &tell, async { drop(begun.await) }).await;
    assert_eq!(outcome, Outcome::Cancelled);
    assert_eq!(yard.containers(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_listens_elsewhere_is_found_out() {
    let yard = Yard::new("elsewhere");
    let port = free_port();
    let ask = |at: u16| Ask::parse("/", at).unwrap();
    let loopback = yard.plan(IMAGE, serving("127.0.0.1", 80, &format!("{port}:80")));
    let run = yard.runs(&loopback).await;
    is(&run.warning.unwrap(), "port 80 does not answer", "127.0.0.1:80", &Place::Option("command"));
    let trouble = run::look(&yard.engine, &run.container.id, &ask(port), &loopback.options).await.unwrap_err();
    is(&trouble, "port 80 does not answer", "127.0.0.1:80", &Place::Option("command"));
    assert!(trouble.todo.contains("0.0.0.0"), "{trouble}");

    let other = yard.plan(IMAGE, serving("0.0.0.0", 5000, &format!("{port}:80")));
    let run = yard.runs(&other).await;
    let trouble = run.warning.unwrap();
    is(&trouble, "port 80 does not answer", "listens on 5000", &Place::Option("ports"));
    assert!(trouble.todo.contains(&format!("publish {port}:5000")), "{trouble}");
    // What it does listen on is reached although it is not published.
    let answer = run::look(&yard.engine, &run.container.id, &ask(5000), &other.options).await.unwrap();
    assert_eq!(answer.code, 200);

    // Also where the image has no program that could tell.
    let bare = yard.image("bare", IMAGE, "RUN rm /bin/cat", &[]);
    let run = yard.runs(&yard.plan(&bare, loopback.options.clone())).await;
    if endpoint().is_local() {
        is(&run.warning.unwrap(), "port 80 does not answer", "127.0.0.1:80", &Place::Option("command"));
    }

    let silent = yard.plan(IMAGE, Options { ports: loopback.options.ports.clone(), ..command(&["sleep", "1000"]) });
    let run = yard.runs(&silent).await;
    assert_eq!(run.warning, None);
    let trouble = run::look(&yard.engine, &run.container.id, &ask(port), &silent.options).await.unwrap_err();
    is(&trouble, "port 80 does not answer", "nothing listens in the container", &Place::Option("command"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_session_an_image_is_run_asked_stopped_and_run_again() {
    let host = Engine::connect(&endpoint()).unwrap();
    let owner = unique("test-owner");
    let config = Sessions { max: 100, budget: Some(Size(1 << 50)), memory: Size(400 << 20), ..Sessions::default() };
    let _guest = Guest(owner.clone());
    let spec = Spec { images: vec![IMAGE.to_owned()], ..Spec::new(&config, owner) };
    let session = sessions::start(&host, &config, &spec, &|_| {}, std::future::pending()).await.unwrap().unwrap();
    let dockerfile = format!(
        "FROM {IMAGE}\nWORKDIR /app\nCOPY server.pl .\nEXPOSE 8080\nCMD [\"perl\", \"server.pl\", \"0.0.0.0\", \"8080\"]\n"
    );
    for (name, content) in [("Dockerfile", dockerfile.as_str()), ("server.pl", SERVER)] {
        let write = ExecAsk::of(["sh", "-c", &format!("cat > /workspace/{name}")]);
        assert_eq!(host.exec_fed(&session.container, &write, content.as_bytes()).await.unwrap().code, Some(0));
    }
    let build = ExecAsk::of(["docker", "build", "--quiet", "--tag", "web", "/workspace"]);
    let ran = host.exec_run(&session.container, &build).await.unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.last_words());

    let inner = Engine::connect(&session.endpoint(&endpoint())).unwrap();
    let facts = ImageFacts::of(&inner.inspect_image("web").await.unwrap());
    let mut plan = Plan {
        image: "web".into(),
        name: "ondeck-run-web".into(),
        workspace: "scratch".into(),
        options: Options::for_image(&facts),
    };
    let start = async |plan: &Plan| run::start(&inner, plan, &|_| {}, std::future::pending()).await;
    let ask = |text: &str| Ask::parse(text, 8080).unwrap();
    let mut last = None;
    for _ in 0..2 {
        let Outcome::Running(run) = start(&plan).await else { panic!("it does not run") };
        let id = run.container.id.clone();
        assert_ne!(last.replace(id.clone()), Some(id.clone()));
        // Published, so the session's own service request reaches it, too.
        let answer = until("it answers", async || {
            run::look(&inner, &id, &ask("/"), &plan.options).await.map_err(|e| e.to_string())
        })
        .await;
        assert_eq!((answer.code, &answer.body[..]), (200, &b"GET / - "[..]));
        assert_eq!(sessions::look(&host, &session, &ask("/through")).await.unwrap().code, 200);
        run::stop(&inner, &id, Some(5)).await.unwrap();
        is(&run::look(&inner, &id, &ask("/"), &plan.options).await.unwrap_err(), "told to end", "", &Place::Engine);
    }
    // Nothing is published: its own address is reached from within the session.
    plan.options.ports.clear();
    let Outcome::Running(run) = start(&plan).await else { panic!("it does not run") };
    let answer = run::look(&inner, &run.container.id, &ask("POST /new a=b"), &plan.options).await.unwrap();
    assert_eq!(&answer.body[..], b"POST /new application/x-www-form-urlencoded a=b");
    is(
        &run::look(&inner, &run.container.id, &ask(":81/"), &plan.options).await.unwrap_err(),
        "port 81 does not answer",
        "listens on 8080",
        &Place::Option("ports"),
    );
    // Where it listens is seen from beside it, when it has no program that could tell.
    let bare = format!("printf 'FROM {IMAGE}\nRUN rm /bin/cat\n' | docker build --quiet --tag bare - ");
    let ran = host.exec_run(&session.container, &ExecAsk::of(["sh", "-c", &bare])).await.unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.last_words());
    let bare = Plan { image: "bare".into(), options: serving("127.0.0.1", 8080, "8080:8080"), ..plan.clone() };
    let Outcome::Running(run) = start(&bare).await else { panic!("it does not run") };
    is(&run.warning.unwrap(), "port 8080 does not answer", "127.0.0.1:8080", &Place::Option("command"));
    // Memory, its own limit's and the session's.
    let hog = |memory| Plan {
        options: Options { memory, ..command(&["perl", "-e", "$x = 'a' x (1 << 29); sleep 9"]) },
        ..plan.clone()
    };
    let Outcome::Ended(_, trouble) = start(&hog(Some(20 << 20))).await else { panic!("it does not end") };
    is(&trouble, "ran out of memory", "limit of 20M", &Place::Option("memory"));
    let Outcome::Ended(_, trouble) = start(&hog(None)).await else { panic!("it does not end") };
    assert!(trouble.code == Some(137) && trouble.to_string().contains("memory"), "{trouble:?}");
    sessions::end(&host, &session).await.unwrap();
}

/// An ssh that reaches this machine only, with the engine of the test and with ports.
const FAKE_SSH: &str = r#"#!/bin/bash
while [ "$1" != -- ]; do [ "$1" = -W ] && to=$2; shift; done
if [ -z "$to" ]; then shift 2; exec "$@"; fi
[ "$2" = closed ] && { echo 'channel 0: open failed: administratively prohibited: open failed
stdio forwarding failed' >&2; exit 255; }
exec 3<>"/dev/tcp/${to%:*}/${to##*:}" || { echo 'channel 0: open failed: connect failed: Connection refused
stdio forwarding failed' >&2; exit 255; }
cat <&3 &
cat >&3
wait
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_on_a_host_beyond_ssh_is_asked_through_it() {
    let name = "what_runs_on_a_host_beyond_ssh_is_asked_through_it";
    if !endpoint().is_local() {
        return;
    }
    if std::env::var_os("FAKE_SSH").is_none() {
        // In a process of its own, whose ssh is the fake one.
        let dir = tempfile::tempdir().unwrap();
        let ssh = dir.path().join("ssh");
        std::fs::write(&ssh, FAKE_SSH).unwrap();
        std::fs::set_permissions(&ssh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture"]).env("PATH", path).env("FAKE_SSH", "1").stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        assert!(text(&output.stdout).contains("1 passed"), "{}", text(&output.stdout));
        return;
    }
    let yard = Yard::new("beyond");
    let port = free_port();
    let plan = yard.plan(IMAGE, serving("0.0.0.0", 80, &format!("{port}:80")));
    let there = Engine::connect(&endpoint_at("ssh://ops@web-01")).unwrap();
    let outcome = run::start(&there, &plan, &|_| {}, std::future::pending()).await;
    let Outcome::Running(started) = outcome else { panic!("{outcome:?}") };
    let ask = |text: &str| Ask::parse(text, port).unwrap();
    let id = &started.container.id;
    let answer = run::look(&there, id, &ask("/through"), &plan.options).await.unwrap();
    assert_eq!(&answer.body[..], b"GET /through - ");
    is(
        &run::look(&there, id, &ask(":81/"), &plan.options).await.unwrap_err(),
        "port 81 does not answer",
        "listens on 80",
        &Place::Option("ports"),
    );
    let closed = Engine::connect(&endpoint_at("ssh://closed")).unwrap();
    let trouble = run::look(&closed, id, &ask("/"), &plan.options).await.unwrap_err();
    is(&trouble, "port 80 cannot be reached", "administratively prohibited", &Place::Engine);
    assert!(trouble.todo.contains("AllowTcpForwarding"), "{trouble}");
}

/// The sessions of one owner and what they left; removed on drop.
struct Guest(String);

impl Drop for Guest {
    fn drop(&mut self) {
        let docker = |args: &[&str]| {
            let output = Command::new("docker").args(args).stdin(Stdio::null()).output().unwrap();
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        let filter = format!("label=dev.ondeck.owner={}", self.0);
        for (list, remove) in [(&["ps", "-a"][..], &["rm", "-fv"][..]), (&["volume", "ls"], &["volume", "rm"])] {
            // Where the engine removes it itself it needs a moment.
            for _ in 0..100 {
                let left = docker(&[list, &["-q", "--filter", &filter]].concat());
                if left.is_empty() {
                    break;
                }
                docker(&[remove, &left.lines().collect::<Vec<_>>()].concat());
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    }
}
