// SPDX-License-Identifier: GPL-2.0-or-later
//! The built-in monitor's expressions: 64-bit, signed, wrapping.
//!
//! Evaluation happens while reading, as in QEMU's monitor/hmp.c, so that the first of several
//! mistakes is the one reported. `& | ^` bind tighter than `+ -`. Nesting uses no stack of the
//! program.

use crate::format::sign::Sign as _;
use crate::grammar::line::{Cursor, is_blank};
use crate::grammar::number::strtoull;

/// Values of CPU registers.
pub trait Registers {
    /// The value of `$name`.
    fn get(&self, name: &str) -> Result<i64, RegisterError>;
}

/// Why a register has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// The target has no register of that name.
    Unknown,
    /// It may have, but its value can't be had, for this reason.
    Unavailable(&'static str),
}

/// What is wrong with an expression, in the built-in's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// A parenthesis was not closed.
    #[error("')' expected")]
    Parenthesis,
    /// The text ended where a value was expected.
    #[error("unexpected end of expression")]
    End,
    /// A character that no value starts with.
    #[error("invalid char '{0}' in expression")]
    Char(char),
    /// Beyond 64 bits.
    #[error("number too large")]
    TooLarge,
    /// `/` or `%` by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// The smallest number by -1, or perhaps so: QEMU's own evaluation would end QEMU with SIGFPE.
    #[error("refused: this division overflows, and would kill QEMU in the built-in monitor")]
    Overflow,
    /// A `'` at the very end.
    #[error("character constant expected")]
    CharacterConstant,
    /// A character constant of more than one byte, or an empty one.
    #[error("missing terminating ' character")]
    Unterminated,
    /// A register that the target has not.
    #[error("unknown register")]
    UnknownRegister,
    /// A register whose value can't be had; this sentence is ours.
    #[error("register ${name} is not available: {why}")]
    RegisterUnavailable {
        /// Its name, without `$`.
        name: String,
        /// Why.
        why: &'static str,
    },
}

/// What expressions depend on beside their text.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The registers.
    pub registers: &'a dyn Registers,
    /// Whether `0b101` is a number: the C library of QEMU decides, those since 2023 say yes.
    pub binary_numbers: bool,
}

/// The value of a part; none where it depends on a register that can't be read.
type Operand = Option<i64>;

/// The operands and operators waiting at one level of parentheses.
#[derive(Default)]
struct Level {
    prefixes: Vec<u8>,
    product: Option<(Operand, u8)>,
    logic: Option<(Operand, u8)>,
    sum: Option<(Operand, u8)>,
}

/// Reads the longest expression at the cursor and returns its value. That a register can't be read
/// is found out last: what is wrong with the text comes first.
pub fn evaluate(cursor: &mut Cursor<'_>, context: Context<'_>) -> Result<i64, ExprError> {
    cursor.skip_blanks();
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let mut unread = None;
    loop {
        match cursor.peek() {
            Some(prefix @ (b'+' | b'-' | b'~')) => {
                level.prefixes.push(prefix);
                step(cursor);
                continue;
            }
            Some(b'(') => {
                step(cursor);
                outer.push(std::mem::take(&mut level));
                continue;
            }
            _ => {}
        }
        let mut value = match primary(cursor, context) {
            Ok(value) => Some(value),
            Err(error @ ExprError::RegisterUnavailable { .. }) => {
                unread.get_or_insert(error);
                None
            }
            Err(error) => return Err(error),
        };
        // Close as many levels as this operand completes.
        while let Some(sum) = level.combine(value, cursor)? {
            value = sum;
            let Some(parent) = outer.pop() else {
                return match (value, unread) {
                    (Some(value), None) => Ok(value),
                    (_, Some(error)) => Err(error),
                    // Only a register makes a value unknown.
                    (None, None) => Err(ExprError::UnknownRegister),
                };
            };
            if cursor.peek() != Some(b')') {
                return Err(ExprError::Parenthesis);
            }
            step(cursor);
            level = parent;
        }
    }
}

