// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers in blocks whose order says nothing: QEMU walks a hash table that is keyed by where
//! objects lie in its memory (system/memory.c, `mtree_info_as`), so that two QEMUs started alike
//! show them in two orders.

use std::borrow::Cow;

/// Commands that answer so. A block ends with an empty line.
const UNORDERED: &[&str] = &["info mtree"];

/// The blocks of a part of an answer in the order in which the built-in shows them. Blocks that it
/// does not have come last.
#[must_use]
pub fn as_in<'a>(command: &str, builtin: &str, ours: &'a str) -> Cow<'a, str> {
    if !UNORDERED.contains(&command) {
        return ours.into();
    }
    let mut theirs: Vec<Option<&str>> = blocks(builtin).into_iter().map(Some).collect();
    let mut placed: Vec<(usize, &str)> = Vec::new();
    for block in blocks(ours) {
        let head = block.lines().next();
        let is_same = |theirs: &Option<&str>| {
            theirs.is_some_and(|theirs| theirs.lines().any(|line| Some(line) == head))
        };
        // Two blocks may begin alike.
        let at = theirs.iter().position(is_same);
        if let Some(at) = at {
            theirs[at] = None;
        }
        placed.push((at.unwrap_or(usize::MAX), block));
    }
    placed.sort_by_key(|(at, _)| *at);
    placed
        .into_iter()
        .map(|(_, block)| block)
        .collect::<String>()
        .into()
}

fn blocks(text: &str) -> Vec<&str> {
    text.split_inclusive("\n\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_take_the_built_ins_order_and_lines_keep_theirs() {
        let builtin = "b\n 1\n 2\n\na\n 3\n\nb\n 4\n\n";
        let ordered = |ours| as_in("info mtree", builtin, ours).into_owned();
        assert_eq!(ordered("a\n 3\n\nb\n 1\n\n"), "b\n 1\n\na\n 3\n\n");
        assert_eq!(
            ordered("b\n 2\n 1\n\nb\n 4\n\na\n\n"),
            "b\n 2\n 1\n\na\n\nb\n 4\n\n"
        );
        assert_eq!(ordered("c\n\na\n 3\n\n"), "a\n 3\n\nc\n\n");
        assert_eq!(as_in("info pci", builtin, "a\n\nb\n\n"), "a\n\nb\n\n");
    }
}
