// SPDX-License-Identifier: GPL-2.0-or-later
//! The list of candidates.

/// Columns of a row, whatever the client's terminal has.
const ROW: usize = 80;

/// The narrowest a candidate's column is.
const NARROWEST: usize = 10;

/// Writes the candidates in columns, with CR LF at the end of each row.
pub(super) fn columns(candidates: &[Vec<u8>], out: &mut Vec<u8>) {
    let longest = candidates.iter().map(Vec::len).max().unwrap_or(0);
    let width = (longest + 2).clamp(NARROWEST, ROW);
    for row in candidates.chunks(ROW / width) {
        for candidate in row {
            out.extend_from_slice(candidate);
            let padding = width.saturating_sub(candidate.len());
            out.extend(std::iter::repeat_n(b' ', padding));
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// What all candidates begin with.
pub(super) fn common(candidates: &[Vec<u8>]) -> &[u8] {
    let Some((first, rest)) = candidates.split_first() else {
        return &[];
    };
    let same = |other: &Vec<u8>| {
        let pairs = first.iter().zip(other);
        pairs.take_while(|(ours, theirs)| ours == theirs).count()
    };
    let length = rest.iter().map(same).min().unwrap_or(first.len());
    &first[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(candidates: &[&str]) -> String {
        let candidates: Vec<_> = candidates
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .collect();
        let mut out = Vec::new();
        columns(&candidates, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_are_padded() {
        assert_eq!(listed(&["a", "b"]), "a         b         \r\n");
        let nine = ["a"; 9];
        assert_eq!(listed(&nine).matches("\r\n").count(), 2);
        let long = "x".repeat(39);
        assert_eq!(listed(&[&long, &long]), format!("{long}  \r\n{long}  \r\n"));
        let longest = "x".repeat(100);
        assert_eq!(listed(&[&longest, "y"]).lines().next(), Some(&*longest));
    }

    #[test]
    fn what_is_common() {
        let texts = |list: &[&str]| {
            list.iter()
                .map(|t| t.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        assert_eq!(common(&texts(&["abc", "abd", "ab"])), b"ab");
        assert_eq!(common(&texts(&["abc"])), b"abc");
        assert_eq!(common(&texts(&["a", "b"])), b"");
        assert_eq!(common(&[]), b"");
    }
}
