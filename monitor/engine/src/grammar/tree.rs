// SPDX-License-Identifier: GPL-2.0-or-later
//! Option strings before they have types: texts, nested by the dots in their keys.

/// An untyped value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// The texts given for one key, in order; several only where an option list repeats the key.
    Text(Vec<String>),
    /// Members, in the order of their first mention.
    Members(Members),
    /// Elements, by their numbers.
    List(Vec<Tree>),
}

/// Named values.
pub type Members = Vec<(String, Tree)>;

/// How many dots a key may have: more than any type of QEMU is deep in practice.
pub const MAX_DEPTH: usize = 64;

impl Tree {
    /// One text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(vec![text.into()])
    }

    /// The text that counts: the last one.
    #[must_use]
    pub fn last_text(&self) -> Option<&str> {
        match self {
            Self::Text(texts) => texts.last().map(String::as_str),
            Self::Members(_) | Self::List(_) => None,
        }
    }
}

/// The value of the member with that name.
#[must_use]
pub fn find<'a>(members: &'a Members, name: &str) -> Option<&'a Tree> {
    members.iter().find(|(n, _)| n == name).map(|(_, t)| t)
}

/// What becomes of texts given for a key before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// They stay, in front.
    Kept,
    /// They are replaced.
    Replaced,
}

/// Puts a text at its place below `members`; `fragments` are the parts of its key.
pub fn put(
    members: &mut Members,
    fragments: &[&str],
    text: &str,
    repeated: Repeated,
) -> Result<(), String> {
    if fragments.len() > MAX_DEPTH {
        let key = fragments.join(".");
        return Err(format!("Parameter '{key}' is too long"));
    }
    let inconsistent = |depth: usize| {
        format!(
            "Parameters '{}.*' used inconsistently",
            fragments[..depth].join(".")
        )
    };
    let mut here = members;
    for (i, fragment) in fragments.iter().enumerate() {
        let at = match here.iter().position(|(name, _)| name == fragment) {
            Some(at) => at,
            None => {
                here.push(((*fragment).to_owned(), Tree::Members(Members::new())));
                here.len() - 1
            }
        };
        let last = i + 1 == fragments.len();
        let slot = &mut here[at].1;
        match slot {
            Tree::Text(texts) if last => {
                if repeated == Repeated::Replaced {
                    texts.clear();
                }
                texts.push(text.to_owned());
                return Ok(());
            }
            Tree::Members(inner) if last && inner.is_empty() => {
                *slot = Tree::text(text);
                return Ok(());
            }
            Tree::Members(inner) if !last => here = inner,
            _ => return Err(inconsistent(i + 1)),
        }
    }
    Ok(())
}

/// Turns members that are all numbered into lists; `path` is what leads here, with a dot behind it.
pub fn listed(members: Members, path: &str) -> Result<Members, String> {
    members
        .into_iter()
        .map(|(name, tree)| {
            let tree = match tree {
                Tree::Members(inner) => list(inner, &format!("{path}{name}."))?,
                other => other,
            };
            Ok((name, tree))
        })
        .collect()
}

fn list(members: Members, path: &str) -> Result<Tree, String> {
    let mut members = listed(members, path)?;
    let index = |name: &str| {
        let digits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| name.parse::<usize>().unwrap_or(usize::MAX))
    };
    let numbered = members.iter().filter(|(n, _)| index(n).is_some()).count();
    if numbered == 0 {
        return Ok(Tree::Members(members));
    }
    if numbered < members.len() {
        return Err(format!("Parameters '{path}*' used inconsistently"));
    }
    members.sort_by_key(|(name, _)| index(name));
    for (expected, (name, _)) in members.iter().enumerate() {
        if index(name) != Some(expected) {
            return Err(format!("Parameter '{path}{expected}' missing"));
        }
    }
    Ok(Tree::List(members.into_iter().map(|(_, t)| t).collect()))
}
