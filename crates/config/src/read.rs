//! Files as text: bounded, so that no file, pipe or device takes all of memory.

use std::io::{self, ErrorKind, Read};

use crate::ConfigError;

/// What some editors put before the first character of a UTF-8 text.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// How long a text may be that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Longest {
    /// 16 MiB: a file that a person writes, RON or what it names. The largest shipped one has a
    /// thousandth of that.
    Document,
    /// 256 MiB: a text of any other form. Traces of requests have millions of lines.
    Text,
}

impl Longest {
    const fn bytes(self) -> u64 {
        match self {
            Self::Document => 16 << 20,
            Self::Text => 256 << 20,
        }
    }
}

/// Reads a text to its end from what was opened as `name`: a file, a pipe, standard input. No more
/// is read than the text may be long, so that neither a pipe nor a device takes all of memory. A
/// byte-order mark at its beginning is left out.
///
/// # Errors
/// If it could not be opened, cannot be read, is longer than that, or is not UTF-8.
pub fn text_of(
    name: &str,
    opened: io::Result<impl Read>,
    longest: Longest,
) -> Result<String, ConfigError> {
    let most_bytes = longest.bytes();
    let mut bytes = Vec::new();
    let read = opened.and_then(|file| file.take(most_bytes + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_string(),
            ErrorKind::PermissionDenied => "permission denied".to_string(),
            ErrorKind::IsADirectory => "it is a directory".to_string(),
            _ => error.to_string(),
        };
        ConfigError::new(format!("cannot read `{name}`: {why}"))
    })?;
    if bytes.len() as u64 > most_bytes {
        return Err(too_long(name, most_bytes));
    }
    decode(name, bytes)
}

fn too_long(name: &str, most_bytes: u64) -> ConfigError {
    ConfigError::new(format!(
        "`{name}` is too long: at most {most_bytes} bytes are read"
    ))
    .help(format!(
        "a file of this kind has at most {} MiB",
        most_bytes >> 20
    ))
}

/// Bytes as text, or an error that says what they are instead.
fn decode(name: &str, bytes: Vec<u8>) -> Result<String, ConfigError> {
    // ASCII in UTF-16 is valid UTF-8, with a zero byte for every second character.
    let begins_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let zeros = bytes.iter().take(64).filter(|&&byte| byte == 0).count();
    if begins_utf16 || (zeros > 0 && zeros * 2 >= bytes.len().min(64) - 1) {
        return Err(
            ConfigError::new(format!("`{name}` is UTF-16 text, not UTF-8"))
                .help("save the file as UTF-8"),
        );
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return Err(
            ConfigError::new(format!("`{name}` is not text: byte {at} is zero"))
                .help("give a text file in UTF-8"),
        );
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid]
            .iter()
            .filter(|&&b| b == b'\n')
            .count();
        ConfigError::new(format!("`{name}` is not UTF-8 text"))
            .note(format!(
                "the first invalid byte is byte {valid}, in line {line}"
            ))
            .help("save the file as UTF-8")
    })?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<String, String> {
        decode("it", bytes.to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_other_encodings_are_named() {
        assert_eq!(decoded("\u{feff}(a: 1)".as_bytes()).unwrap(), "(a: 1)");
        assert_eq!(decoded(b"").unwrap(), "");
        assert_eq!(decoded(b"(").unwrap(), "(");
        let wide = |to_bytes: fn(u16) -> [u8; 2]| {
            let units = "Machine(name: \"a\")".encode_utf16();
            units.flat_map(to_bytes).collect::<Vec<u8>>()
        };
        for bytes in [
            [&[0xff, 0xfe][..], &wide(u16::to_le_bytes)].concat(),
            [&[0xfe, 0xff][..], &wide(u16::to_be_bytes)].concat(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
        ] {
            assert!(decoded(&bytes).unwrap_err().contains("UTF-16"));
        }
        let binary = [&b"Machine(name: \"abc"[..], &[0], b"\")"].concat();
        assert!(decoded(&binary).unwrap_err().contains("byte 18 is zero"));
        assert!(decoded(b"caf\xe9").unwrap_err().contains("not UTF-8"));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_end_is_read_up_to_the_limit() {
        let error =
            text_of("zeros", std::fs::File::open("/dev/zero"), Longest::Document).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }
}
