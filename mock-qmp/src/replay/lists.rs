// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers that list what comes and goes, as of another state.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::model::Model;
use super::relations::{Asked, Form, LISTS, List};
use super::text::{Kind, Renames, is_word, name_in};
use crate::json::Object;
use crate::schema::BUILTIN;

/// An answer, as JSON text, and the state in which it was given.
pub(super) type Given<'a> = (&'a str, &'a Model);

impl Asked {
    /// Whether a request is this one.
    pub(super) fn is(self, command: &str, arguments: &Object) -> bool {
        let argument = |name: &str| arguments.get(name).and_then(|value| value.as_str());
        match self {
            Self::Command(name) => command == name,
            Self::QomList(path) => command == "qom-list" && argument("path") == Some(path),
            Self::Line(line) => {
                let asked = argument("command-line").unwrap_or_default();
                command == BUILTIN && asked.split_whitespace().eq(line.split_whitespace())
            }
            Self::LineAbout(line) => {
                let asked = argument("command-line").unwrap_or_default();
                let mut words = asked.split_whitespace();
                let more = words.next_back().is_some_and(|word| !word.starts_with('-'));
                command == BUILTIN && more && words.eq(line.split_whitespace())
            }
        }
    }
}

/// What the answer to a request lists.
pub(super) fn lists(command: &str, arguments: &Object) -> Vec<&'static List> {
    let rows = LISTS.iter();
    rows.filter(|list| list.of.is(command, arguments)).collect()
}

impl List {
    /// Whether the same is listed in two states, whatever clients call it.
    pub(super) fn is_alike(&self, one: &Model, other: &Model) -> bool {
        let recorded = |model: &Model| -> BTreeSet<String> {
            let things = model.things(self.kind);
            things.map(|(_, recorded)| recorded.to_owned()).collect()
        };
        recorded(one) == recorded(other) && one.gone(self.kind).eq(other.gone(self.kind))
    }

    /// Whether an answer lists something of this name, in JSON.
    pub(super) fn names(&self, answer: &str, name: &str) -> bool {
        if !matches!(self.form, Form::Array(..)) || !answer.contains(name) {
            return false;
        }
        let mut answer = serde_json::from_str(answer).unwrap_or_default();
        !Arrays::of(self.form, &mut answer).take(&[name]).is_empty()
    }

    /// Makes an answer that was given in the state `then` one of the state `now`. What it does not
    /// hold is taken from other answers to the same request.
    pub(super) fn put_right(
        &self,
        answer: &mut Value,
        then: &Model,
        now: &Model,
        others: &[Given<'_>],
    ) {
        if then == now {
            return;
        }
        let there = then.things(self.kind).map(|(_, recorded)| recorded);
        let unwanted: Vec<&str> = there.chain(now.gone(self.kind)).collect();
        let is_back = |name: &&str| !now.gone(self.kind).any(|gone| gone == *name);
        let back: Vec<&str> = then.gone(self.kind).filter(is_back).collect();
        let listed = |then: &Model, name: &str| match back.contains(&name) {
            true => !then.gone(self.kind).any(|gone| gone == name),
            false => then.things(self.kind).any(|(_, recorded)| recorded == name),
        };
        let mut known: HashMap<&str, Vec<Element>> = HashMap::new();
        let of_others = |name: &str| {
            let others = others.iter().filter(|(_, then)| listed(then, name));
            let mut elements = others.map(|(text, _)| {
                let mut other = serde_json::from_str(text).unwrap_or_default();
                Arrays::of(self.form, &mut other).take(&[name])
            });
            elements.find(|elements| !elements.is_empty())
        };
        let mut arrays = Arrays::of(self.form, answer);
        let own = arrays.take(&unwanted);
        let wanted = now.things(self.kind);
        for (sent, recorded) in wanted.chain(back.iter().map(|name| (*name, *name))) {
            let of_own = own.iter().filter(|element| element.name == recorded);
            let mut elements: Vec<Element> = of_own.cloned().collect();
            if elements.is_empty() {
                let found = known
                    .entry(recorded)
                    .or_insert_with(|| of_others(recorded).unwrap_or_default());
                elements.clone_from(found);
            }
            for element in elements {
                arrays.put(element.named(recorded, sent, self.form));
            }
        }
        arrays.write(answer);
    }
}

/// Where an array is: the element of the answer that it is in, by name, and the pointer from there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    of: Option<String>,
    pointer: String,
}