impl Level {
    /// Takes an operand in. Returns the level's value when no operator follows, else `None` with
    /// the cursor behind the operator.
    fn combine(
        &mut self,
        operand: Operand,
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<Operand>, ExprError> {
        let mut value = operand;
        for prefix in self.prefixes.drain(..).rev() {
            value = match prefix {
                b'-' => value.map(i64::wrapping_neg),
                b'~' => value.map(|value| !value),
                _ => value,
            };
        }
        if let Some((left, operator)) = self.product.take() {
            value = match operator {
                b'*' => both(left, value, i64::wrapping_mul),
                b'/' => both(left, divisor(left, value)?, i64::wrapping_div),
                _ => both(left, divisor(left, value)?, i64::wrapping_rem),
            };
        }
        let operator = cursor.peek();
        if let Some(operator @ (b'*' | b'/' | b'%')) = operator {
            self.product = Some((value, operator));
            step(cursor);
            return Ok(None);
        }
        if let Some((left, operator)) = self.logic.take() {
            value = match operator {
                b'&' => both(left, value, |left, right| left & right),
                b'|' => both(left, value, |left, right| left | right),
                _ => both(left, value, |left, right| left ^ right),
            };
        }
        if let Some(operator @ (b'&' | b'|' | b'^')) = operator {
            self.logic = Some((value, operator));
            step(cursor);
            return Ok(None);
        }
        if let Some((left, operator)) = self.sum.take() {
            value = match operator {
                b'+' => both(left, value, i64::wrapping_add),
                _ => both(left, value, i64::wrapping_sub),
            };
        }
        if let Some(operator @ (b'+' | b'-')) = operator {
            self.sum = Some((value, operator));
            step(cursor);
            return Ok(None);
        }
        Ok(Some(value))
    }
}

fn both(left: Operand, right: Operand, operation: impl Fn(i64, i64) -> i64) -> Operand {
    Some(operation(left?, right?))
}

/// The divisor, if QEMU survives the division by it as far as can be told. Where neither is known,
/// it can't.
fn divisor(left: Operand, right: Operand) -> Result<Operand, ExprError> {
    match (left, right) {
        (_, Some(0)) => Err(ExprError::DivisionByZero),
        (Some(i64::MIN) | None, Some(-1)) | (Some(i64::MIN), None) => Err(ExprError::Overflow),
        _ => Ok(right),
    }
}

fn step(cursor: &mut Cursor<'_>) {
    cursor.advance();
    cursor.skip_blanks();
}

fn primary(cursor: &mut Cursor<'_>, context: Context<'_>) -> Result<i64, ExprError> {
    match cursor.peek() {
        None => Err(ExprError::End),
        Some(b'\'') => character(cursor),
        Some(b'$') => register(cursor, context.registers),
        Some(_) => number(cursor, context.binary_numbers),
    }
}

/// A character constant: one byte between quotes, without escapes; bytes above 127 are negative, as
/// `char` is on x86.
fn character(cursor: &mut Cursor<'_>) -> Result<i64, ExprError> {
    cursor.advance();
    let Some(byte) = cursor.peek() else {
        return Err(ExprError::CharacterConstant);
    };
    cursor.advance();
    // More than one byte is between the quotes when the character is not ASCII.
    if !byte.is_ascii() || cursor.peek() != Some(b'\'') {
        return Err(ExprError::Unterminated);
    }
    step(cursor);
    Ok(i64::from(byte))
}

/// The built-in keeps this many bytes of a register's name.
const REGISTER_NAME_MAX: usize = 127;

fn register(cursor: &mut Cursor<'_>, registers: &dyn Registers) -> Result<i64, ExprError> {
    cursor.advance();
    let name = cursor.take_while(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    cursor.skip_blanks();
    let name = &name[..name.len().min(REGISTER_NAME_MAX)];
    registers.get(name).map_err(|e| match e {
        RegisterError::Unknown => ExprError::UnknownRegister,
        RegisterError::Unavailable(why) => ExprError::RegisterUnavailable {
            name: name.to_owned(),
            why,
        },
    })
}

/// A number as C's `strtoull` with base 0 reads it; values of 2^63 and more are the negative ones.
fn number(cursor: &mut Cursor<'_>, binary: bool) -> Result<i64, ExprError> {
    let (len, value) = strtoull(cursor.rest(), 0, binary);
    if len == 0 {
        return Err(ExprError::Char(cursor.shown_byte()));
    }
    let value = value.ok_or(ExprError::TooLarge)?;
    cursor.skip(len);
    cursor.take_while(is_blank);
    Ok(value.as_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    struct Two;

    impl Registers for Two {
        fn get(&self, name: &str) -> Result<i64, RegisterError> {
            match name {
                "eax" => Ok(7),
                "cr3" => Err(RegisterError::Unavailable("not here")),
                _ => Err(RegisterError::Unknown),
            }
        }
    }

    fn eval(text: &str) -> (Result<i64, String>, String) {
        let mut cursor = Cursor::new(text);
        let context = Context {
            registers: &Two,
            binary_numbers: false,
        };
        let value = evaluate(&mut cursor, context).map_err(|e| e.to_string());
        (value, cursor.rest().to_owned())
    }

    // Answers of QEMU 7.2.22, 10.0.2 and 11.1.3.
    #[rstest]
    #[case("1+2&3", 3, "")]
    #[case("2*3%4", 2, "")]
    #[case("- - -5", -5, "")]
    #[case("~0", -1, "")]
    #[case("-(1+2)*3", -9, "")]
    #[case("((2+3)*(4-1))", 15, "")]
    #[case("0x10 010", 16, "010")]
    #[case("010", 8, "")]
    #[case("08", 0, "8")]
    #[case("0x", 0, "x")]
    #[case("1k", 1, "k")]
    #[case("1<<2", 1, "<<2")]
    #[case("'a'", 97, "")]
    #[case("' ' + 1", 33, "")]
    #[case("18446744073709551615", -1, "")]
    #[case("9223372036854775807+1", i64::MIN, "")]
    #[case("7/-2", -3, "")]
    #[case("$eax * 2", 14, "")]
    #[case("0 -1", -1, "")]
    #[case("0b11", 0, "b11")]
    fn values(#[case] text: &str, #[case] value: i64, #[case] rest: &str) {
        assert_eq!(eval(text), (Ok(value), rest.to_owned()));
    }

    #[rstest]
    #[case("", "unexpected end of expression")]
    #[case("1+", "unexpected end of expression")]
    #[case("a", "invalid char 'a' in expression")]
    #[case("é", "invalid char '\u{fffd}' in expression")]
    #[case("(1+2", "')' expected")]
    #[case("1/0", "division by zero")]
    #[case("1%0 + (", "division by zero")]
    #[case("18446744073709551616", "number too large")]
    #[case("$nope + (", "unknown register")]
    #[case("$", "unknown register")]
    #[case("'", "character constant expected")]
    #[case("'ab", "missing terminating ' character")]
    #[case("''", "missing terminating ' character")]
    #[case("'é'", "missing terminating ' character")]
    #[case("1/$cr3+a", "invalid char 'a' in expression")]
    #[case("$cr3/0", "division by zero")]
    #[case("($cr3+1", "')' expected")]
    #[case("$cr3+$nope", "unknown register")]
    fn errors(#[case] text: &str, #[case] message: &str) {
        assert_eq!(eval(text).0, Err(message.to_owned()));
    }

    // Verified: each of the first three ends QEMU 7.2.22, 10.0.2 and 11.1.3 with SIGFPE.
    #[rstest]
    #[case("0x8000000000000000/-1")]
    #[case("0x8000000000000000%-1")]
    #[case("-9223372036854775808 % 18446744073709551615 x")]
    #[case("$cr3/-1")]
    #[case("$cr3+0x8000000000000000/-1")]
    #[case("0x8000000000000000/$cr3")]
    fn a_division_that_kills_qemu_is_refused(#[case] text: &str) {
        assert_eq!(eval(text).0, Err(ExprError::Overflow.to_string()));
    }

    #[test]
    fn binary_numbers_depend_on_the_c_library() {
        let context = Context {
            registers: &Two,
            binary_numbers: true,
        };
        assert_eq!(evaluate(&mut Cursor::new("0b11"), context), Ok(3));
    }

    #[test]
    fn nesting_is_limited_by_memory_only() {
        let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(eval(&deep), (Ok(1), String::new()));
        assert_eq!(
            eval(&"-".repeat(100_001)).0,
            Err("unexpected end of expression".into())
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+~*/%&|^()'$ 0-9a-fx]{0,40}|.*") {
            let mut cursor = Cursor::new(&text);
            let context = Context { registers: &Two, binary_numbers: true };
            let _ = evaluate(&mut cursor, context);
            prop_assert!(text.is_char_boundary(cursor.pos()));
        }
    }
}
