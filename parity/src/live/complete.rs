//! Completion: the same prefixes with TAB on the real built-in monitor and on ours.
//!
//! Compared are the line after the first and after the second TAB, and the words listed, in their order. How a list is
//! laid out is the terminal's business on our side.

use std::path::Path;
use std::sync::Arc;

use monitor::engine::Monitor;
use monitor::host::{Unattended, files};
use monitor::qmp::Qmp;
use monitor::qmp::client::Client;
use monitor::route::Passthrough;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::case::{Case, CaseError};
use crate::judge::compare::Verdict;
use crate::judge::known::KnownList;
use crate::live::qemu::Qemu;
use crate::live::vm::{Vm, VmError, in_dir};

/// `parity/completions.toml`: a VM and the prefixes to complete on it. `{dir}` stands for the VM's own directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefixes {
    /// The VM; it has no steps.
    pub vm: Case,
    /// Files to make in the VM's directory; folders end in a slash.
    pub files: Vec<String>,
    /// Prefixes of lines.
    pub prefixes: Vec<String>,
    /// Prefixes with very long answers: recordings are made without them.
    pub long: Vec<String>,
}

/// What TAB did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tab {
    /// The line behind it.
    pub line: String,
    /// The words listed, in their order; empty where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<String>,
}

/// One prefix on one QEMU: a part of the JSON report, see docs/parity.md.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Completed {
    /// The QEMU's label.
    pub qemu: String,
    /// The prefix, with `{dir}` as in the list.
    pub prefix: String,
    /// `identical`, `known`, `different` or `not-run`.
    pub verdict: Verdict,
    /// What the built-in made of it with one TAB and with two.
    pub builtin: Vec<Tab>,
    /// What ours made of it.
    pub ours: Vec<Tab>,
    /// Why the verdict is what it is, where the answers do not show it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Completed {
    /// Whether nothing is different or left out.
    #[must_use]
    pub fn clean(&self) -> bool {
        matches!(self.verdict, Verdict::Identical | Verdict::Known)
    }

    /// What stands for it in `known.toml`: a line and a QEMU.
    #[must_use]
    pub fn known_line(&self) -> (String, String) {
        (format!("TAB {}", self.prefix), self.qemu.clone())
    }
}

impl Prefixes {
    /// Reads `completions.toml`.
    pub fn load(path: &Path) -> Result<Self, CaseError> {
        let text = std::fs::read_to_string(path).map_err(|e| CaseError::Io(path.to_owned(), e))?;
        toml::from_str(&text).map_err(|e| CaseError::Toml(path.to_owned(), Box::new(e)))
    }

    /// All prefixes.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.prefixes.iter().chain(&self.long)
    }

    /// Makes the files below `dir`.
    pub(crate) fn make_files(&self, dir: &Path) -> std::io::Result<()> {
        for file in &self.files {
            let path = dir.join(file);
            if file.ends_with('/') {
                std::fs::create_dir_all(path)?;
            } else {
                std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
                std::fs::write(path, "")?;
            }
        }
        Ok(())
    }
}

/// Completes `prefixes` on a VM of `list`, by both monitors. A prefix that could not be tried has an entry too.
pub async fn live(
    list: &Prefixes,
    prefixes: &[String],
    qemu: &Qemu,
    known: &mut KnownList,
) -> Vec<Completed> {
    let mut found = Vec::new();
    let failed = match try_live(list, prefixes, qemu, &mut found).await {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    };
    for prefix in &prefixes[found.len()..] {
        found.push(Completed {
            qemu: qemu.label(),
            prefix: prefix.clone(),
            verdict: Verdict::NotRun,
            builtin: Vec::new(),
            ours: Vec::new(),
            note: failed.clone(),
        });
    }
    excuse(&mut found, known);
    found
}

async fn try_live(
    list: &Prefixes,
    prefixes: &[String],
    qemu: &Qemu,
    found: &mut Vec<Completed>,
) -> Result<(), VmError> {
    let mut vm = Vm::start(&list.vm, qemu).await?;
    list.make_files(vm.dir())?;
    load_modules(&vm.qmp).await?;
    let mut monitor = monitor(vm.qmp.clone()).await?;
    for prefix in prefixes {
        let text = vm.fill(prefix);
        let builtin = vm.builtin.tab(&text).await?;
        let ours = ours(&mut monitor, &text).await;
        let dir = vm.dir().to_string_lossy().into_owned();
        found.push(judge(qemu.label(), prefix, builtin, ours, &dir));
    }
    vm.end().await;
    Ok(())
}

/// QEMU loads its modules when all types are asked for, which ours does and the built-in does not; what is known then
/// differs from a fresh VM's, for both.
pub(crate) async fn load_modules(qmp: &Client) -> Result<(), VmError> {
    let all = qmp.execute("qom-list-types", json!({})).await;
    all.map_err(|e| VmError::Failed(e.to_string()))?;
    Ok(())
}

pub(crate) async fn monitor(client: Client) -> Result<Monitor, VmError> {
    Monitor::builder(Arc::new(client))
        .host(Arc::new(Unattended))
        .passthrough(Passthrough::Never)
        .build()
        .await
        .map_err(|e| VmError::Failed(e.to_string()))
}

/// What our completion makes of a line with two TABs, the way `hmp`'s line editor does.
pub(crate) async fn ours(monitor: &mut Monitor, text: &str) -> [Tab; 2] {
    let first = tab(monitor, text).await;
    let second = tab(monitor, &first.line).await;
    [first, second]
}

