//! Bytes as digits.

use std::fmt::Write as _;

/// Two lower-case hexadecimal digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes all that is written to it.
        let _always = write!(text, "{byte:02x}");
        text
    })
}
