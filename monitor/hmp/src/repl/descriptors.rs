// SPDX-License-Identifier: GPL-2.0-or-later
//! Open descriptors that the user passes to `hmp` by number and to commands by name.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use crate::host::inherited::duplicate;

/// Descriptors by name.
#[derive(Debug, Default)]
pub struct Descriptors(BTreeMap<String, OwnedFd>);

/// Why a descriptor can't be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorsError {
    /// Not of the form NAME=N.
    #[error("'{0}' is not NAME=N")]
    Form(String),
    /// No descriptor of that number is open.
    #[error("descriptor {0} is not open")]
    NotOpen(RawFd),
    /// Two of the same name.
    #[error("there are two descriptors called '{0}'")]
    Twice(String),
}

impl Descriptors {
    /// Duplicates the descriptor that a text `NAME=N` names. To be called before the program opens
    /// anything itself.
    pub fn add(&mut self, text: &str) -> Result<(), DescriptorsError> {
        let form = || DescriptorsError::Form(text.to_owned());
        let (name, number) = text.rsplit_once('=').ok_or_else(form)?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: RawFd = match number.parse() {
            Ok(number) if digits && !name.is_empty() => number,
            _ => return Err(form()),
        };
        let descriptor = duplicate(number).ok_or(DescriptorsError::NotOpen(number))?;
        match self.0.insert(name.to_owned(), descriptor) {
            None => Ok(()),
            Some(_) => Err(DescriptorsError::Twice(name.to_owned())),
        }
    }

    /// The descriptor of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<BorrowedFd<'_>> {
        self.0.get(name).map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsRawFd;

    use rstest::rstest;

    use super::*;

    #[test]
    fn an_open_descriptor_is_duplicated() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"text").unwrap();
        let mut descriptors = Descriptors::default();
        let number = file.as_raw_fd();
        descriptors.add(&format!("a=b={number}")).unwrap();
        file.rewind().unwrap();
        drop(file);
        assert!(descriptors.get("a").is_none());
        let ours = descriptors.get("a=b").unwrap().try_clone_to_owned();
        let mut text = String::new();
        File::from(ours.unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
    }

    #[rstest]
    #[case("a")]
    #[case("=1")]
    #[case("a=")]
    #[case("a=-1")]
    #[case("a=+1")]
    #[case("a=x")]
    #[case("a=99999999999")]
    fn not_the_form(#[case] text: &str) {
        let error = Descriptors::default().add(text);
        assert_eq!(error, Err(DescriptorsError::Form(text.into())));
    }

    #[test]
    fn closed_and_doubled_ones() {
        let mut descriptors = Descriptors::default();
        let closed = descriptors.add("a=123456");
        assert_eq!(closed, Err(DescriptorsError::NotOpen(123_456)));
        descriptors.add("a=2").unwrap();
        let twice = descriptors.add("a=2");
        assert_eq!(twice, Err(DescriptorsError::Twice("a".into())));
    }
}
