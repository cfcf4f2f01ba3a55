//! Getting a notice to people: a command, a webhook, a topic. Each has its own queue, so none waits for another, and
//! whoever tells waits for none.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, redirect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Kind, Notice};
use crate::config;
use crate::health::probe::roots;
use crate::text::{clean, fit};

/// Notices that wait for one target.
const QUEUE: usize = 100;
/// How often one is tried.
const TRIES: u32 = 4;
/// The wait after the first try that failed; each further one is four times as long.
const WAIT: Duration = Duration::from_secs(1);
/// How long an address may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a command may take.
const RUNS: Duration = Duration::from_mins(1);

/// Where notices go.
#[derive(Debug)]
pub struct Delivery {
    queues: Vec<(Target, mpsc::Sender<Notice>)>,
    workers: JoinSet<()>,
    log: fn(&str),
}

#[derive(Debug, Clone)]
enum Target {
    Command(String),
    Webhook(String),
    Ntfy(String),
}

impl Target {
    /// What it is called; addresses and commands may be secrets themselves.
    const fn name(&self) -> &'static str {
        match self {
            Self::Command(_) => "the command",
            Self::Webhook(_) => "the webhook",
            Self::Ntfy(_) => "the topic",
        }
    }
}

impl Delivery {
    /// To all that the config names. `variable` is the environment, `log` takes what goes wrong.
    ///
    /// # Errors
    /// Why there can be no delivery: a token that is not there, or is none.
    pub async fn new(
        config: &config::Notify,
        variable: impl Fn(&str) -> Option<String>,
        log: fn(&str),
    ) -> Result<Self, String> {
        let token = match &config.token_env {
            None => None,
            Some(name) => {
                let value = variable(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
                let value = value.ok_or_else(|| format!("{name} is not set: notices would go without their token"))?;
                let header = HeaderValue::from_str(&format!("Bearer {value}"));
                let mut header = header.map_err(|_| format!("what is in {name} cannot be a token"))?;
                header.set_sensitive(true);
                Some(header)
            }
        };
        let targets = [
            config.command.clone().map(Target::Command),
            config.webhook.clone().map(Target::Webhook),
            config.ntfy.clone().map(Target::Ntfy),
        ];
        let (mut queues, mut workers) = (Vec::new(), JoinSet::new());
        for target in targets.into_iter().flatten() {
            let client = match &target {
                Target::Command(_) => None,
                Target::Webhook(url) | Target::Ntfy(url) => Some(client(url).await?),
            };
            let (queue, notices) = mpsc::channel(QUEUE);
            workers.spawn(work(target.clone(), client, token.clone(), notices, log));
            queues.push((target, queue));
        }
        Ok(Self { queues, workers, log })
    }

    /// Sends a notice everywhere; waits for nobody.
    pub fn send(&self, notice: &Notice) {
        for (target, queue) in &self.queues {
            if queue.try_send(notice.clone()).is_err() {
                (self.log)(&format!("{} takes no more notices: `{}` is lost", target.name(), notice.title()));
            }
        }
    }

    /// Waits until all is delivered or given up, at most for so long.
    pub async fn end(mut self, patience: Duration) {
        self.queues.clear();
        let all = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            (self.log)("not all notices were delivered before the end");
        }
    }
}

/// Delivers to one target what comes for it, in order.
async fn work(
    target: Target,
    client: Option<Client>,
    token: Option<HeaderValue>,
    mut notices: mpsc::Receiver<Notice>,
    log: fn(&str),
) {
    while let Some(notice) = notices.recv().await {
        let mut wait = WAIT;
        for attempt in 1..=TRIES {
            let Err(why) = deliver(&target, client.as_ref(), token.as_ref(), &notice).await else { break };
            let (name, title, why) = (target.name(), notice.title(), clean(&why).into_owned());
            if attempt == TRIES {
                log(&format!("{name} could not be told `{title}`: {why}; given up after {TRIES} times"));
            } else {
                log(&format!("{name} could not be told `{title}`: {why}; once more in {}s", wait.as_secs()));
                tokio::time::sleep(wait).await;
                wait *= 4;
            }
        }
    }
}

