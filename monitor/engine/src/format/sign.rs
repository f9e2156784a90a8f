// SPDX-License-Identifier: GPL-2.0-or-later
//! Bits read with and without a sign.
//!
//! The standard library has that since 1.87; the engine is to build with what is stated.

/// An integer whose bits may be read the other way: in two's complement, or without a sign.
pub trait Sign: Copy {
    /// The same bits with a sign, or themselves.
    type Signed;
    /// The same bits without a sign, or themselves.
    type Unsigned;

    /// The bits with a sign.
    fn as_signed(self) -> Self::Signed;

    /// The bits without a sign.
    fn as_unsigned(self) -> Self::Unsigned;
}

macro_rules! signs {
    ($($signed:ty, $unsigned:ty;)*) => {$(
        impl Sign for $signed {
            type Signed = Self;
            type Unsigned = $unsigned;

            fn as_signed(self) -> Self {
                self
            }

            fn as_unsigned(self) -> $unsigned {
                <$unsigned>::from_ne_bytes(self.to_ne_bytes())
            }
        }

        impl Sign for $unsigned {
            type Signed = $signed;
            type Unsigned = Self;

            fn as_signed(self) -> $signed {
                <$signed>::from_ne_bytes(self.to_ne_bytes())
            }

            fn as_unsigned(self) -> Self {
                self
            }
        }
    )*};
}

signs! {
    i32, u32;
    i64, u64;
}
