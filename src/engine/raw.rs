//! Reading what engines send, whatever of it is missing, and making it harmless.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// `null` and absent alike become the default.
pub(super) fn lax<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(
    d: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// Structures of which any field may be absent or `null`, named in the given style.
macro_rules! raw {
    ($style:literal: $(struct $name:ident { $($field:ident $(= $rename:literal)?: $type:ty),* $(,)? })*) => {$(
        #[derive(::serde::Deserialize, Default)]
        #[serde(default, rename_all = $style)]
        struct $name {
            $(#[serde(deserialize_with = "crate::engine::raw::lax" $(, rename = $rename)?)] $field: $type,)*
        }
    )*};
}
pub(super) use raw;

pub(super) type Labels = BTreeMap<String, String>;

/// A copy without control characters.
pub(super) fn clean(text: &str) -> String {
    crate::text::clean(text).into_owned()
}

/// Labels without control characters.
pub(super) fn labels(raw: &Labels) -> Labels {
    raw.iter().map(|(k, v)| (clean(k), clean(v))).collect()
}

/// A time as engines write it; the year 1 and nothing are no time.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|t| t.as_second() > 0)
}

/// Seconds since 1970, or a time in words: podman and docker differ.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(n) => n.as_i64().filter(|n| *n > 0).and_then(|n| Timestamp::from_second(n).ok()),
        Value::String(s) => time(s),
        _ => None,
    }
}

/// A size or a count; where an engine does not know, it sends -1.
pub(super) fn count(n: i64) -> u64 {
    n.max(0).unsigned_abs()
}

/// An image's identifier with its algorithm, which podman leaves out.
pub(super) fn image_id(text: &str) -> String {
    let id = clean(text);
    if id.is_empty() || id.contains(':') { id } else { format!("sha256:{id}") }
}
