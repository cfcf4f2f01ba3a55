//! The wire formats of assistants: requests, and answers as streams of events.

use serde_json::{Value, json};

use crate::config::Provider;

/// The longest line of an answer, in bytes.
const LINE: usize = 1 << 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt {
    /// What the assistant is to do.
    pub(super) system: String,
    /// About what.
    pub(super) user: String,
}

/// The address behind the base, and the body of a request.
pub(super) fn request(provider: Provider, model: &str, prompt: &Prompt) -> (String, Value) {
    match provider {
        Provider::Gemini => {
            let path = format!("/models/{}:streamGenerateContent?alt=sse", escaped(model));
            let body = json!({
                "systemInstruction": {"parts": [{"text": prompt.system}]},
                "contents": [{"role": "user", "parts": [{"text": prompt.user}]}],
                // What a model thinks counts, too; what is shown is capped elsewhere.
                "generationConfig": {"maxOutputTokens": 4096},
            });
            (path, body)
        }
        Provider::OpenAi | Provider::None => {
            let body = json!({
                "model": model,
                "stream": true,
                "messages": [
                    {"role": "system", "content": prompt.system},
                    {"role": "user", "content": prompt.user},
                ],
            });
            ("/chat/completions".to_owned(), body)
        }
    }
}

/// A model's name as a part of an address.
fn escaped(model: &str) -> String {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    model.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A stream of events, taken apart. Pieces may end anywhere, also within a character.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: String,
    after_return: bool,
}

/// It is no stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbage;

impl Events {
    /// Takes bytes; answers with the data of all events that are whole now.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<String>, Garbage> {
        let mut events = Vec::new();
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ if self.line.len() + self.data.len() >= LINE => return Err(Garbage),
                _ => self.line.push(*byte),
            }
        }
        Ok(events)
    }

    /// What is left when the stream ends: some servers leave the last empty line out.
    pub(super) fn end(&mut self) -> Option<String> {
        self.end_line().or_else(|| self.end_line())
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            return Some(std::mem::take(&mut self.data)).filter(|data| !data.is_empty());
        }
        // Comments keep the connection alive; other fields mean nothing here.
        if let Some(data) = line.strip_prefix("data:") {
            if !self.data.is_empty() {
                self.data.push('\n');
            }
            self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
        }
        None
    }
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// A piece of the answer.
    Text(String),
    /// It will not answer.
    Refused,
    /// That was all; true when it was cut at a limit of its own.
    Done(bool),
    /// Something went wrong on its side: status and message.
    Failed(u16, String),
}

/// Reads an event.
pub(super) fn read(provider: Provider, data: &str) -> Result<Vec<Said>, Garbage> {
    if data.trim() == "[DONE]" {
        return Ok(vec![Said::Done(false)]);
    }
    let event: Value = serde_json::from_str(data).map_err(|_| Garbage)?;
    if !event.is_object() {
        return Err(Garbage);
    }
    if let Some(failed) = failure(&event) {
        return Ok(vec![failed]);
    }
    Ok(match provider {
        Provider::Gemini => gemini(&event),
        Provider::OpenAi | Provider::None => openai(&event),
    })
}

/// What an API says of an error, in the body of an answer or in an event.
fn failure(event: &Value) -> Option<Said> {
    let error = event.get("error").filter(|e| !e.is_null())?;
    let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    Some(Said::Failed(status.unwrap_or(500), message(event).unwrap_or_default()))
}

/// The message in the body of an error.
pub(super) fn message(body: &Value) -> Option<String> {
    let error = match body {
        // Gemini gives a list where events were not asked for.
        Value::Array(all) => all.first()?.get("error")?,
        other => other.get("error")?,
    };
    error.get("message").unwrap_or(error).as_str().map(str::to_owned)
}

fn gemini(event: &Value) -> Vec<Said> {
    let mut said = Vec::new();
    if event.pointer("/promptFeedback/blockReason").is_some_and(|r| !r.is_null()) {
        return vec![Said::Refused];
    }
    let Some(candidate) = event.pointer("/candidates/0") else { return said };
    for part in candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten() {
        let thought = part.get("thought").and_then(Value::as_bool).unwrap_or(false);
        if let Some(text) = part.get("text").and_then(Value::as_str).filter(|_| !thought) {
            said.push(Said::Text(text.to_owned()));
        }
    }
    match candidate.get("finishReason").and_then(Value::as_str) {
        None => {}
        Some("STOP" | "FINISH_REASON_UNSPECIFIED") => said.push(Said::Done(false)),
        Some("MAX_TOKENS") => said.push(Said::Done(true)),
        Some(_) => said.push(Said::Refused),
    }
    said
}