async fn deliver(
    target: &Target,
    client: Option<&Client>,
    token: Option<&HeaderValue>,
    notice: &Notice,
) -> Result<(), String> {
    let request = match (target, client) {
        (Target::Command(command), _) => {
            let ran = tokio::time::timeout(RUNS, run(command, notice)).await;
            return ran.unwrap_or_else(|_| Err(format!("it took longer than {}s", RUNS.as_secs())));
        }
        (Target::Webhook(url), Some(client)) => client.post(url).json(notice),
        (Target::Ntfy(url), Some(client)) => client.post(url).headers(headers(notice)).body(notice.text()),
        (Target::Webhook(_) | Target::Ntfy(_), None) => return Err("it has no client".to_owned()),
    };
    let request = token.iter().fold(request, |request, token| request.header(AUTHORIZATION, (*token).clone()));
    let response = request.send().await.map_err(reason)?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}

/// Title, priority and tags as ntfy knows them.
fn headers(notice: &Notice) -> HeaderMap {
    let (priority, tag) = match notice.kind {
        Kind::Failing | Kind::GaveUp | Kind::RestartFailed => ("4", "rotating_light"),
        Kind::Degraded => ("3", "warning"),
        Kind::Recovered => ("3", "white_check_mark"),
        Kind::Restarted => ("2", "arrows_counterclockwise"),
    };
    let mut headers = HeaderMap::new();
    // A title that cannot stand in a head is in the text all the same.
    if let Ok(title) = HeaderValue::from_bytes(notice.title().as_bytes()) {
        headers.insert("Title", title);
    }
    headers.insert("Priority", HeaderValue::from_static(priority));
    headers.insert("Tags", HeaderValue::from_static(tag));
    headers
}

async fn run(command: &str, notice: &Notice) -> Result<(), String> {
    let json = serde_json::to_string(notice).map_err(|e| e.to_string())?;
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", command])
        .env("ONDECK_KIND", notice.kind.word())
        .env("ONDECK_HOST_NAME", &notice.host)
        .env("ONDECK_NAME", &notice.name)
        .env("ONDECK_STACK", notice.stack.as_deref().unwrap_or_default())
        .env("ONDECK_LEVEL", notice.level.word())
        .env("ONDECK_CODE", notice.code.as_deref().unwrap_or_default())
        .env("ONDECK_TITLE", notice.title())
        .env("ONDECK_TEXT", notice.text())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| e.to_string())?;
    let (input, said) = (child.stdin.take(), child.stderr.take());
    let write = async {
        if let Some(mut input) = input {
            // A command need not read it.
            let _ = input.write_all(format!("{json}\n").as_bytes()).await;
        }
    };
    let read = async {
        let mut text = Vec::new();
        if let Some(mut said) = said {
            // Its complaint is worth having, and not worth failing for. The rest is read so that it can go on.
            let _ = (&mut said).take(4096).read_to_end(&mut text).await;
            let _ = tokio::io::copy(&mut said, &mut tokio::io::sink()).await;
        }
        text
    };
    let (status, (), said) = tokio::join!(child.wait(), write, read);
    let status = status.map_err(|e| e.to_string())?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    let said = fit(said.lines().next_back().unwrap_or_default(), 200).into_owned();
    Err(if said.is_empty() { status.to_string() } else { format!("{status}: {said}") })
}

/// The innermost reason, without the address.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut inner: &dyn std::error::Error = &error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

async fn client(url: &str) -> Result<Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots().await)
        .with_no_client_auth();
    let host = url.split("://").nth(1).unwrap_or_default();
    // A redirect would take the token along to somebody else.
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(PATIENCE)
        .user_agent(concat!("ondeck/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls);
    let own = ["localhost", "127.", "[::1]"].iter().any(|own| host.starts_with(own));
    let builder = if own { builder.no_proxy() } else { builder };
    builder.build().map_err(reason)
}
