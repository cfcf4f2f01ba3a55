//! Containers that are really broken, each in a way of its own, and what has to be said of each. All at one engine, all
//! gone with the [`Yard`] they stand in.
#![allow(clippy::unwrap_used, dead_code)]

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::docker::IMAGE;
use super::live::{Made, endpoint};

/// What some wrecks need beyond [`IMAGE`]: openssl, and a clock that goes wrong. Kept, since it is the same every time.
pub const TOOLS: &str = "ondeck-test/wrecks";
const TOOLS_DOCKERFILE: &str = "FROM debian:bookworm-slim\nRUN apt-get update && \
    apt-get install --yes --no-install-recommends openssl faketime && rm -rf /var/lib/apt/lists/*\n";
/// An image whose healthcheck runs a program that is not in it.
pub const CHECKED: &str = "ondeck-test/wrecks-check";
const CHECKED_DOCKERFILE: &str = "FROM debian:bookworm-slim\n\
    HEALTHCHECK --interval=1s --retries=2 CMD [\"/usr/bin/wget\", \"-q\", \"http://localhost/\"]\n";

/// A web server: address, status, text, and seconds before each answer.
const SERVER: &str = r#"use IO::Socket::INET; $| = 1; my ($at, $status, $text, $wait) = @ARGV;
my $s = IO::Socket::INET->new(LocalAddr => $at, Listen => 128, ReuseAddr => 1) or die "cannot listen: $!"; print "listening on $at\n";
while (my $c = $s->accept) { while (<$c>) { last if /^\r?$/ } sleep $wait if $wait; my @t = gmtime;
my $date = sprintf "%s, %02d %s %d %02d:%02d:%02d GMT", (qw(Sun Mon Tue Wed Thu Fri Sat))[$t[6]], $t[3],
(qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[$t[4]], 1900 + $t[5], @t[2, 1, 0];
print $c "HTTP/1.1 $status X\r\nDate: $date\r\nContent-Length: ", length $text, "\r\nConnection: close\r\n\r\n$text"; close $c }"#;

/// A TLS server whose certificate was made at a time, for some days.
const TLS_SERVER: &str = "faketime \"$0\" openssl req -x509 -newkey rsa:2048 -nodes -days \"$1\" -subj /CN=shop.test \
    -keyout /key -out /cert 2>/dev/null; exec openssl s_server -accept 4433 -cert /cert -key /key -www -quiet";

/// One way to be broken.
pub struct Wreck {
    /// In words, for the table.
    pub kind: &'static str,
    /// The container that it shows at, by its name within the yard; `STACK/SERVICE` where there is none.
    pub name: &'static str,
    /// The cause that has to be named.
    pub code: &'static str,
    /// `degraded` or `failing`; `off` where somebody meant it to be so.
    pub level: &'static str,
    /// What has to be in the words or the evidence: the very thing that is broken.
    pub shows: &'static str,
    /// Makes it.
    pub make: fn(&Yard, &str),
}

const fn wreck(
    kind: &'static str,
    name: &'static str,
    code: &'static str,
    level: &'static str,
    shows: &'static str,
    make: fn(&Yard, &str),
) -> Wreck {
    Wreck { kind, name, code, level, shows, make }
}

/// All of them.
pub const WRECKS: &[Wreck] = &[
    wreck("killed for want of memory", "oom", "OOM_KILLED", "failing", "32M", |y, n| {
        y.run(n, &["--memory", "32m"], &["perl", "-e", "$x = 'x' x 200_000_000; sleep 100"]);
    }),
    wreck("a child killed for want of memory", "oom-inside", "OOM_INSIDE", "degraded", "", |y, n| {
        let script = "perl -e '$x = q(x) x 200_000_000'; echo \"worker ended: $?\"; sleep infinity";
        y.run(n, &["--memory", "32m"], &["sh", "-c", script]);
    }),
    wreck("memory near its limit", "memory", "MEMORY_NEAR_LIMIT", "degraded", "48M", |y, n| {
        let fill = "open F, '/dev/zero'; sysread F, $x, 46_000_000; sleep 3600";
        y.run(n, &["--memory", "48m"], &["perl", "-e", fill]);
    }),
    wreck("crash loop", "loop", "CRASH_LOOP", "failing", "no such key: listen", |y, n| {
        y.run(n, &["--restart", "always"], &["sh", "-c", "echo 'config: no such key: listen' >&2; sleep 0.2; exit 1"]);
    }),
    wreck("exit code 1", "exit-1", "EXITED", "failing", "schema is newer", |y, n| {
        y.run(n, &[], &["sh", "-c", "echo 'migration 12: schema is newer than the program' >&2; exit 1"]);
    }),
    wreck("exit code 126", "exit-126", "NOT_EXECUTABLE", "failing", "/etc/passwd", |y, n| {
        y.run(n, &[], &["sh", "-c", "/etc/passwd"]);
    }),
    wreck("exit code 127", "exit-127", "COMMAND_NOT_FOUND", "failing", "gunicorn", |y, n| {
        y.run(n, &[], &["sh", "-c", "gunicorn app:app"]);
    }),
    wreck("exit code 139, a segmentation fault", "exit-139", "CRASHED", "failing", "139", |y, n| {
        y.run(n, &[], &["perl", "-e", "print unpack('p', pack('Q', 4096))"]);
    }),
    wreck("made, never started", "created", "NOT_STARTED", "off", "never started", |y, n| {
        y.create(n, &[], &["sleep", "infinity"]);
    }),
    wreck("bad command", "command", "COMMAND_NOT_FOUND", "failing", "no-such-program", |y, n| {
        y.refused(n, &[], &["no-such-program", "--serve"]);
    }),
    wreck("command that is no program", "no-program", "NOT_EXECUTABLE", "failing", "/etc/passwd", |y, n| {
        y.refused(n, &[], &["/etc/passwd"]);
    }),
    wreck("port clash", "port", "PORT_TAKEN", "failing", "port-holder", |y, n| {
        // The engine picks a free one; the second wants the same.
        let holder =
            y.run_in(&y.made.name("port-holder"), IMAGE, &["--publish", "127.0.0.1::80"], &["sleep", "infinity"]);
        let taken = y.made.docker(&["port", &holder, "80/tcp"]);
        y.refused_in(n, &["--publish", &format!("{}:80", taken.lines().next().unwrap())], &["sleep", "infinity"]);
    }),
    wreck("file to mount is a directory", "mount-file", "MOUNT_MISSING", "failing", "app.conf", |y, n| {
        // The engine makes a directory of a path that is not there, and cannot put that over a file.
        let file = y.folder.path().join("app.conf");
        y.refused(n, &["--volume", &format!("{}:/etc/passwd", file.display())], &["sleep", "infinity"]);
    }),
    wreck("bind mount whose source is gone", "mount-gone", "MOUNT_MISSING", "failing", "uploads", |y, n| {
        let folder = y.folder.path().join("uploads");
        std::fs::create_dir(&folder).unwrap();
        let mount = format!("type=bind,source={},target=/uploads", folder.display());
        let id = y.create(n, &["--mount", &mount], &["sleep", "infinity"]);
        std::fs::remove_dir(&folder).unwrap();
        let told = y.made.attempt(&["start", &id]).unwrap_err();
        assert!(told.contains("does not exist"), "{told}");
    }),
    wreck("volume of a device that is gone", "mount-device", "MOUNT_MISSING", "failing", "nowhere", |y, n| {
        let volume = y.made.name("device");
        let device = format!("device={}/nowhere", y.folder.path().display());
        let options = ["--opt", "type=none", "--opt", "o=bind", "--opt", &device, &volume];
        y.made.docker(&[&["volume", "create", "--label", &y.made.label()][..], &options].concat());
        y.refused(n, &["--volume", &format!("{volume}:/data")], &["sleep", "infinity"]);
    }),
    wreck("network that is gone", "network-gone", "START_REFUSED", "failing", "-gone that it wants", |y, n| {
        let network = y.network("gone");
        let id = y.create_in(&y.made.name(n), &["--network", &network], &["sleep", "infinity"]);
        y.made.docker(&["network", "rm", &network]);
        y.made.attempt(&["start", &id]).unwrap_err();
    }),
    wreck("missing image of a stack's service", "pictures/resize", "IMAGE_MISSING", "failing", "nowhere:1", |y, _| {
        let folder = y.folder.path().join("pictures");
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("docker-compose.yaml");
        let text = format!("services:\n  web: {{image: '{IMAGE}'}}\n  resize: {{image: 'ondeck-test/nowhere:1'}}\n");
        std::fs::write(&file, text).unwrap();
        let files = format!("com.docker.compose.project.config_files={}", file.display());
        let dir = format!("com.docker.compose.project.working_dir={}", folder.display());
        y.service("pictures", "web", "", &["--label", &files, "--label", &dir], &["sleep", "infinity"]);
    }),
    wreck("paused", "paused", "PAUSED", "degraded", "", |y, n| {
        let id = y.run(n, &[], &["sleep", "infinity"]);
        y.made.docker(&["pause", &id]);
    }),
    wreck("full tmpfs", "full", "DISK_FULL", "failing", "No space left", |y, n| {
        let script = "dd if=/dev/zero of=/data/f bs=1M count=5; sleep infinity";
        y.run(n, &["--tmpfs", "/data:size=1m"], &["sh", "-c", script]);
    }),
    wreck("read-only violation", "read-only", "READ_ONLY", "failing", "/run/app.pid", |y, n| {
        y.run(n, &["--read-only"], &["sh", "-c", "echo $$ > /run/app.pid"]);
    }),
    wreck("volume permission", "permission", "PERMISSION_DENIED", "failing", "/data/db.lock", |y, n| {
        let volume = y.made.name("permission");
        y.made.docker(&["volume", "create", "--label", &y.made.label(), &volume]);
        let volume = format!("{volume}:/data");
        y.run(n, &["--user", "1000", "--volume", &volume], &["sh", "-c", "echo x > /data/db.lock"]);
    }),
    wreck("zombies", "zombies", "ZOMBIES", "degraded", "30", |y, n| {
        y.run(n, &[], &["perl", "-e", "for (1..30) { fork or exit } sleep 3600"]);
    }),
    wreck("log flood", "flood", "LOG_FLOOD", "degraded", "", |y, n| {
        // Fast enough, and so slow that a minute of it harms nobody's disk.
        let flood = "$| = 1; while (1) { print 'request handled by worker 7 in 0.3 ms, cache hit', qq(\\n) for 1..400; \
                     select undef, undef, undef, 0.1 }";
        y.run(n, &[], &["perl", "-e", flood]);
    }),
    wreck("throttled", "throttled", "CPU_THROTTLED", "degraded", "0.1", |y, n| {
        y.run(n, &["--cpus", "0.1"], &["sh", "-c", "while :; do :; done"]);
    }),
    wreck("unhealthy", "unhealthy", "UNHEALTHY", "failing", "database is locked", |y, n| {
        let check = "echo 'probe: database is locked'; exit 1";
        let options = ["--health-cmd", check, "--health-interval", "1s", "--health-retries", "2"];
        y.run(n, &options, &["sleep", "infinity"]);
    }),
    wreck("broken healthcheck, by a shell", "check-shell", "CHECK_BROKEN", "degraded", "curl", |y, n| {
        let check = "curl -f http://localhost/";
        let options = ["--health-cmd", check, "--health-interval", "1s", "--health-retries", "2"];
        y.run(n, &options, &["sleep", "infinity"]);
    }),
    wreck("broken healthcheck, without a shell", "check-exec", "CHECK_BROKEN", "degraded", "wget", |y, n| {
        y.run_in(&y.made.name(n), CHECKED, &["--network", "none"], &["sleep", "infinity"]);
    }),
    wreck("slow start", "slow-start", "SLOW_START", "degraded", "", |y, n| {
        let options =
            ["--health-cmd", "echo 'still loading'; exit 1", "--health-interval", "1s", "--health-start-period"];
        y.run(n, &[&options[..], &["1h"]].concat(), &["sleep", "infinity"]);
    }),
    wreck("flapping", "flapping", "FLAPPING", "degraded", "connection reset", |y, n| {
        let check = "if [ -e /tmp/x ]; then rm /tmp/x; echo 'connection reset'; exit 1; else touch /tmp/x; fi";
        let options = ["--health-cmd", check, "--health-interval", "1s", "--health-retries", "3"];
        y.run(n, &options, &["sleep", "infinity"]);
    }),
    wreck("nothing listens", "refused", "PROBE_REFUSED", "failing", "8080", |y, n| {
        y.reached(n, &["--label", "dev.ondeck.health.http=:8080/"], &["sleep", "infinity"]);
    }),
    wreck("listens on loopback only", "loopback", "LOOPBACK_ONLY", "failing", "127.0.0.1", |y, n| {
        y.serve(n, &["--label", "dev.ondeck.health.http=:8080/"], "127.0.0.1:8080", "200", "fine", "0");
    }),
    wreck("HTTP status 500", "status", "HTTP_STATUS", "failing", "500", |y, n| {
        y.serve(n, &["--label", "dev.ondeck.health.http=:8080/health"], "0.0.0.0:8080", "500", "no database", "0");
    }),
    wreck("HTTP body is another", "body", "HTTP_BODY", "failing", "maintenance", |y, n| {
        let labels = ["--label", "dev.ondeck.health.http=:8080/", "--label", "dev.ondeck.health.body=^ok$"];
        y.serve(n, &labels, "0.0.0.0:8080", "200", "down for maintenance", "0");
    }),
    wreck("no answer in time", "timeout", "PROBE_TIMEOUT", "failing", "", |y, n| {
        let labels = ["--label", "dev.ondeck.health.http=:8080/", "--label", "dev.ondeck.health.timeout=1s"];
        y.serve(n, &labels, "0.0.0.0:8080", "200", "late", "30");
    }),
    wreck("answers late", "late", "PROBE_SLOW", "degraded", "", |y, n| {
        let labels = ["--label", "dev.ondeck.health.http=:8080/", "--label", "dev.ondeck.health.slow=1s"];
        y.serve(n, &labels, "0.0.0.0:8080", "200", "late", "2");
    }),
    wreck("expired certificate", "expired", "TLS_EXPIRED", "failing", "2020-01-31", |y, n| {
        y.serve_tls(n, &[], "2020-01-01 00:00:00", "30");
    }),
    wreck("certificate ends soon", "expires", "TLS_EXPIRES", "degraded", "", |y, n| {
        y.serve_tls(n, &["--label", "dev.ondeck.health.insecure=true"], "1 hour ago", "3");
    }),
    wreck("clock three hours off", "clock", "CLOCK_SKEW", "degraded", "3h", |y, n| {
        let options = ["--label", "dev.ondeck.health.http=:8080/"];
        let server = ["faketime", "-f", "-3h", "perl", "-e", SERVER, "0.0.0.0:8080", "200", "fine", "0"];
        y.run_in(&y.made.name(n), TOOLS, &options, &server);
    }),
    wreck("name that is not found", "dns", "DNS_FAILED", "failing", "no-such-db", |y, n| {
        let ask = "use Socket 'getaddrinfo'; my ($e) = getaddrinfo('no-such-db', 5432); die qq(cannot connect to no-such-db: $e\\n) if $e";
        y.reached(n, &[], &["perl", "-e", ask]);
    }),
    wreck("wrong network", "split/web", "WRONG_NETWORK", "degraded", "db", |y, _| {
        let (front, back) = (y.network("front"), y.network("back"));
        y.service("split", "db", "", &["--network", &back], &["sleep", "infinity"]);
        y.service("split", "web", "db:service_started:false", &["--network", &front], &["sleep", "infinity"]);
    }),
    wreck("wrong network, and it fails for it", "apart/web", "WRONG_NETWORK", "failing", "apart", |y, _| {
        let (front, back) = (y.network("apart-front"), y.network("apart-back"));
        y.service("apart", "db", "", &["--network", &back], &["sleep", "infinity"]);
        let ask =
            "use Socket 'getaddrinfo'; my ($e) = getaddrinfo('db', 5432); die qq(cannot connect to db: $e\\n) if $e";
        y.service("apart", "web", "", &["--network", &front], &["perl", "-e", ask]);
    }),
    wreck("dead dependency: the cause", "chain/db", "EXITED", "failing", "wrong ownership", |y, _| {
        let network = y.network("chain");
        let options = ["--network", &network];
        let dies = "echo 'FATAL: data directory has wrong ownership' >&2; exit 1";
        y.service("chain", "db", "", &options, &["sh", "-c", dies]);
        let check =
            ["--health-cmd", "echo 'cannot reach db'; exit 1", "--health-interval", "1s", "--health-retries", "2"];
        let options = [&options[..], &check].concat();
        y.service("chain", "api", "db:service_healthy:false", &options, &["sleep", "infinity"]);
        y.service("chain", "web", "api:service_healthy:false", &["--network", &network], &["sleep", "infinity"]);
    }),
];

/// Wrecks that are made when the others have been told, and told at once: an engine remembers but its newest 256 events,
/// which healthchecks every second fill within half a minute. Without them nothing tells these two from a slow stop.
pub const LATE: &[Wreck] = &[
    wreck("exit code 137, killed by the host", "exit-137", "KILLED", "failing", "137", |y, n| {
        let id = y.run(n, &[], &["sleep", "infinity"]);
        let kill = format!("kill -9 {}", y.made.docker(&["inspect", "--format", "{{.State.Pid}}", &id]));
        y.run_in(&y.made.name("killer"), IMAGE, &["--network", "none", "--pid", "host"], &["sh", "-c", &kill]);
    }),
    wreck("exit code 137, by docker kill", "docker-kill", "KILLED", "off", "docker kill", |y, n| {
        let id = y.run(n, &[], &["sleep", "infinity"]);
        y.made.docker(&["kill", &id]);
    }),
];

/// Those that suffer from another's trouble, and from whose.
pub const VICTIMS: &[(&str, &str)] = &[("chain/api", "chain/db"), ("chain/web", "chain/db")];

/// Those that are as they should be: (name, level).
pub const WELL: &[(&str, &str)] = &[
    ("plain", "healthy"),
    ("checked", "healthy"),
    ("probed", "healthy"),
    ("done", "off"),
    ("stopped", "off"),
    ("port-holder", "healthy"),
    ("pictures/web", "healthy"),
    ("split/db", "healthy"),
    ("apart/db", "healthy"),
    ("good/web", "healthy"),
    ("good/db", "healthy"),
];

fn well(yard: &Yard) {
    yard.run("plain", &[], &["sleep", "infinity"]);
    yard.run("checked", &["--health-cmd", "true", "--health-interval", "1s"], &["sleep", "infinity"]);
    let labels = ["--label", "dev.ondeck.health.http=:8080/", "--label", "dev.ondeck.health.body=^ok$"];
    yard.serve("probed", &labels, "0.0.0.0:8080", "200", "ok", "0");
    yard.run("done", &[], &["true"]);
    let id = yard.run("stopped", &[], &["sh", "-c", "trap 'exit 143' TERM; sleep infinity & wait"]);
    yard.made.docker(&["stop", &id]);
    let network = yard.network("good");
    yard.service("good", "db", "", &["--network", &network], &["sleep", "infinity"]);
    yard.service("good", "web", "db:service_started:false", &["--network", &network], &["sleep", "infinity"]);
}

/// Where wrecks stand.
pub struct Yard {
    /// All that is in the engine.
    pub made: Made,
    /// A folder of the host.
    pub folder: tempfile::TempDir,
}

impl Yard {
    /// Makes all wrecks and those that are well, several at a time.
    pub fn full() -> Self {
        let yard = Self { made: Made::new("wrecks"), folder: tempfile::tempdir().unwrap() };
        build(TOOLS, TOOLS_DOCKERFILE);
        build(CHECKED, CHECKED_DOCKERFILE);
        let next = Mutex::new(WRECKS.iter());
        std::thread::scope(|threads| {
            threads.spawn(|| well(&yard));
            for _ in 0..4 {
                threads.spawn(|| {
                    loop {
                        let Some(wreck) = next.lock().unwrap().next() else { return };
                        (wreck.make)(&yard, wreck.name);
                    }
                });
            }
        });
        yard
    }

    /// Makes those that are told at once.
    pub fn late(&self) {
        for wreck in LATE {
            (wreck.make)(self, wreck.name);
        }
    }

    /// How the command line calls a container or service of this yard.
    pub fn called(&self, name: &str) -> String {
        self.made.name(name)
    }

    /// A network of this yard.
    fn network(&self, name: &str) -> String {
        let name = self.made.name(name);
        self.made.docker(&["network", "create", "--label", &self.made.label(), &name]);
        name
    }

    /// The words of a docker command that makes a container of this yard.
    fn labelled<'a>(
        verb: &[&'a str],
        name: &'a str,
        label: &'a str,
        image: &'a str,
        options: &[&'a str],
        command: &[&'a str],
    ) -> Vec<&'a str> {
        let own = ["--name", name, "--label", label, "--stop-timeout", "1"];
        [verb, &own, options, &[image], command].concat()
    }

    /// Starts a container of an image.
    fn run_in(&self, name: &str, image: &str, options: &[&str], command: &[&str]) -> String {
        let label = self.made.label();
        self.made.docker(&Self::labelled(&["run", "--detach"], name, &label, image, options, command))
    }

    /// Makes one that does not start yet.
    fn create_in(&self, name: &str, options: &[&str], command: &[&str]) -> String {
        let label = self.made.label();
        self.made.docker(&Self::labelled(&["create"], name, &label, IMAGE, options, command))
    }

    /// Starts a container that needs no network.
    fn run(&self, name: &str, options: &[&str], command: &[&str]) -> String {
        self.run_in(&self.made.name(name), IMAGE, &[&["--network", "none"], options].concat(), command)
    }

    /// The same, made only.
    fn create(&self, name: &str, options: &[&str], command: &[&str]) -> String {
        self.create_in(&self.made.name(name), &[&["--network", "none"], options].concat(), command)
    }

    /// One that the engine makes, and then cannot start.
    fn refused(&self, name: &str, options: &[&str], command: &[&str]) {
        let id = self.create(name, options, command);
        self.made.attempt(&["start", &id]).unwrap_err();
    }

    /// The same, with a network.
    fn refused_in(&self, name: &str, options: &[&str], command: &[&str]) {
        let id = self.create_in(&self.made.name(name), options, command);
        self.made.attempt(&["start", &id]).unwrap_err();
    }

    /// Starts a container that can be reached.
    fn reached(&self, name: &str, options: &[&str], command: &[&str]) -> String {
        self.run_in(&self.made.name(name), IMAGE, options, command)
    }

    /// Starts a web server.
    fn serve(&self, name: &str, options: &[&str], at: &str, status: &str, text: &str, wait: &str) {
        self.reached(name, options, &["perl", "-e", SERVER, at, status, text, wait]);
    }

    /// Starts a TLS server whose certificate is good for `days` since `made`.
    fn serve_tls(&self, name: &str, options: &[&str], made: &str, days: &str) {
        let options = [options, &["--label", "dev.ondeck.health.tls=:4433"]].concat();
        self.run_in(&self.made.name(name), TOOLS, &options, &["sh", "-c", TLS_SERVER, made, days]);
    }

    /// Starts a container as compose would for a service of a project.
    fn service(&self, stack: &str, service: &str, needs: &str, options: &[&str], command: &[&str]) {
        let label = |key: &str, value: &str| format!("com.docker.compose.{key}={value}");
        let project = self.made.name(stack);
        let labels = [
            label("project", &project),
            label("service", service),
            label("container-number", "1"),
            label("oneoff", "False"),
            label("depends_on", needs),
        ];
        let mut all = options.to_vec();
        if !options.contains(&"--network") {
            all.extend(["--network", "none"]);
        }
        all.extend(labels.iter().flat_map(|l| ["--label", l.as_str()]));
        self.run_in(&format!("{project}-{service}-1"), IMAGE, &all, command);
    }
}

/// Builds an image, unless the engine has it.
fn build(tag: &str, dockerfile: &str) {
    let docker = |args: &[&str]| {
        let mut command = Command::new("docker");
        command.args(args).env("DOCKER_HOST", endpoint().address.to_string()).env_remove("DOCKER_CONTEXT");
        command.env("DOCKER_BUILDKIT", "0").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut child = docker(&["build", "--quiet", "--force-rm", "--tag", tag, "-"]);
    child.stdin.take().unwrap().write_all(dockerfile.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