fn openai(event: &Value) -> Vec<Said> {
    let mut said = Vec::new();
    let Some(choice) = event.pointer("/choices/0") else { return said };
    // Some servers do not stream, and send the whole message.
    for piece in ["delta", "message"].iter().filter_map(|name| choice.get(*name)) {
        if piece.get("refusal").and_then(Value::as_str).is_some_and(|r| !r.is_empty()) {
            return vec![Said::Refused];
        }
        if let Some(text) = piece.get("content").and_then(Value::as_str) {
            said.push(Said::Text(text.to_owned()));
        }
    }
    match choice.get("finish_reason").and_then(Value::as_str) {
        None => {}
        Some("content_filter") => said.push(Said::Refused),
        Some("length") => said.push(Said::Done(true)),
        Some(_) => said.push(Said::Done(false)),
    }
    said
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn events_in_any_pieces() {
        let stream =
            ": keep-alive\r\n\r\nevent: x\r\ndata: {\"a\":\"ä€\"}\r\n\r\ndata:one\ndata: two\n\n\ndata: [DONE]";
        for size in 1..12 {
            let mut events = Events::default();
            let mut all: Vec<String> = stream.as_bytes().chunks(size).flat_map(|b| events.feed(b).unwrap()).collect();
            all.extend(events.end());
            assert_eq!(all, ["{\"a\":\"ä€\"}", "one\ntwo", "[DONE]"], "{size}");
            assert_eq!(events.end(), None);
        }
        assert_eq!(Events::default().feed(&vec![b'x'; LINE + 1]), Err(Garbage));
        let many = b"data: x\n".repeat(LINE / 2);
        assert_eq!(Events::default().feed(&many), Err(Garbage));
    }

    #[test]
    fn what_apis_say() {
        let gemini = |data: &str| read(Provider::Gemini, data).unwrap();
        let text = |text: &str| Said::Text(text.to_owned());
        assert_eq!(
            gemini(
                r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"a"},{"text":"b"}]}}]}"#
            ),
            [text("a"), text("b")]
        );
        let end = |reason: &str| gemini(&format!(r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#));
        assert_eq!((end("STOP"), end("MAX_TOKENS")), (vec![Said::Done(false)], vec![Said::Done(true)]));
        assert_eq!((end("SAFETY"), end("RECITATION")), (vec![Said::Refused], vec![Said::Refused]));
        assert_eq!(gemini(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#), [Said::Refused]);
        assert_eq!(gemini(r#"{"usageMetadata":{}}"#), []);
        let failed = Said::Failed(429, "slow down".to_owned());
        assert_eq!(gemini(r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}"#), [failed]);

        let openai = |data: &str| read(Provider::OpenAi, data).unwrap();
        assert_eq!(
            openai(r#"{"choices":[{"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}"#),
            [text("a")]
        );
        assert_eq!(
            openai(r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#),
            [text("a"), Said::Done(false)]
        );
        assert_eq!(openai(r#"{"choices":[{"delta":{"refusal":"no"}}]}"#), [Said::Refused]);
        assert_eq!(openai(r#"{"choices":[],"usage":{}}"#), []);
        assert_eq!(openai("[DONE]"), [Said::Done(false)]);
        assert_eq!(openai(r#"{"error":"model not found"}"#), [Said::Failed(500, "model not found".to_owned())]);
        for garbage in ["", "<html>", "[1]", "3", "{"] {
            assert_eq!(read(Provider::OpenAi, garbage), Err(Garbage));
        }
    }

    #[test]
    fn a_models_name_does_not_leave_its_place() {
        let prompt = Prompt { system: String::new(), user: String::new() };
        let (path, _) = request(Provider::Gemini, "models/a?key=x/../b", &prompt);
        assert_eq!(path, "/models/a%3Fkey%3Dx%2F..%2Fb:streamGenerateContent?alt=sse");
    }
}
