// SPDX-License-Identifier: GPL-2.0-or-later
//! `watch`: what it is given.

use std::time::Duration;

/// How often a watched line runs, unless something else is said.
const PAUSE: Duration = Duration::from_secs(2);

/// The pause and the line that `watch` was given.
pub(in crate::repl) fn watched(rest: &str) -> Result<(Duration, &str), String> {
    let Some(options) = rest.strip_prefix("-n") else {
        return match rest {
            "" => Err("a line is missing".into()),
            line => Ok((PAUSE, line)),
        };
    };
    let options = options.trim_start();
    let (seconds, line) = options
        .split_once(|c: char| c.is_ascii_whitespace())
        .ok_or("a line is missing")?;
    let pause = seconds
        .parse()
        .ok()
        .and_then(|s| Duration::try_from_secs_f64(s).ok());
    match pause {
        Some(pause) if pause >= Duration::from_millis(100) => Ok((pause, line.trim_start())),
        _ => Err(format!(
            "'{seconds}' is not a number of seconds, 0.1 or more"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watch_takes_a_pause() {
        assert_eq!(watched("info cpus"), Ok((PAUSE, "info cpus")));
        let half = Duration::from_millis(500);
        assert_eq!(watched("-n 0.5  info cpus"), Ok((half, "info cpus")));
        assert_eq!(watched("-n0.5 info cpus"), Ok((half, "info cpus")));
        for text in [
            "",
            "-n",
            "-n 2",
            "-n x info cpus",
            "-n 0 info cpus",
            "-n -1 x",
        ] {
            assert!(watched(text).is_err(), "{text}");
        }
    }
}