async fn tab(monitor: &mut Monitor, text: &str) -> Tab {
    let completion = monitor.complete(text, text.len()).await;
    let (start, mut words) = (completion.start, completion.candidates);
    if completion.files {
        words.extend(files::complete(&text[start..]));
    }
    let (line, list) = inserted(text, start, words);
    Tab { line, list }
}

/// The line with what all words have in common, and the words where there are several. A word that stands alone is
/// finished, so a blank follows, unless it is a folder.
fn inserted(text: &str, start: usize, words: Vec<String>) -> (String, Vec<String>) {
    let Some(first) = words.first() else {
        return (text.to_owned(), words);
    };
    if let [word] = &words[..] {
        let blank = if word.ends_with('/') { "" } else { " " };
        return (format!("{}{word}{blank}", &text[..start]), Vec::new());
    }
    let mut common = first.as_str();
    while !words.iter().all(|word| word.starts_with(common)) {
        let (last, _) = common.char_indices().next_back().unwrap_or_default();
        common = &common[..last];
    }
    if common.len() > text.len() - start {
        (format!("{}{common}", &text[..start]), words)
    } else {
        (text.to_owned(), words)
    }
}

/// Compares; directories are shown as `{dir}`.
pub(crate) fn judge(
    qemu: String,
    prefix: &str,
    builtin: [Tab; 2],
    ours: [Tab; 2],
    dir: &str,
) -> Completed {
    let verdict = if builtin == ours {
        Verdict::Identical
    } else {
        Verdict::Different
    };
    let scrub = |tabs: [Tab; 2]| {
        let scrub = |text: String| text.replace(dir, "{dir}");
        let tabs = tabs.into_iter().map(|tab| Tab {
            line: scrub(tab.line),
            list: tab.list.into_iter().map(scrub).collect(),
        });
        tabs.collect()
    };
    Completed {
        qemu,
        prefix: prefix.to_owned(),
        verdict,
        builtin: scrub(builtin),
        ours: scrub(ours),
        note: String::new(),
    }
}

pub(crate) fn excuse(found: &mut [Completed], known: &mut KnownList) {
    for completed in found {
        if completed.verdict == Verdict::Different
            && let Some(reason) = known.meet(&completed.known_line().0, &completed.qemu)
        {
            completed.verdict = Verdict::Known;
            reason.clone_into(&mut completed.note);
        }
    }
}

/// The score for a terminal: what differs, then a line for each QEMU.
#[must_use]
pub fn render(found: &[Completed]) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let mut qemus: Vec<&str> = Vec::new();
    for completed in found {
        if !qemus.contains(&completed.qemu.as_str()) {
            qemus.push(&completed.qemu);
        }
        if completed.clean() {
            continue;
        }
        let (word, qemu) = (completed.verdict.word(), &completed.qemu);
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "{word:<11} {qemu:<14} {:?} {}",
            completed.prefix, completed.note
        );
        for (builtin, ours) in completed.builtin.iter().zip(&completed.ours) {
            if builtin.line != ours.line {
                let _ = writeln!(out, "    -{:?}\n    +{:?}", builtin.line, ours.line);
            }
            let (gone, new) = (
                lacking(&builtin.list, &ours.list),
                lacking(&ours.list, &builtin.list),
            );
            for (mark, words) in [('-', gone), ('+', new)] {
                if !words.is_empty() {
                    let _ = writeln!(out, "    {mark}{}", words.join(" "));
                }
            }
        }
    }
    for qemu in qemus {
        let of = |verdict| {
            let with = found
                .iter()
                .filter(|c| c.qemu == qemu && c.verdict == verdict);
            with.count()
        };
        let all = found.iter().filter(|c| c.qemu == qemu).count();
        let _ = write!(
            out,
            "{qemu}: completion: {} of {all} prefixes identical",
            of(Verdict::Identical)
        );
        for verdict in [Verdict::Known, Verdict::Different, Verdict::NotRun] {
            if of(verdict) > 0 {
                let _ = write!(out, ", {} {}", of(verdict), verdict.word());
            }
        }
        out.push('\n');
    }
    out
}

/// What `list` has and `other` has not.
fn lacking<'a>(list: &'a [String], other: &[String]) -> Vec<&'a str> {
    let gone = list.iter().filter(|word| !other.contains(word));
    gone.map(String::as_str).collect()
}

/// Replaces `{dir}`.
pub(crate) fn fill(prefix: &str, dir: &Path) -> String {
    in_dir(prefix, dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_words_have_in_common_is_put_in() {
        let line = |text: &str, start, words: &[&str]| {
            inserted(text, start, words.iter().map(|&w| w.to_owned()).collect())
        };
        assert_eq!(line("info st", 5, &["stats", "status"]).0, "info stat");
        assert_eq!(line("q", 0, &["qemu-io", "quit"]).0, "q");
        assert_eq!(line("qui", 0, &["quit"]), ("quit ".into(), vec![]));
        assert_eq!(line("logfile /t", 8, &["/tmp/"]).0, "logfile /tmp/");
        assert_eq!(line("nosuch ", 7, &[]), ("nosuch ".into(), vec![]));
    }

    #[test]
    fn one_word_too_many_is_a_difference() {
        let tabs = |words: &[&str]| {
            let tab = Tab {
                line: "stop".into(),
                list: words.iter().map(|&w| w.to_owned()).collect(),
            };
            [tab.clone(), tab]
        };
        let verdict =
            |ours: &[&str]| judge(String::new(), "s", tabs(&["a", "b"]), tabs(ours), "/x").verdict;
        assert_eq!(verdict(&["a", "b"]), Verdict::Identical);
        assert_eq!(verdict(&["a", "b", "c"]), Verdict::Different);
        assert_eq!(verdict(&["b", "a"]), Verdict::Different);
    }
}
