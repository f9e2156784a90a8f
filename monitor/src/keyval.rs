//! Option strings: `driver,key=value,...`.

/// Splits an option string into its items; two commas stand for one inside a value.
pub fn items(options: &str) -> impl Iterator<Item = String> {
    let mut rest = Some(options);
    std::iter::from_fn(move || {
        let mut text = rest.take()?;
        let mut item = String::new();
        loop {
            let Some(comma) = text.find(',') else {
                item.push_str(text);
                return Some(item);
            };
            item.push_str(&text[..comma]);
            text = &text[comma + 1..];
            match text.strip_prefix(',') {
                Some(after) => {
                    item.push(',');
                    text = after;
                }
                None => {
                    rest = (!text.is_empty()).then_some(text);
                    return Some(item);
                }
            }
        }
    })
}

/// The value of the first item with this key; a key alone stands for `on`.
#[must_use]
pub fn first(options: &str, key: &str) -> Option<String> {
    items(options).enumerate().find_map(|(i, item)| {
        match item.split_once('=') {
            Some((name, value)) => (name == key).then(|| value.to_owned()),
            // The first item without = is the value of the implied key.
            None => (i > 0 && item == key).then(|| "on".to_owned()),
        }
    })
}

/// Whether QEMU takes it as an id: a letter, then letters, digits, `-`, `.`, `_` (util/id.c).
#[must_use]
pub fn is_well_formed_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_commas_stand_for_one() {
        let all: Vec<_> = items("a,b=c,,d,e,").collect();
        assert_eq!(all, ["a", "b=c,d", "e"]);
    }

    #[test]
    fn the_first_id_counts() {
        assert_eq!(first("rng,id=a,id=b", "id").as_deref(), Some("a"));
        assert_eq!(first("rng,id", "id").as_deref(), Some("on"));
        assert_eq!(first("id", "id"), None);
    }

    #[test]
    fn ids() {
        assert!(is_well_formed_id("a-b.c_1"));
        assert!(!is_well_formed_id("0a") && !is_well_formed_id("") && !is_well_formed_id("a b"));
    }
}
