//! Asking an assistant: one request, its answer as it comes, and a reason for every way it can fail.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::config::{Config, Hints, Provider, Secrets};
use crate::text;

use super::filter::{Answer, Guard};
use super::limit::{Limited, Limits};
use super::redact::Redactor;
use super::wire::{self, Events, Prompt, Said};

/// How long nobody asks after the assistant was asked too often.
const REST: Duration = Duration::from_mins(1);
/// Before the one other try after trouble on its side.
const PAUSE: Duration = Duration::from_millis(400);
/// The most that is read of an answer, thoughts included.
const ANSWER: usize = 4 << 20;
/// The most that is read of an error's body.
const ERROR: usize = 64 << 10;

/// An assistant that can be asked. Clones share its limits: there is one for the whole process.
#[derive(Clone)]
pub struct Assistant {
    config: Arc<Hints>,
    secrets: Arc<Secrets>,
    key: Key,
    limits: Arc<Mutex<Limits>>,
    client: Arc<OnceCell<Client>>,
}

/// What the assistant is asked with.
#[derive(Clone)]
enum Key {
    /// It wants none.
    None,
    /// The variable that it should be in is not set.
    Missing(String),
    /// What is in it cannot be a key.
    Odd(String),
    /// The key; it shows itself nowhere.
    Given(HeaderValue),
}

