// SPDX-License-Identifier: GPL-2.0-or-later
//! Cases: a VM and the lines to run on it, as TOML. A case with set-ups is one case each,
//! with the same lines.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::{self, CaseError};
use super::probe::Probe;
use super::qemu::Qemu;

/// A file of `parity/cases`.
///
/// In arguments and lines, `{dir}` stands for the VM's own directory and `{port}` for a TCP port of
/// its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// What the case is about.
    pub about: String,
    /// What sets its recordings apart from others of the same machine; mostly nothing.
    #[serde(default)]
    pub variant: String,
    /// The architectures that it suits, in QAPI's spelling.
    #[serde(default = "x86_64")]
    pub arch: Vec<String>,
    /// The first QEMU that it suits, such as "8.0".
    pub since: Option<String>,
    /// The first QEMU that it suits no longer.
    pub until: Option<String>,
    /// Arguments for QEMU, beside those for its monitors.
    #[serde(default)]
    pub args: Vec<String>,
    /// Images made before QEMU starts.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// Programs that must be on the path; without them the case does not suit.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Programs started before QEMU and ended with it.
    #[serde(default)]
    pub helpers: Vec<Helper>,
    /// Starts a second QEMU before the VM, with the same arguments and these: the other end of a
    /// migration.
    #[serde(default)]
    pub peer: Vec<String>,
    /// Set-ups: the case is one case for each, called `case-setup`.
    #[serde(default)]
    pub setups: Vec<Setup>,
    /// Whether two VMs run in step, one for each monitor: needed as soon as a line changes
    /// something.
    #[serde(default)]
    pub twins: bool,
    /// Whether no other case may run at the same time: for lines that are a matter of milliseconds.
    #[serde(default)]
    pub alone: bool,
    /// Whether its lines meet dangers: they are for refusals, and not for a run that may meet some.
    #[serde(default)]
    pub dangerous: bool,
    /// Milliseconds to wait before the first line, for a guest that runs.
    #[serde(default)]
    pub boot: u64,
    /// The lines.
    pub steps: Vec<Step>,
}

/// What sets one of several cases with the same lines apart; see the members of [`Case`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Its name.
    pub name: String,
    /// The architectures that it suits; those of the case where left out.
    #[serde(default)]
    pub arch: Vec<String>,
    /// The first QEMU that it suits.
    pub since: Option<String>,
    /// The first QEMU that it suits no longer.
    pub until: Option<String>,
    /// Arguments for QEMU, behind those of the case.
    #[serde(default)]
    pub args: Vec<String>,
}

fn x86_64() -> Vec<String> {
    vec!["x86_64".into()]
}

/// A program that runs beside QEMU.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Helper {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// The socket in the VM's directory that it opens, which QEMU is started behind.
    pub listens: String,
}

/// An image made with qemu-img.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Its name in the VM's directory.
    pub file: String,
    /// `qcow2`, `raw`, ...
    pub format: String,
    /// With a suffix, as qemu-img takes it; left out where a backing file gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// A backing file of the same directory, and its format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backing: Option<(String, String)>,
    /// What qemu-io does with it, such as `write -P 17 0 64k`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
    /// Internal snapshots to take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<String>,
}

/// A line, alone or with what goes with it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Step {
    /// The line.
    Line(String),
    /// The line and more.
    Full(FullStep),
}

/// A line and what goes with it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FullStep {
    /// The line.
    pub line: String,
    /// What shows the effect, beside what the command's own probes show.
    #[serde(default)]
    pub probe: Vec<Probe>,
    /// Milliseconds to wait behind the line, and behind its event.
    #[serde(default)]
    pub wait: u64,
    /// An event to wait for behind the line, on both sides.
    pub event: Option<String>,
    /// Whether the command succeeds and nothing shows what it changes: then nothing may. Such a
    /// line proves nothing of its command.
    #[serde(default)]
    pub unseen: Unseen,
    /// The later line of the case whose answer or effect shows what this one changed, where nothing
    /// shows it at once.
    pub shown_by: Option<String>,
    /// What the user answers when asked for a secret.
    pub answer: Option<String>,
    /// The architectures that the step suits; all of the case where left out.
    #[serde(default)]
    pub arch: Vec<String>,
    /// The first QEMU that the step suits.
    pub since: Option<String>,
    /// The first QEMU that the step suits no longer.
    pub until: Option<String>,
}

/// Where nothing shows what a command changes.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Unseen {
    /// Nowhere, or in all set-ups of the case.
    In(bool),
    /// In these set-ups.
    Setups(Vec<String>),
}

impl Default for Unseen {
    fn default() -> Self {
        Self::In(false)
    }
}

impl Unseen {
    /// Whether that is so in a case that is that of one set-up.
    #[must_use]
    pub fn is_here(&self) -> bool {
        matches!(self, Self::In(true))
    }

    fn with(&self, setup: &str) -> Self {
        match self {
            Self::In(all) => Self::In(*all),
            Self::Setups(names) => Self::In(names.iter().any(|name| name == setup)),
        }
    }
}

impl Step {
    /// The step with all that goes with it.
    #[must_use]
    pub fn full(&self) -> FullStep {
        match self {
            Self::Line(line) => FullStep {
                line: line.clone(),
                ..FullStep::default()
            },
            Self::Full(full) => full.clone(),
        }
    }
}

impl Case {
    /// Whether the case suits this QEMU.
    #[must_use]
    pub fn suits(&self, qemu: &Qemu) -> bool {
        lists(&self.arch, qemu)
            && qemu.is_within(self.since.as_deref(), self.until.as_deref())
            && self.needs.iter().all(|program| on_path(program))
    }