/// An element that is listed.
#[derive(Debug, Clone)]
struct Element {
    array: Place,
    position: usize,
    name: String,
    value: Value,
}

impl Element {
    fn named(mut self, recorded: &str, sent: &str, form: Form) -> Self {
        if recorded != sent {
            let kind = match form {
                Form::Array(..) => Kind::Data,
                Form::Text => Kind::Prose,
            };
            let renames = Renames::new([(recorded, sent)].into_iter());
            let text = renames.in_text(&self.value.to_string(), kind);
            if let Ok(value) = serde_json::from_str(&text) {
                self.value = value;
            }
        }
        self
    }
}

/// An element of an array with its position there, and whether it was put there.
type Placed = (usize, bool, Value);

/// The arrays of an answer that list.
struct Arrays {
    form: Form,
    arrays: Vec<(Place, Vec<Placed>)>,
}

impl Arrays {
    /// Takes them out of the answer.
    fn of(form: Form, answer: &mut Value) -> Self {
        let mut arrays = Vec::new();
        let placed = |array: Vec<Value>| -> Vec<Placed> {
            let array = array.into_iter().enumerate();
            array.map(|(at, value)| (at, false, value)).collect()
        };
        match form {
            Form::Array("", _) => {
                if let Value::Array(array) = answer {
                    arrays.push((Place::default(), placed(std::mem::take(array))));
                }
            }
            Form::Array(name, _) => {
                for (number, element) in answer.as_array_mut().into_iter().flatten().enumerate() {
                    let of = identity(element).unwrap_or_else(|| number.to_string());
                    take_arrays(name, element, "", &mut |pointer, array| {
                        let place = Place {
                            of: Some(of.clone()),
                            pointer,
                        };
                        arrays.push((place, placed(array)));
                    });
                }
            }
            Form::Text => {
                let text = text_of(answer).map(|text| placed(paragraphs(text)));
                arrays.extend(text.map(|text| (Place::default(), text)));
            }
        }
        Self { form, arrays }
    }

    /// Takes out the elements of these names.
    fn take(&mut self, names: &[&str]) -> Vec<Element> {
        let mut taken: Vec<Element> = Vec::new();
        for (place, elements) in &mut self.arrays {
            let mut last: Option<(String, Value)> = None;
            elements.retain(|(position, _, value)| {
                let named = names.iter().find(|name| is_named(self.form, value, name));
                let of_last = || {
                    let (name, parent) = last.as_ref()?;
                    is_child(parent, value).then(|| name.clone())
                };
                let name = named.map(|name| (*name).to_owned()).or_else(of_last);
                last = name.clone().map(|name| (name, value.clone()));
                taken.extend(name.clone().map(|name| Element {
                    array: place.clone(),
                    position: *position,
                    name,
                    value: value.clone(),
                }));
                name.is_none()
            });
        }
        taken
    }

    /// Puts an element in its place: before what is there, after what was put there.
    fn put(&mut self, element: Element) {
        let known = self.arrays.iter().position(|(it, _)| *it == element.array);
        let array = known.unwrap_or_else(|| {
            self.arrays.push((element.array.clone(), Vec::new()));
            self.arrays.len() - 1
        });
        let elements = &mut self.arrays[array].1;
        let place = element.position;
        let at = elements.partition_point(|(position, is_new, _)| {
            *position < place || *position == place && *is_new
        });
        elements.insert(at, (place, true, element.value));
    }

