// SPDX-License-Identifier: GPL-2.0-or-later
//! Random prefixes of lines to press TAB on: every command's arguments, cut in words that could be
//! meant, and in others.

use hmp_engine::command::row::{Command, Comp};
use hmp_engine::engine::Monitor;

/// How many candidates a prefix may have at most: longer lists are all alike, and slow to compare.
const FEW: usize = 120;

/// Words that are nobody's candidates.
const WRONG: &[&str] = &["zz", "-", "0", "%", "a,b", "/", "\"", "\"x"];

/// Beginnings of names of files in the VM's directory, see completions.toml.
const PLACES: &[&str] = &[
    "{dir}/fc/",
    "{dir}/fc/al",
    "{dir}/fc/sub",
    "{dir}/fc/b",
    "{dir}/fc/zz",
];

/// `count` prefixes for the VM that `monitor` is on; the same seed gives the same ones there.
pub async fn generated(monitor: &mut Monitor, seed: u64, count: usize) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let rows = monitor.rows();
    let info = rows.info.iter().map(|row| ("info ", *row));
    let rows: Vec<_> = rows.main.iter().map(|row| ("", *row)).chain(info).collect();
    let mut found: Vec<String> = Vec::new();
    // Rows without arguments have little to try.
    let mut left = count * 50;
    while found.len() < count && left > 0 {
        left -= 1;
        let (table, row) = rows[random.usize(..rows.len())];
        let Some(prefix) = prefix(monitor, table, row, &mut random).await else {
            continue;
        };
        if !found.contains(&prefix) {
            found.push(prefix);
        }
    }
    found
}

async fn prefix(
    monitor: &mut Monitor,
    table: &str,
    row: &Command,
    random: &mut fastrand::Rng,
) -> Option<String> {
    let names: Vec<&str> = row.names().collect();
    let name = names[random.usize(..names.len())];
    let help = if random.u32(..12) == 0 { "help " } else { "" };
    let mut line = format!("{help}{table}{name}");
    if random.u32(..8) == 0 {
        return Some(cut(&line, random).to_owned());
    }
    let arguments = row.args.split(',').filter(|a| !a.is_empty()).count();
    // The word behind the last argument is one that nothing completes.
    for at in 0..=arguments.min(3) {
        line.push(' ');
        let words = monitor.complete(&line, line.len()).await;
        if words.candidates.len() > FEW {
            return None;
        }
        let is_last = random.bool() || at == arguments.min(3);
        // Many arguments complete to nothing: most of those would only repeat that.
        if is_last && words.argument == Comp::Nothing && random.u32(..6) > 0 {
            return None;
        }
        let word = match words.candidates.len() {
            _ if words.files => PLACES[random.usize(..PLACES.len())].to_owned(),
            0 => WRONG[random.usize(..WRONG.len())].to_owned(),
            _ if random.u32(..8) == 0 => WRONG[random.usize(..WRONG.len())].to_owned(),
            all => words.candidates[random.usize(..all)].clone(),
        };
        let whole = words.files || !is_last;
        let word = if whole { &word } else { cut(&word, random) };
        line.push_str(word);
        if is_last {
            break;
        }
    }
    Some(line)
}

/// The first characters of a word: some, none or all.
fn cut<'a>(word: &'a str, random: &mut fastrand::Rng) -> &'a str {
    let ends: Vec<usize> = word.char_indices().map(|(at, _)| at).collect();
    let end = random.usize(..=ends.len());
    &word[..ends.get(end).copied().unwrap_or(word.len())]
}
