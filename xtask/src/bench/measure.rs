// SPDX-License-Identifier: GPL-2.0-or-later
//! Taking times: things that are compared take turns, and the median of their ratios counts.

use std::process::{Command, Stdio};
use std::time::Instant;

use std::io::Write;

use crate::error::Error;

/// Does something once and says how long it took, in seconds.
pub type Thing<'a> = Box<dyn FnMut() -> Result<f64, Error> + 'a>;

/// A median in seconds or KiB, and the median ratio of ours to it; or why that was not measured.
pub type Compared = Result<(f64, f64), String>;

/// A row of the table.
pub struct Row {
    /// What is done.
    pub what: String,
    /// The median of ours, in seconds.
    pub ours: f64,
    /// What others do the same with, and how that compares.
    pub others: Vec<(String, Compared)>,
}

/// A row of what is no time: memory and sizes, in KiB.
pub struct Amount {
    /// What is measured.
    pub what: String,
    /// Ours.
    pub ours: f64,
    /// Others', and how that compares.
    pub others: Vec<(String, Compared)>,
}

/// Measures ours against others.
pub fn row(
    what: &str,
    runs: usize,
    mut ours: Thing<'_>,
    mut others: Vec<(&str, Result<Thing<'_>, String>)>,
) -> Result<Row, Error> {
    let mut own = Vec::new();
    let mut theirs: Vec<Vec<f64>> = others.iter().map(|_| Vec::new()).collect();
    // The first of each fills caches.
    for run in 0..=runs {
        let time = ours()?;
        if run > 0 {
            own.push(time);
        }
        for ((_, thing), times) in others.iter_mut().zip(&mut theirs) {
            if let Ok(thing) = thing {
                let time = thing()?;
                if run > 0 {
                    times.push(time);
                }
            }
        }
    }
    let others = others.into_iter().zip(theirs).map(|((who, thing), times)| {
        let result = thing.map(|_| {
            let ratios = own.iter().zip(&times).map(|(own, other)| own / other);
            (median(times.clone()), median(ratios.collect()))
        });
        (who.to_owned(), result)
    });
    Ok(Row {
        what: what.to_owned(),
        others: others.collect(),
        ours: median(own),
    })
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How long work takes.
pub fn timed<E: Into<Error>>(work: impl FnOnce() -> Result<(), E>) -> Result<f64, Error> {
    let begun = Instant::now();
    work().map_err(Into::into)?;
    Ok(begun.elapsed().as_secs_f64())
}

/// How long a program takes with this input; that it fails is an error.
pub fn program(command: &mut Command, input: &str) -> Result<f64, Error> {
    timed(|| {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that ends early says why by its code.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                Err(Error::from(format!(
                    "{command:?}: {}: {said}",
                    output.status
                )))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_one_run() {
        let mut load = [1.0, 10.0, 1.0, 100.0, 2.0, 4.0].into_iter().cycle();
        let mut same = load.clone();
        let ours: Thing<'_> = Box::new(move || Ok(load.next().unwrap()));
        let other: Thing<'_> = Box::new(move || Ok(2.0 * same.next().unwrap()));
        let others = vec![("other", Ok(other)), ("absent", Err("not there".into()))];
        let row = row("x", 5, ours, others).unwrap();
        assert_eq!(row.others[0].1, Ok((8.0, 0.5)));
        assert_eq!(row.others[1].1, Err("not there".into()));
        assert_eq!(row.ours, 4.0);
    }

    #[test]
    fn a_program_that_fails_is_no_figure() {
        assert!(program(&mut Command::new("false"), "").is_err());
        assert!(program(&mut Command::new("true"), "").unwrap() > 0.0);
    }
}
