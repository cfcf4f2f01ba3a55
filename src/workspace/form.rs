//! From a file's bytes to text, and back to the same bytes.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::model::{Ending, Form, Opened, Stamp, TextFile};

const BOM: char = '\u{feff}';

/// What a text file's bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(String, Form),
    Binary(&'static str),
}

/// Reads bytes as text, when that is what they are.
pub(super) fn decode(bytes: Vec<u8>) -> Content {
    if let Some(what) = known(&bytes) {
        return Content::Binary(what);
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.as_bytes().contains(&0) => return Content::Binary("binary data"),
        Err(_) => return Content::Binary("text that is not UTF-8"),
    };
    if text.contains('\0') {
        return Content::Binary("binary data");
    }
    let (text, bom) = match text.strip_prefix(BOM) {
        Some(rest) => (rest.to_owned(), true),
        None => (text, false),
    };
    let (pairs, returns, feeds) = (
        text.matches("\r\n").count(),
        memchr::memchr_iter(b'\r', text.as_bytes()).count(),
        memchr::memchr_iter(b'\n', text.as_bytes()).count(),
    );
    if returns == 0 {
        return Content::Text(text, Form { ending: Ending::Lf, bom });
    }
    if pairs == returns && pairs == feeds {
        return Content::Text(text.replace("\r\n", "\n"), Form { ending: Ending::CrLf, bom });
    }
    Content::Text(text, Form { ending: Ending::Mixed, bom })
}

/// A file by its bytes.
pub(super) fn opened(bytes: Vec<u8>, stamp: Stamp, writable: bool) -> Opened {
    let size = bytes.len() as u64;
    match decode(bytes) {
        Content::Text(text, form) => Opened::Text(TextFile { text, form, stamp, writable }),
        Content::Binary(what) => Opened::Binary { size, what },
    }
}

/// The bytes that a text is in a file.
pub(super) fn encode(text: &str, form: Form) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 3);
    if form.bom {
        bytes.extend_from_slice(BOM.encode_utf8(&mut [0; 4]).as_bytes());
    }
    match form.ending {
        // What was pasted may have had others.
        Ending::CrLf => bytes.extend_from_slice(text.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes()),
        Ending::Lf | Ending::Mixed => bytes.extend_from_slice(text.as_bytes()),
    }
    bytes
}

/// SHA-256 in hexadecimal.
pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What bytes are that begin in a way everyone knows.
fn known(bytes: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 17] = [
        (b"\x7fELF", "an ELF program"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF87a", "a GIF image"),
        (b"GIF89a", "a GIF image"),
        (b"%PDF-", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "gzip data"),
        (b"\xfd7zXZ\0", "xz data"),
        (b"\x28\xb5\x2f\xfd", "Zstandard data"),
        (b"BZh91AY&SY", "bzip2 data"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\xca\xfe\xba\xbe", "a Java class or Mach-O program"),
        (b"\0asm", "a WebAssembly program"),
        (b"MZ\x90\0", "a Windows program"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
    ];
    if bytes.get(257..262) == Some(b"ustar") {
        return Some("a tar archive");
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some("a WebP image");
    }
    KNOWN.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> (String, Form) {
        match decode(bytes.to_vec()) {
            Content::Text(text, form) => (text, form),
            Content::Binary(what) => panic!("{what}"),
        }
    }

    #[test]
    fn lines_end_as_they_did() {
        assert_eq!(text(b"a\nb"), ("a\nb".into(), Form { ending: Ending::Lf, bom: false }));
        assert_eq!(text(b"\xef\xbb\xbfa\r\nb\r\n"), ("a\nb\n".into(), Form { ending: Ending::CrLf, bom: true }));
        assert_eq!(text(b"a\r\nb\n"), ("a\r\nb\n".into(), Form { ending: Ending::Mixed, bom: false }));
        assert_eq!(text(b"a\rb"), ("a\rb".into(), Form { ending: Ending::Mixed, bom: false }));
        assert_eq!(text(b""), (String::new(), Form::default()));
        let pasted = encode("a\r\nb\n", Form { ending: Ending::CrLf, bom: false });
        assert_eq!(pasted, b"a\r\nb\r\n");
    }

    #[test]
    fn what_is_no_text_is_named() {
        let what = |bytes: &[u8]| match decode(bytes.to_vec()) {
            Content::Binary(what) => what,
            Content::Text(..) => "text",
        };
        assert_eq!(what(b"\x7fELF\x02"), "an ELF program");
        assert_eq!(what(b"caf\xe9"), "text that is not UTF-8");
        assert_eq!(what(b"a\0b"), "binary data");
        assert_eq!(what(b"\xff\xfea\0"), "UTF-16 text");
        assert_eq!(what("é漢\t\x1b".as_bytes()), "text");
    }

    proptest! {
        #[test]
        fn what_was_read_is_what_is_written(bytes in "(\u{feff})?([a-c\u{e9}]|\r\n|\n|\r){0,40}") {
            let (read, form) = text(bytes.as_bytes());
            prop_assert_eq!(encode(&read, form), bytes.into_bytes());
        }
    }
}
