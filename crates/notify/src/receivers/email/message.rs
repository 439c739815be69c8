//! The text of a message: headers and parts, as RFC 5322 and MIME have them.

use super::header;

/// Longest line of an encoded body, its end not counted.
const LINE_CHARS_MAX: usize = 76;

/// A part of the same message in another form.
#[derive(Debug)]
pub(super) struct Part {
    /// `text/plain` or `text/html`.
    pub(super) kind: &'static str,
    pub(super) body: String,
}

/// A message that is being written.
#[derive(Debug, Default)]
pub(super) struct Message {
    text: String,
}

impl Message {
    /// Appends a header field.
    pub(super) fn header(&mut self, name: &str, value: &str) {
        header::write(&mut self.text, name, value);
    }

    /// Appends the parts. All lines end with CR LF.
    pub(super) fn finish(mut self, parts: &[Part], identifier: &str) -> String {
        self.header("MIME-Version", "1.0");
        // No part has this line: an encoded body has `=` only before two digits or a line's end.
        let boundary = format!("=_{identifier}");
        let kind = format!("multipart/alternative; boundary=\"{boundary}\"");
        self.header("Content-Type", &kind);
        for part in parts {
            self.text.push_str(&format!("\r\n--{boundary}\r\n"));
            let kind = format!("{}; charset=UTF-8", part.kind);
            self.header("Content-Type", &kind);
            self.header("Content-Transfer-Encoding", "quoted-printable");
            self.text.push_str("\r\n");
            quoted_printable(&mut self.text, &part.body);
        }
        self.text.push_str(&format!("\r\n--{boundary}--\r\n"));
        self.text
    }
}

/// Appends a body as quoted-printable.
fn quoted_printable(out: &mut String, body: &str) {
    for (index, line) in body.split('\n').enumerate() {
        if index > 0 {
            out.push_str("\r\n");
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut length = 0;
        let mut bytes = line.bytes().peekable();
        while let Some(byte) = bytes.next() {
            let is_last = bytes.peek().is_none();
            let is_plain = match byte {
                // At the end of a line, white space gets lost.
                b' ' | b'\t' => !is_last,
                b'=' => false,
                b'!'..=b'~' => true,
                _ => false,
            };
            let width = if is_plain { 1 } else { 3 };
            // Room for the `=` of a line that goes on.
            if length + width > LINE_CHARS_MAX - usize::from(!is_last) {
                out.push_str("=\r\n");
                length = 0;
            }
            length += width;
            if is_plain {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("={byte:02X}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_quoted_printable() {
        let check = |body: &str, want: &str| {
            let mut out = String::new();
            quoted_printable(&mut out, body);
            assert_eq!(out, want, "{body:?}");
        };
        check("", "");
        check("a = b\nc\r\n", "a =3D b\r\nc\r\n");
        check("é \n\tx\t", "=C3=A9=20\r\n\tx=09");
        check(".\n\0", ".\r\n=00");
        check(&"x".repeat(76), &"x".repeat(76));
        check(&"x".repeat(77), &format!("{}=\r\nxx", "x".repeat(75)));
        check(
            &"é".repeat(13),
            &format!("{}=\r\n=A9", "=C3=A9".repeat(12) + "=C3"),
        );
    }

    /// What a mail program makes of it.
    fn decoded(text: &str) -> Vec<u8> {
        let text = text.replace("=\r\n", "");
        let mut bytes = text.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte != b'=' {
                out.push(byte);
                continue;
            }
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            let digits = std::str::from_utf8(&digits).unwrap().to_owned();
            out.push(u8::from_str_radix(&digits, 16).unwrap());
        }
        out
    }

    proptest::proptest! {
        #[test]
        fn bodies_come_out_as_they_went_in(body in "[ -~é😀\\t\\n=.]{0,300}") {
            let mut out = String::new();
            quoted_printable(&mut out, &body);
            assert_eq!(decoded(&out), body.replace('\n', "\r\n").into_bytes());
            assert!(out.is_ascii() && out.split("\r\n").all(|line| line.len() <= 76), "{out}");
        }
    }
}