    /// The type behind `-M` or `-machine`.
    #[must_use]
    pub fn machine(&self) -> Option<&str> {
        let at = self.args.iter().position(|a| a == "-M" || a == "-machine");
        let value = at.and_then(|at| self.args.get(at + 1))?;
        Some(value.split(',').next().unwrap_or(value))
    }

    /// The steps that suit this QEMU, each with all that goes with it.
    pub fn steps_on<'a>(&'a self, qemu: &'a Qemu) -> impl Iterator<Item = FullStep> + 'a {
        let steps = self.steps.iter().map(Step::full);
        steps.filter(|step| step.suits(qemu))
    }

    /// The case of one of its set-ups.
    fn with(&self, setup: &Setup) -> Self {
        let mut case = self.clone();
        case.name = format!("{}-{}", self.name, setup.name);
        case.setups.clear();
        for step in &mut case.steps {
            if let Step::Full(step) = step {
                step.unseen = step.unseen.with(&setup.name);
            }
        }
        if !setup.arch.is_empty() {
            case.arch.clone_from(&setup.arch);
        }
        case.since = setup.since.clone().or(case.since);
        case.until = setup.until.clone().or(case.until);
        case.args.extend(setup.args.iter().cloned());
        case
    }
}

fn lists(archs: &[String], qemu: &Qemu) -> bool {
    archs.iter().any(|arch| arch == qemu.arch())
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

impl FullStep {
    /// Whether the step suits this QEMU.
    #[must_use]
    pub fn suits(&self, qemu: &Qemu) -> bool {
        (self.arch.is_empty() || lists(&self.arch, qemu))
            && qemu.is_within(self.since.as_deref(), self.until.as_deref())
    }
}

/// Reads one case, or all of a folder, sorted by name.
pub fn load(path: &Path) -> Result<Vec<Case>, CaseError> {
    let io = |e| CaseError::Io(path.to_owned(), e);
    if !path.is_dir() {
        return load_one(path);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let file = entry.map_err(io)?.path();
        if file.extension().is_some_and(|e| e == "toml") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(CaseError::Empty(path.to_owned()));
    }
    let cases: Result<Vec<_>, _> = files.iter().map(|file| load_one(file)).collect();
    Ok(cases?.into_iter().flatten().collect())
}

fn load_one(path: &Path) -> Result<Vec<Case>, CaseError> {
    let stem = path.file_stem().unwrap_or_default();
    error::read(path, |text| parse(&stem.to_string_lossy(), text))
}

fn parse(name: &str, text: &str) -> Result<Vec<Case>, toml::de::Error> {
    let mut case: Case = toml::from_str(text)?;
    name.clone_into(&mut case.name);
    if let Some(line) = shown_nowhere(&case.steps) {
        let message = format!("no later step is {line:?}");
        return Err(serde::de::Error::custom(message));
    }
    if case.setups.is_empty() {
        return Ok(vec![case]);
    }
    Ok(case.setups.iter().map(|setup| case.with(setup)).collect())
}

/// A line that is to show what an earlier one changed, and does not follow it.
fn shown_nowhere(steps: &[Step]) -> Option<String> {
    let steps: Vec<FullStep> = steps.iter().map(Step::full).collect();
    steps.iter().enumerate().find_map(|(at, step)| {
        let line = step.shown_by.as_ref()?;
        let follows = steps[at + 1..].iter().any(|later| later.line == *line);
        (!follows).then(|| line.clone())
    })
}

#[cfg(test)]
mod tests {
    use hmp_engine::qmp::version::v;

    use super::*;

    fn qemu(arch: &str, major: u32) -> Qemu {
        Qemu::new(v(major, 0), arch)
    }

    #[test]
    fn a_case_with_setups_is_one_case_each() {
        let text = r#"
            about = "a"
            args = ["-S"]
            steps = [
                "info name",
                { line = "stop", arch = ["arm"], since = "9.0" },
                { line = "cont", unseen = ["q35"] },
            ]
            setups = [
                { name = "q35", args = ["-M", "q35"] },
                { name = "virt", arch = ["arm"], since = "8.0" },
            ]
        "#;
        let cases = parse("c", text).unwrap();
        let names: Vec<_> = cases.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["c-q35", "c-virt"]);
        assert_eq!(cases[0].args, ["-S", "-M", "q35"]);
        assert!(cases[0].suits(&qemu("x86_64", 7)) && !cases[0].suits(&qemu("arm", 7)));
        assert!(cases[1].suits(&qemu("arm", 8)) && !cases[1].suits(&qemu("arm", 7)));
        let step = cases[0].steps[1].full();
        assert!(step.suits(&qemu("arm", 9)) && !step.suits(&qemu("arm", 8)));
        assert!(!step.suits(&qemu("x86_64", 9)));
        let unseen = |case: &Case| case.steps[2].full().unseen.is_here();
        assert!(unseen(&cases[0]) && !unseen(&cases[1]));
    }

    #[test]
    fn a_case_suits_where_its_programs_are() {
        let text = "about = \"a\"\nneeds = [\"sh\"]\nsteps = []";
        assert!(parse("c", text).unwrap()[0].suits(&qemu("x86_64", 7)));
        let text = "about = \"a\"\nneeds = [\"no-such-program\"]\nsteps = []";
        assert!(!parse("c", text).unwrap()[0].suits(&qemu("x86_64", 7)));
        assert!(parse("c", "about = \"a\"\nnosuch = 1\nsteps = []").is_err());
        let shown = |steps: &str| parse("c", &format!("about = \"a\"\nsteps = [{steps}]")).is_ok();
        let step = "{ line = \"a\", shown-by = \"b\" }";
        assert!(shown(&format!("{step}, \"b\"")) && !shown(&format!("\"b\", {step}")));
    }
}
