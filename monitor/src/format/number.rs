//! Numbers as C's library reads and prints them.

/// C's `strtod` without locale: value and length of the longest number at the start of `text`, blanks included.
/// Decimal numbers only; `inf` and `nan` count as numbers.
#[must_use]
pub fn strtod(text: &str) -> Option<(f64, usize)> {
    let blanks = text
        .bytes()
        .take_while(|&b| crate::line::is_blank(b))
        .count();
    let body = &text[blanks..];
    // Longest prefix that parses: Rust's grammar is C's, hexadecimal floats aside.
    let candidates = body
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        .take(64)
        .count();
    (1..=candidates)
        .rev()
        .find_map(|len| Some((body[..len].parse::<f64>().ok()?, blanks + len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_number_is_taken() {
        assert_eq!(strtod("1.5ms"), Some((1.5, 3)));
        assert_eq!(strtod(" -2e3x"), Some((-2000.0, 5)));
        assert_eq!(strtod("1e"), Some((1.0, 1)));
        assert_eq!(strtod("x"), None);
    }
}
