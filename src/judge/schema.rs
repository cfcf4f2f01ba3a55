//! The JSON Schema of `lab.yaml`: the form that labs have, with the fields of each kind of check.

use schemars::generate::SchemaSettings;

use super::checks::kinds;
use crate::labs;

/// The schema as text. `assets/lab.schema.json` is it; editors that know YAML complete and check manifests by it.
pub fn lab_schema() -> String {
    let kinds = kinds().iter().filter(|kind| !kind.name.starts_with("test."));
    // Editors read this draft best.
    let fields = |kind: &super::check::Kind| (kind.schema)(&mut SchemaSettings::draft07().into_generator()).to_value();
    let schema = labs::schema(kinds.map(|kind| (kind.name, kind.about, fields(kind))));
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    format!("{text}\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Where the schema is published.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/lab.schema.json");

    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let made = lab_schema();
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(FILE, &made).unwrap();
        }
        let published = std::fs::read_to_string(FILE).unwrap_or_default();
        // Without the text itself, which is long: the first line that differs says where to look.
        let differs = made.lines().zip(published.lines()).position(|(made, published)| made != published);
        assert!(
            made == published,
            "assets/lab.schema.json is out of date (line {}); UPDATE_SCHEMA=1 cargo test --lib published_schema writes it",
            differs.unwrap_or_default() + 1
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn look(value: &serde_json::Value, whole: &serde_json::Value) {
            if let Some(to) = value.get("$ref").and_then(|to| to.as_str()) {
                assert!(whole.pointer(to.trim_start_matches('#')).is_some(), "{to}");
            }
            match value {
                serde_json::Value::Array(list) => list.iter().for_each(|value| look(value, whole)),
                serde_json::Value::Object(map) => map.values().for_each(|value| look(value, whole)),
                _ => {}
            }
        }
        let schema: serde_json::Value = serde_json::from_str(&lab_schema()).unwrap();
        look(&schema, &schema);
        let kinds =
            schema.pointer("/definitions/Check/properties/kind/enum").and_then(|kinds| kinds.as_array()).unwrap();
        assert!(kinds.contains(&"file.exists".into()), "{kinds:?}");
    }
}
