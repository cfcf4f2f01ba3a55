//! A YAML file read with all its errors at once.
//!
//! Deserializing stops at the first error. Here the text becomes a tree of values with their places first; from that
//! types are read, and whatever is wrong is told where it is and left out: a [`Part`] that could not be read is
//! nothing, and the rest is read all the same.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::explain::{kind_of, one_of};
use super::source::{ConfigError, Entries, Place, Source, quoted, suggestion};

/// The name by which [`At`] asks for its place.
const AT: &str = "$at";
/// The name of a field for all that has no field of its own.
const REST: &str = "...";

/// Something that is nothing when it could not be read; that is told then.
#[derive(Debug, Clone)]
pub(crate) struct Part<T>(pub(crate) Option<T>);

/// Something and its place.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    /// What stands there.
    pub(crate) value: T,
    /// Where.
    pub(crate) place: Place,
}

/// Fields that are somebody else's to read, with the places of all that is in them: `expect`, `expect.status`,
/// `paths.0`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rest {
    /// The fields.
    pub(crate) fields: Map<String, Value>,
    /// Where they stand.
    pub(crate) places: BTreeMap<String, Place>,
}

impl Source {
    /// Reads the text as a `T`, as far as it can be read, and tells all that is wrong.
    pub(crate) fn read_all<T: DeserializeOwned>(&self) -> (Option<T>, Vec<ConfigError>) {
        let node = match self.parse::<Spanned<Raw>>() {
            Ok(raw) => Node::of(self, raw),
            Err(error) => return (None, vec![error]),
        };
        let told = Told { source: self, errors: RefCell::default() };
        let read = T::deserialize(Reader { node: &node, told: &told }).ok();
        let mut errors = told.errors.into_inner();
        errors.sort_by_key(|error| error.place.map(|place| (place.line, place.column)));
        (read, errors)
    }

    /// All that stands in the text, whatever it is for and however it is joined; nothing when it is no YAML. Places are
    /// those of names, and of values in lists.
    pub(crate) fn anything(&self) -> Rest {
        let options = serde_yaml::options! { with_snippet: false };
        let Ok(raw) = serde_yaml::from_str_with_options::<Spanned<Raw>>(self.text(), options) else {
            return Rest::default();
        };
        let node = Node::of(self, raw);
        let told = Told { source: self, errors: RefCell::default() };
        let mut rest = Rest::deserialize(Reader { node: &node, told: &told }).unwrap_or_default();
        node.names("", &mut rest.places);
        rest
    }
}

/// A value as the YAML reader gives it.
enum Raw {
    Nothing,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Group(Entries<Spanned<Raw>>),
}

/// A value with its place, and as it is written where it is no text: `1.10` is no number in a version.
struct Node {
    place: Place,
    written: String,
    is: Is,
}

enum Is {
    Nothing,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Group(Vec<(String, Place, Node)>),
}

impl Node {
    fn of(source: &Source, raw: Spanned<Raw>) -> Self {
        let nodes = |list: Vec<Spanned<Raw>>| list.into_iter().map(|raw| Self::of(source, raw)).collect();
        let is = match raw.value {
            Raw::Nothing => Is::Nothing,
            Raw::Bool(value) => Is::Bool(value),
            Raw::Signed(value) => Is::Signed(value),
            Raw::Unsigned(value) => Is::Unsigned(value),
            Raw::Float(value) => Is::Float(value),
            Raw::Text(value) => Is::Text(value),
            Raw::List(list) => Is::List(nodes(list)),
            Raw::Group(entries) => {
                let entry =
                    |(key, raw): (Spanned<String>, _)| (key.value, key.referenced.into(), Self::of(source, raw));
                Is::Group(entries.0.into_iter().map(entry).collect())
            }
        };
        let written = match is {
            Is::Bool(_) | Is::Signed(_) | Is::Unsigned(_) | Is::Float(_) => {
                source.written(raw.defined.into(), raw.defined.span().len() as usize)
            }
            _ => String::new(),
        };
        Self { place: raw.referenced.into(), written, is }
    }
}