impl fmt::Debug for Assistant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assistant").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Assistant {
    /// The assistant that the config names, with the key from this process's environment; `None` when it names none.
    pub fn of(config: &Config) -> Option<Self> {
        Self::new(&config.hints, &config.secrets, |name| std::env::var(name).ok())
    }

    /// The assistant that a config names; `variable` is the environment.
    pub fn new(config: &Hints, secrets: &Secrets, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        if config.provider == Provider::None {
            return None;
        }
        let key = match config.key_variable() {
            None => Key::None,
            Some(name) => match variable(name).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()) {
                None => Key::Missing(name.to_owned()),
                Some(key) => {
                    let header = if config.provider == Provider::Gemini { key } else { format!("Bearer {key}") };
                    match HeaderValue::from_str(&header) {
                        Ok(mut value) => {
                            value.set_sensitive(true);
                            Key::Given(value)
                        }
                        Err(_) => Key::Odd(name.to_owned()),
                    }
                }
            },
        };
        Some(Self {
            config: Arc::new(config.clone()),
            secrets: Arc::new(secrets.clone()),
            key,
            limits: Arc::new(Mutex::new(Limits::new(config.per_minute))),
            client: Arc::new(OnceCell::new()),
        })
    }

    /// The model that answers.
    pub fn model(&self) -> &str {
        self.config.model_name()
    }

    /// Why it cannot be asked at all, if that is so.
    pub fn trouble(&self) -> Option<String> {
        match &self.key {
            Key::Missing(name) => Some(format!("{name} is not set: no assistant is asked")),
            Key::Odd(name) => Some(format!("what is in {name} is no key: no assistant is asked")),
            Key::None | Key::Given(_) => None,
        }
    }

    /// Asks, and shows sentences of the answer as they come. The error says why there is none.
    pub(super) async fn ask(
        &self,
        session: &str,
        asked: impl FnOnce(&Secrets) -> (Prompt, Guard) + Send + 'static,
        show: impl Fn(String) + Send + Sync,
    ) -> Result<String, String> {
        if let Some(trouble) = self.trouble() {
            return Err(trouble);
        }
        self.take(session)?;
        let answer = async {
            let secrets = self.secrets.clone();
            // Looking through files is work: not where others wait for their turn.
            let asked = tokio::task::spawn_blocking(move || asked(&secrets)).await;
            let (prompt, guard) = asked.map_err(|e| format!("the question could not be put: {e}"))?;
            self.answer(&prompt, &guard, &show).await
        };
        let late = |_| Err(format!("the assistant did not answer within {}", self.config.timeout));
        tokio::time::timeout(self.config.timeout.0, answer).await.unwrap_or_else(late)
    }

    fn take(&self, session: &str) -> Result<(), String> {
        let taken = self.limits.lock().unwrap_or_else(PoisonError::into_inner).take(session, Instant::now());
        taken.map_err(|limited| {
            let seconds = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            match limited {
                Limited::Session(wait) => format!(
                    "{} questions a minute are enough; the assistant answers again in {} s",
                    self.config.per_minute,
                    seconds(wait)
                ),
                Limited::All(wait) => {
                    format!(
                        "all sessions together have asked often; the assistant answers again in {} s",
                        seconds(wait)
                    )
                }
                Limited::Closed(wait) => {
                    format!("the assistant was asked too often; it is asked again in {} s", seconds(wait))
                }
            }
        })
    }

    /// The whole answer, with one other try when the trouble is on the other side.
    async fn answer(
        &self,
        prompt: &Prompt,
        guard: &Guard,
        show: &(impl Fn(String) + Send + Sync),
    ) -> Result<String, String> {
        let client = self.client().await?;
        let mut response = self.send(&client, prompt).await?;
        if response.status().is_server_error() {
            tokio::time::sleep(PAUSE).await;
            response = self.send(&client, prompt).await?;
        }
        if response.status() != StatusCode::OK {
            return Err(self.failed(response).await);
        }
        self.read(response, guard, show).await
    }

    async fn send(&self, client: &Client, prompt: &Prompt) -> Result<Response, String> {
        let (path, body) = wire::request(self.config.provider, self.model(), prompt);
        let mut request = client.post(format!("{}{path}", self.config.address())).json(&body);
        if let Key::Given(key) = &self.key {
            let name = match self.config.provider {
                Provider::Gemini => HeaderName::from_static("x-goog-api-key"),
                Provider::OpenAi | Provider::None => AUTHORIZATION,
            };
            request = request.header(name, key.clone());
        }
        request.send().await.map_err(|error| self.unreachable(error))
    }

    /// Reads the answer's events, and shows what may be seen.
    async fn read(
        &self,
        mut response: Response,
        guard: &Guard,
        show: &(impl Fn(String) + Send + Sync),
    ) -> Result<String, String> {
        let garbage = |_| "what answered is no assistant: check `url` in the config".to_owned();
        let cut = || "the assistant's answer broke off".to_owned();
        let leaking = |_| "the assistant's answer gave too much away".to_owned();
        let pass = |text: String| {
            if !text.is_empty() {
                show(text);
            }
        };
        let mut events = Events::default();
        let mut answer = Answer::new(guard);
        let mut size = 0;
        let mut heard = false;
        let mut open = true;
        while open {
            let all = if let Some(bytes) = response.chunk().await.map_err(|error| self.broken(error))? {
                size += bytes.len();
                events.feed(&bytes).map_err(garbage)?
            } else {
                open = false;
                events.end().into_iter().collect()
            };
            for said in all.iter().map(|data| wire::read(self.config.provider, data)) {
                // A last event that cannot be read was not sent whole.
                let said = said.map_err(|e| if open || !heard { garbage(e) } else { cut() });
                for said in said? {
                    heard = true;
                    match said {
                        Said::Text(text) => pass(answer.feed(&text).map_err(leaking)?),
                        Said::Refused => return Err("the assistant refused to answer".to_owned()),
                        Said::Failed(status, message) => return Err(self.told(status, &message)),
                        Said::Done(cut) => {
                            pass(answer.end(cut).map_err(leaking)?);
                            return whole(&answer);
                        }
                    }
                }
            }
            if answer.is_full() {
                return whole(&answer);
            }
            if size > ANSWER {
                return Err("the assistant's answer has no end".to_owned());
            }
        }
        Err(if heard { cut() } else { garbage(wire::Garbage) })
    }

    /// Why a request was turned down.
    async fn failed(&self, mut response: Response) -> String {
        let status = response.status();
        let mut body = Vec::new();
        // The reason is worth having, and not worth failing for.
        while let Ok(Some(bytes)) = response.chunk().await {
            body.extend_from_slice(&bytes);
            if body.len() > ERROR {
                break;
            }
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        self.told(status.as_u16(), &wire::message(&body).unwrap_or_default())
    }

    /// What a status means here. Messages of the other side are shown where they help, never where they may name a key.
    fn told(&self, status: u16, message: &str) -> String {
        let variable = self.config.key_variable().unwrap_or("the key");
        let about_key = message.to_ascii_lowercase().replace('_', " ").contains("api key");
        let (model, message) = (text::clean(self.model()), self.harmless(message));
        let because = if message.is_empty() { String::new() } else { format!(": {message}") };
        match status {
            400 | 401 if about_key || status == 401 => match &self.key {
                Key::None => "the assistant wants a key: name its variable as `key_env` in the config".to_owned(),
                _ => format!("the assistant does not accept the key in {variable} ({status})"),
            },
            403 => format!("the assistant may not be used with the key in {variable} (403)"),
            404 => format!("the assistant knows no model {model} at this address (404){because}"),
            429 => {
                self.limits.lock().unwrap_or_else(PoisonError::into_inner).close(Instant::now(), REST);
                format!("the assistant is asked too often (429); it is asked again in {} s", REST.as_secs())
            }
            300..=399 => format!("the assistant is elsewhere ({status}): check `url` in the config"),
            500..=599 => format!("the assistant is in trouble ({status}){because}"),
            _ => format!("the assistant did not take the question ({status}){because}"),
        }
    }

    /// A message of the other side: short, clean, without the key.
    fn harmless(&self, message: &str) -> String {
        let message = if let Key::Given(key) = &self.key {
            let key = key.to_str().unwrap_or_default();
            message.replace(key.strip_prefix("Bearer ").unwrap_or(key), super::redact::REMOVED)
        } else {
            message.to_owned()
        };
        let message = Redactor::new(&self.secrets, &[]).text(&message);
        text::fit(&text::clean(message.lines().next().unwrap_or_default().trim()), 120).into_owned()
    }

    fn unreachable(&self, error: reqwest::Error) -> String {
        let host =
            self.config.address().split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        format!("the assistant at {} cannot be reached: {}", text::clean(host), self.harmless(&reason(error)))
    }

    fn broken(&self, error: reqwest::Error) -> String {
        format!("the assistant's answer broke off: {}", self.harmless(&reason(error)))
    }

    /// The client, made when it is first needed: reading the system's certificates takes a moment.
    async fn client(&self) -> Result<Client, String> {
        let address = self.config.address().to_owned();
        let client = self.client.get_or_try_init(|| async {
            let made = tokio::task::spawn_blocking(move || client(&address)).await;
            made.map_err(|e| e.to_string())?
        });
        client.await.cloned().map_err(|why| format!("the assistant cannot be asked: {}", self.harmless(&why)))
    }
}

/// An answer with something in it.
fn whole(answer: &Answer<'_>) -> Result<String, String> {
    match answer.text() {
        "" => Err("the assistant answered nothing".to_owned()),
        text => Ok(text.to_owned()),
    }
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

fn client(address: &str) -> Result<Client, String> {
    let plain = address.starts_with("http://");
    let host = address.split("://").nth(1).unwrap_or_default();
    // A redirect would take the key along to somebody else.
    let builder =
        Client::builder().redirect(redirect::Policy::none()).user_agent(concat!("ondeck/", env!("CARGO_PKG_VERSION")));
    let builder = if ["localhost", "127.", "[::1]"].iter().any(|own| host.starts_with(own)) {
        builder.no_proxy()
    } else {
        builder
    };
    let builder = if plain {
        // Without TLS the system's certificates are not needed; a machine may have none.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        builder.tls_backend_preconfigured(config)
    } else {
        // It asks for the process's provider. Another part of the program may have set one: any will do.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        builder
    };
    builder.build().map_err(reason)
}
