//! The JSON Schema of manifests, made of the types that read them.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::form::Form;

/// The schema of `lab.yaml`. A kind of check is its name, what it looks at, and the schema of its fields.
pub fn schema<'a>(kinds: impl IntoIterator<Item = (&'a str, &'a str, Value)>) -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Form>().to_value();
    let common: Map<String, Value> = schema
        .pointer("/definitions/Check/properties")
        .and_then(Value::as_object)
        .map(|fields| fields.keys().map(|name| (name.clone(), Value::Bool(true))).collect())
        .unwrap_or_default();
    let (mut names, mut about, mut cases, mut definitions) = (Vec::new(), Vec::new(), Vec::new(), Map::new());
    for (name, words, mut fields) in kinds {
        names.push(Value::from(name));
        about.push(Value::from(words));
        let own = fields.as_object_mut().and_then(|fields| fields.remove("definitions"));
        if let Some(Value::Object(own)) = own {
            for (inner, mut definition) in own {
                rename(&mut definition, name);
                definitions.insert(format!("{name}.{inner}"), definition);
            }
        }
        rename(&mut fields, name);
        let mut properties = common.clone();
        if let Some(Value::Object(own)) = fields.get("properties").cloned() {
            properties.extend(own);
        }
        cases.push(json!({
            "if": { "properties": { "kind": { "const": name } } },
            "then": {
                "description": words,
                "properties": properties,
                "required": fields.get("required").cloned().unwrap_or_else(|| json!([])),
                "additionalProperties": false,
            },
        }));
    }
    if let Some(Value::Object(check)) = schema.pointer_mut("/definitions/Check") {
        if let Some(Value::Object(kind)) = check.get_mut("properties").and_then(|fields| fields.get_mut("kind")) {
            kind.insert("enum".to_owned(), names.into());
            kind.insert("enumDescriptions".to_owned(), about.into());
        }
        check.insert("allOf".to_owned(), cases.into());
    }
    if let Some(Value::Object(all)) = schema.get_mut("definitions") {
        all.extend(definitions);
    }
    schema
}

/// Makes references to a kind's own definitions lead to where those are put.
fn rename(value: &mut Value, kind: &str) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(to)) = map.get_mut("$ref")
                && let Some(name) = to.strip_prefix("#/definitions/")
            {
                *to = format!("#/definitions/{kind}.{name}");
            }
            map.values_mut().for_each(|value| rename(value, kind));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename(value, kind)),
        _ => {}
    }
}
