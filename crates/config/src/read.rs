//! Files as text: bounded, so that no file, pipe or device takes all of memory.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::ConfigError;

/// What some editors put before the first character of a UTF-8 text.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// The longest RON file that is read. The largest shipped one has a thousandth of that.
const LONGEST_DOCUMENT_BYTES: u64 = 16 << 20;

/// The longest text of any other form: traces of requests have millions of lines.
const LONGEST_TEXT_BYTES: u64 = 256 << 20;

/// Reads a text file of any form, at most 256 MiB of it. A byte-order mark at its beginning is left
/// out.
///
/// # Errors
/// If it cannot be opened, is longer than that, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    read_at_most(path, LONGEST_TEXT_BYTES)
}

/// Reads a file that a person writes: a RON file, or one that it names; at most 16 MiB of it.
///
/// # Errors
/// As [`read_text`].
pub fn read_document(path: &Path) -> Result<String, ConfigError> {
    read_at_most(path, LONGEST_DOCUMENT_BYTES)
}

fn read_at_most(path: &Path, most_bytes: u64) -> Result<String, ConfigError> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_string(),
            ErrorKind::PermissionDenied => "permission denied".to_string(),
            ErrorKind::IsADirectory => "it is a directory".to_string(),
            _ => error.to_string(),
        };
        ConfigError::new(format!("cannot read `{name}`: {why}"))
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > most_bytes {
        return Err(too_long(
            &name,
            &format!("it has {length} bytes, "),
            most_bytes,
        ));
    }
    // Pipes and devices have no length until they end, if they do.
    let mut bytes = Vec::new();
    file.take(most_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > most_bytes {
        return Err(too_long(&name, "", most_bytes));
    }
    decode(&name, bytes)
}

fn too_long(name: &str, found: &str, most_bytes: u64) -> ConfigError {
    ConfigError::new(format!(
        "`{name}` is too long: {found}at most {most_bytes} bytes are read"
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
        let error = read_document(Path::new("/dev/zero")).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }
}