impl Node {
    /// The places of names and of what is in lists.
    fn names(&self, path: &str, places: &mut BTreeMap<String, Place>) {
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match &self.is {
            Is::Group(entries) => {
                for (name, place, node) in entries {
                    places.insert(below(name), *place);
                    node.names(&below(name), places);
                }
            }
            Is::List(nodes) => {
                for (at, node) in nodes.iter().enumerate() {
                    places.insert(below(&at.to_string()), node.place);
                    node.names(&below(&at.to_string()), places);
                }
            }
            _ => {}
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawVisitor;

        impl<'de> Visitor<'de> for RawVisitor {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw, E> {
                Ok(Raw::Bool(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw, E> {
                Ok(Raw::Signed(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw, E> {
                Ok(Raw::Unsigned(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Raw, E> {
                Ok(Raw::Float(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw, E> {
                Ok(Raw::Text(value.to_owned()))
            }

            fn visit_string<E: de::Error>(self, value: String) -> Result<Raw, E> {
                Ok(Raw::Text(value))
            }

            fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
                Ok(Raw::Nothing)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
                Ok(Raw::Nothing)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    list.push(item);
                }
                Ok(Raw::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Raw, A::Error> {
                Entries::deserialize(de::value::MapAccessDeserializer::new(map)).map(Raw::Group)
            }
        }

        deserializer.deserialize_any(RawVisitor)
    }
}

/// What was told so far.
struct Told<'a> {
    source: &'a Source,
    errors: RefCell<Vec<ConfigError>>,
}

/// Why something could not be read.
#[derive(Debug)]
enum Fault {
    /// It was told already.
    Told,
    /// A message, and a hint in a second line.
    Says(String),
    /// Something else was expected.
    Expected(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Told => Ok(()),
            Self::Says(text) | Self::Expected(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Says(message.to_string())
    }

    fn invalid_type(_: Unexpected, expected: &dyn Expected) -> Self {
        Self::Expected(kind_of(&expected.to_string()).to_owned())
    }

    fn invalid_value(_: Unexpected, expected: &dyn Expected) -> Self {
        Self::Expected(kind_of(&expected.to_string()).to_owned())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let near = suggestion(variant, expected.iter().copied());
        let hint = if near.starts_with("did") { near.as_str() } else { "" };
        Self::Says(format!("found {}, expected {}\n{hint}", quoted(variant), one_of(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Says(format!("`{field}` is missing here\nadd `{field}:` with its value"))
    }
}

impl Told<'_> {
    /// Tells what is wrong with a place, once.
    fn tell(&self, place: Place, fault: Fault) -> Fault {
        let (message, hint) = match fault {
            Fault::Told => return Fault::Told,
            Fault::Says(text) => {
                let (message, hint) = text.split_once('\n').unwrap_or((&text, ""));
                (message.to_owned(), hint.to_owned())
            }
            Fault::Expected(what) => {
                let found = self.source.found(place);
                let hint = if found == "nothing" { "write a value after the `:`, or remove the line" } else { "" };
                (format!("found {found}, expected {what}"), hint.to_owned())
            }
        };
        self.errors.borrow_mut().push(self.source.error(place, message, hint));
        Fault::Told
    }
}

/// Reads from a node.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    told: &'a Told<'a>,
}

impl<'a> Reader<'a> {
    fn at(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    fn tell<T>(self, read: Result<T, Fault>) -> Result<T, Fault> {
        read.map_err(|fault| self.told.tell(self.node.place, fault))
    }

    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.is {
            Is::Nothing => visitor.visit_unit(),
            Is::Bool(value) => visitor.visit_bool(*value),
            Is::Signed(value) => visitor.visit_i64(*value),
            Is::Unsigned(value) => visitor.visit_u64(*value),
            Is::Float(value) if value.is_finite() => visitor.visit_f64(*value),
            Is::Float(_) => Err(Fault::Expected("a number that ends".to_owned())),
            Is::Text(value) => visitor.visit_str(value),
            Is::List(nodes) => visitor.visit_seq(Items { reader: self, nodes: nodes.iter() }),
            Is::Group(entries) => visitor.visit_map(Group { reader: self, entries: entries.iter(), value: None }),
        }
    }

    fn structure<'de, V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let Is::Group(entries) = &self.node.is else {
            return Err(Fault::Expected(kind_of("mapping start").to_owned()));
        };
        let is_field = |name: &str| name != REST && fields.contains(&name);
        let (known, others): (Vec<_>, Vec<_>) = entries.iter().partition(|(name, ..)| is_field(name));
        if fields.contains(&REST) {
            return visitor.visit_map(Split {
                reader: self,
                known: known.into_iter(),
                value: None,
                rest: Some(others),
            });
        }
        for (name, place, _) in others {
            let message = format!("found {}, expected the name of a setting", quoted(name));
            self.told.tell(*place, Fault::Says(format!("{message}\n{}", suggestion(name, fields.iter().copied()))));
        }
        visitor.visit_map(Group { reader: self, entries: known.into_iter(), value: None })
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.tell(self.any(visitor))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.tell(match &self.node.is {
            Is::Bool(_) | Is::Signed(_) | Is::Unsigned(_) | Is::Float(_) => visitor.visit_str(&self.node.written),
            _ => self.any(visitor),
        })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if matches!(self.node.is, Is::Nothing) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.tell(visitor.visit_newtype_struct(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == AT {
            return visitor.visit_map(Placed { reader: self, next: 0 });
        }
        self.tell(self.structure(fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let text = match &self.node.is {
            Is::Text(text) => text,
            Is::Bool(_) | Is::Signed(_) | Is::Unsigned(_) | Is::Float(_) => &self.node.written,
            _ => return self.tell(Err(Fault::Expected(one_of(variants)))),
        };
        self.tell(visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(text.as_str())))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// The values of a list.
struct Items<'a> {
    reader: Reader<'a>,
    nodes: std::slice::Iter<'a, Node>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.nodes.next() else { return Ok(None) };
        let reader = self.reader.at(node);
        reader.tell(seed.deserialize(reader)).map(Some)
    }
}

/// The entries of a group.
struct Group<'a, I> {
    reader: Reader<'a>,
    entries: I,
    value: Option<&'a Node>,
}

/// A key with its place, for maps whose keys are [`At`].
struct Key<'a> {
    reader: Reader<'a>,
    node: Node,
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        Reader { node: &self.node, told: self.reader.told }.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        Reader { node: &self.node, told: self.reader.told }.deserialize_struct(name, fields, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf str string option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn key<'a>(reader: Reader<'a>, name: &str, place: Place) -> Key<'a> {
    Key { reader, node: Node { place, written: String::new(), is: Is::Text(name.to_owned()) } }
}

impl<'a, 'de, I: Iterator<Item = &'a (String, Place, Node)>> MapAccess<'de> for Group<'a, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, place, node)) = self.entries.next() else { return Ok(None) };
        self.value = Some(node);
        seed.deserialize(key(self.reader, name, *place)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let reader = self.reader.at(self.value.take().ok_or(Fault::Told)?);
        reader.tell(seed.deserialize(reader))
    }
}

/// The fields of a group that are known, and all others as one field.
struct Split<'a> {
    reader: Reader<'a>,
    known: std::vec::IntoIter<&'a (String, Place, Node)>,
    value: Option<&'a Node>,
    rest: Option<Vec<&'a (String, Place, Node)>>,
}

impl<'de> MapAccess<'de> for Split<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if let Some((name, place, node)) = self.known.next() {
            self.value = Some(node);
            return seed.deserialize(key(self.reader, name, *place)).map(Some);
        }
        if self.rest.is_some() { seed.deserialize(REST.into_deserializer()).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match (self.value.take(), self.rest.take()) {
            (Some(node), rest) => {
                self.rest = rest;
                let reader = self.reader.at(node);
                reader.tell(seed.deserialize(reader))
            }
            (None, Some(rest)) => seed.deserialize(de::value::MapAccessDeserializer::new(Group {
                reader: self.reader,
                entries: rest.into_iter(),
                value: None,
            })),
            (None, None) => Err(Fault::Told),
        }
    }
}

/// A value with its place, as [`At`] reads it.
struct Placed<'a> {
    reader: Reader<'a>,
    next: usize,
}

impl<'de> MapAccess<'de> for Placed<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let name = ["line", "column", "value"].get(self.next);
        self.next += 1;
        name.map(|name| seed.deserialize((*name).into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let place = self.reader.node.place;
        match self.next {
            1 => seed.deserialize((place.line as u64).into_deserializer()),
            2 => seed.deserialize((place.column as u64).into_deserializer()),
            _ => self.reader.tell(seed.deserialize(self.reader)),
        }
    }
}

impl<T: Default> Default for Part<T> {
    fn default() -> Self {
        Self(Some(T::default()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for PartVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
                T::deserialize(deserializer)
            }
        }

        // The reader tells what goes wrong in such a thing, and an error that was told says nothing any more. Others
        // (of a field that is missing) are for whoever holds this.
        match deserializer.deserialize_newtype_struct("$part", PartVisitor(std::marker::PhantomData)) {
            Ok(value) => Ok(Self(Some(value))),
            Err(error) if error.to_string().is_empty() => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AtVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<At<T>, A::Error> {
                let (mut place, mut value) = (Place { line: 0, column: 0 }, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "line" => place.line = map.next_value()?,
                        "column" => place.column = map.next_value()?,
                        _ => value = Some(map.next_value()?),
                    }
                }
                let value = value.ok_or_else(|| de::Error::missing_field("value"))?;
                Ok(At { value, place })
            }
        }

        deserializer.deserialize_struct(AT, &["line", "column", "value"], AtVisitor(std::marker::PhantomData))
    }
}

/// The entries of a group in the order of the file, with the places of their names.
#[derive(Debug, Clone)]
pub(crate) struct Named<V>(pub(crate) Vec<(At<String>, V)>);

impl<V> Default for Named<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Named<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamedVisitor<V>(std::marker::PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for NamedVisitor<V> {
            type Value = Named<V>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("settings, each `name: value`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }

        deserializer.deserialize_map(NamedVisitor(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for Rest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Loose { value, places } = Loose::deserialize(deserializer)?;
        let fields = if let Value::Object(fields) = value { fields } else { Map::new() };
        Ok(Self { fields, places: places.into_iter().collect() })
    }
}

/// Any value, with the places of what is in it.
#[derive(Default)]
struct Loose {
    value: Value,
    places: Vec<(String, Place)>,
}

impl Loose {
    fn plain(value: impl Into<Value>) -> Self {
        Self { value: value.into(), places: Vec::new() }
    }

    /// Takes the places of something in it.
    fn take(&mut self, name: &str, place: Place, inner: Vec<(String, Place)>) {
        self.places.push((name.to_owned(), place));
        self.places.extend(inner.into_iter().map(|(path, place)| (format!("{name}.{path}"), place)));
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LooseVisitor;

        impl<'de> Visitor<'de> for LooseVisitor {
            type Value = Loose;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Loose, E> {
                Ok(Loose::plain(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Loose, E> {
                Ok(Loose::plain(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Loose, E> {
                Ok(Loose::plain(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Loose, E> {
                Ok(Loose::plain(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Loose, E> {
                Ok(Loose::plain(value))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Loose, E> {
                Ok(Loose::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
                let (mut all, mut list) = (Loose::default(), Vec::new());
                while let Some(At { value: Loose { value, places }, place }) = seq.next_element()? {
                    all.take(&list.len().to_string(), place, places);
                    list.push(value);
                }
                Ok(Loose { value: list.into(), ..all })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                let (mut all, mut fields) = (Loose::default(), Map::new());
                while let Some((name, At { value: Loose { value, places }, place })) =
                    map.next_entry::<String, At<Loose>>()?
                {
                    all.take(&name, place, places);
                    fields.insert(name, value);
                }
                Ok(Loose { value: fields.into(), ..all })
            }
        }

        deserializer.deserialize_any(LooseVisitor)
    }
}

/// In the form of a file, places and parts are what they hold.
macro_rules! as_what_it_holds {
    ($type:ident) => {
        impl<T: JsonSchema> JsonSchema for $type<T> {
            fn inline_schema() -> bool {
                T::inline_schema()
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                T::schema_name()
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                T::schema_id()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                T::json_schema(generator)
            }
        }
    };
}

as_what_it_holds!(Part);
as_what_it_holds!(At);

impl<V: JsonSchema> JsonSchema for Named<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Named{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <BTreeMap<String, V>>::json_schema(generator)
    }
}