    /// Puts the arrays back in their places.
    fn write(self, answer: &mut Value) {
        for (place, elements) in self.arrays {
            let elements = elements.into_iter().map(|(.., value)| value);
            match self.form {
                Form::Text => {
                    if let Some(text) = text_of(answer) {
                        *text = elements
                            .filter_map(|one| one.as_str().map(str::to_owned))
                            .collect();
                    }
                }
                Form::Array(..) => put_array(answer, &place, elements.collect()),
            }
        }
    }
}

/// What an element is known by among others of its answer.
fn identity(element: &Value) -> Option<String> {
    let members = ["node-name", "qdev", "device", "bus"];
    let mut values = members.iter().filter_map(|member| element.get(member));
    values.next().map(Value::to_string)
}

/// Whether a node was made for the one before it: it has no name of its own, and the same file.
fn is_child(parent: &Value, node: &Value) -> bool {
    let name = node.get("node-name").and_then(Value::as_str);
    let is_made_up = name.is_some_and(|name| name.starts_with('#'));
    let file = |node: &Value| node.get("file").cloned();
    is_made_up && file(parent).is_some() && file(parent) == file(node)
}

/// Takes out each array that is the value of a member of this name, with the pointer to it.
fn take_arrays(
    name: &str,
    value: &mut Value,
    pointer: &str,
    call: &mut dyn FnMut(String, Vec<Value>),
) {
    let Value::Object(members) = value else {
        return;
    };
    if let Some(Value::Array(array)) = members.get_mut(name) {
        call(
            format!("{pointer}/{}", escaped(name)),
            std::mem::take(array),
        );
    }
    for (member, value) in members {
        let pointer = format!("{pointer}/{}", escaped(member));
        take_arrays(name, value, &pointer, call);
    }
}

/// A member's name in a JSON pointer (RFC 6901).
fn escaped(member: &str) -> String {
    member.replace('~', "~0").replace('/', "~1")
}

/// Puts an array in its place, if what it is in is there. QAPI's lists in objects are optional: where
/// nothing is listed, there is none.
fn put_array(answer: &mut Value, place: &Place, array: Vec<Value>) {
    let Some(of) = &place.of else {
        if answer.is_array() {
            *answer = Value::Array(array);
        }
        return;
    };
    let mut elements = answer.as_array_mut().into_iter().flatten().enumerate();
    let owner = elements
        .find(|(number, element)| identity(element).unwrap_or_else(|| number.to_string()) == *of);
    let Some((object, member)) = place.pointer.rsplit_once('/') else {
        return;
    };
    let object = owner.and_then(|(_, owner)| owner.pointer_mut(object));
    let is_optional = member == "snapshots";
    if let Some(Value::Object(members)) = object {
        if array.is_empty() && is_optional {
            members.shift_remove(member);
        } else {
            members.insert(member.to_owned(), Value::Array(array));
        }
    }
}

/// The text for people of an answer.
fn text_of(answer: &mut Value) -> Option<&mut String> {
    let text = match answer {
        Value::Object(members) => members.get_mut("human-readable-text")?,
        other => other,
    };
    match text {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Text cut where a line is indented as little as its least indented one.
fn paragraphs(text: &str) -> Vec<Value> {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let lines = || text.split_inclusive('\n');
    let is_blank = |line: &str| line.trim().is_empty();
    let least = lines().filter(|line| !is_blank(line)).map(indent).min();
    let mut all: Vec<String> = Vec::new();
    for line in lines() {
        let starts = !is_blank(line) && Some(indent(line)) == least;
        match all.last_mut().filter(|_| !starts) {
            Some(last) => last.push_str(line),
            None => all.push(line.to_owned()),
        }
    }
    all.into_iter().map(Value::String).collect()
}

fn is_named(form: Form, element: &Value, name: &str) -> bool {
    match form {
        Form::Array(_, member) => element
            .get(member)
            .and_then(Value::as_str)
            .is_some_and(|it| it == name || name_in(it).is_some_and(|(_, inner)| inner == name)),
        Form::Text => element.as_str().is_some_and(|text| is_word(text, name)),
    }
}
