// SPDX-License-Identifier: GPL-2.0-or-later
//! What is fuzzed: one function per target, which panics where something does not hold.
//!
//! `fuzz_targets/` hands them to libFuzzer; `cargo xtask fuzz` makes the seeds and runs them; the
//! tests here run each on its seeds and on damaged ones, with any toolchain. What fuzzing finds
//! becomes a test of the crate concerned.

mod answers;
mod bytes;
mod files;
mod state;
mod terminal;
mod words;

pub use self::answers::engine;
pub use self::bytes::frames;
pub use self::files::{hx, libvirt, recordings, scripts};
pub use self::state::{device_state, dumps};
pub use self::terminal::terminal;
pub use self::words::{expressions, lines, options};

/// A target: its name and its function.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As `cargo xtask fuzz NAME` and the files of `fuzz_targets/` have it.
    pub name: &'static str,
    /// Tries these bytes.
    pub run: fn(&[u8]),
}

/// All of them, by name.
pub const TARGETS: &[Target] = &[
    target("device_state", device_state),
    target("dumps", dumps),
    target("engine", engine),
    target("expressions", expressions),
    target("frames", frames),
    target("hx", hx),
    target("libvirt", libvirt),
    target("lines", lines),
    target("options", options),
    target("recordings", recordings),
    target("scripts", scripts),
    target("terminal", terminal),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// The first byte, as a choice, and what is left.
fn choice(data: &[u8]) -> (usize, &[u8]) {
    data.split_first()
        .map_or((0, data), |(first, rest)| (usize::from(*first), rest))
}

/// That an error has a sentence of its own, which is not the one that Rust makes.
fn explains(error: impl std::error::Error) {
    assert!(!error.to_string().is_empty(), "{error:?}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;

    /// How long each target is given damaged seeds.
    const TIME: Duration = Duration::from_secs(3);

    /// The seeds that `cargo xtask fuzz --only-seeds` made, by the folder of `HMP_FUZZ_SEEDS`; a
    /// few bytes where there are none.
    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let mut seeds = vec![Vec::new(), b"\0\0x 1".to_vec()];
        if let Some(folder) = std::env::var_os("HMP_FUZZ_SEEDS") {
            let files = std::fs::read_dir(Path::new(&folder).join(target)).unwrap();
            seeds.extend(files.map(|file| std::fs::read(file.unwrap().path()).unwrap()));
        }
        seeds
    }

    fn damage(seed: &mut Vec<u8>, random: &mut fastrand::Rng) {
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..=seed.len());
            match random.u8(..4) {
                0 => seed.insert(at, random.u8(..)),
                1 => seed.truncate(at),
                2 if at < seed.len() => seed[at] ^= 1 << random.u8(..8),
                _ => {
                    let piece = seed[at / 2..at].to_vec();
                    seed.splice(at..at, piece);
                }
            }
        }
    }

    #[test]
    fn seeds_and_damaged_seeds() {
        for target in TARGETS {
            let seeds = seeds(target.name);
            for seed in &seeds {
                (target.run)(seed);
            }
            let mut random = fastrand::Rng::with_seed(1);
            let begun = Instant::now();
            while begun.elapsed() < TIME {
                let mut seed = seeds[random.usize(..seeds.len())].clone();
                damage(&mut seed, &mut random);
                seed.truncate(64 << 10);
                (target.run)(&seed);
            }
        }
    }

    #[test]
    fn each_target_has_its_name() {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        let mut files: Vec<_> = std::fs::read_dir("fuzz_targets")
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_owned())
            .collect();
        files.sort();
        assert_eq!(files, names);
    }
}
