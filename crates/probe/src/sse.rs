//! Server-sent events: from bytes in whatever pieces to events.
//!
//! ## Format
//! The event stream format of WHATWG's HTML standard: lines that end with CR, LF or both, fields,
//! comments, a blank line ends an event. Only `event` and `data` are of use here.
//!
//! ## Limits
//! A line, and the data of one event, have at most [`EVENT_BYTES_MAX`] bytes.

/// Chosen: a large list of tools in one event fits; an endless one does not take the memory.
pub(crate) const EVENT_BYTES_MAX: usize = 8 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name; `message` where it has none.
    pub(crate) name: String,
    /// Its data lines, joined by line feeds. What is no UTF-8 is replaced.
    pub(crate) data: String,
}

/// An event, or a line of one, is longer than [`EVENT_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {EVENT_BYTES_MAX} bytes")]
pub(crate) struct EventTooLong;

/// Reads events from pieces of a stream.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    /// The line that is not at its end yet.
    line: Vec<u8>,
    /// Whether the last byte was a carriage return, after which a line feed ends no further line.
    after_cr: bool,
    /// Whether a line has been read: only the first may begin with a byte order mark.
    is_begun: bool,
    name: String,
    data: Vec<u8>,
    has_data: bool,
}

impl EventReader {
    /// Takes the next piece and adds the events that it completes.
    ///
    /// # Errors
    /// Where a line or an event is too long; then nothing more can be read.
    pub(crate) fn push(
        &mut self,
        piece: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), EventTooLong> {
        let mut rest = piece;
        if self.after_cr && rest.first() == Some(&b'\n') {
            rest = rest.get(1..).unwrap_or_default();
        }
        if !piece.is_empty() {
            self.after_cr = false;
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, tail) = rest.split_at(end);
            self.extend_line(line)?;
            let is_cr = tail.first() == Some(&b'\r');
            rest = match tail {
                [b'\r', b'\n', tail @ ..] | [_, tail @ ..] => tail,
                [] => &[],
            };
            self.after_cr = is_cr && tail.len() == 1;
            self.end_line(events)?;
        }
        self.extend_line(rest)
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), EventTooLong> {
        if self.line.len() + bytes.len() > EVENT_BYTES_MAX {
            return Err(EventTooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<Event>) -> Result<(), EventTooLong> {
        let line = std::mem::take(&mut self.line);
        let mut text = line.as_slice();
        if !self.is_begun {
            self.is_begun = true;
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        if text.is_empty() {
            self.end_event(events);
        } else {
            let colon = text.iter().position(|byte| *byte == b':');
            let (field, value) = text.split_at(colon.unwrap_or(text.len()));
            let value = value.strip_prefix(b":").unwrap_or(value);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"data" => {
                    if self.data.len() + value.len() >= EVENT_BYTES_MAX {
                        return Err(EventTooLong);
                    }
                    if self.has_data {
                        self.data.push(b'\n');
                    }
                    self.has_data = true;
                    self.data.extend_from_slice(value);
                }
                b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
                // Comments, `id`, `retry` and what is unknown.
                _ => {}
            }
        }
        // The buffer goes on to be used.
        self.line = line;
        self.line.clear();
        Ok(())
    }

    fn end_event(&mut self, events: &mut Vec<Event>) {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        if !std::mem::take(&mut self.has_data) {
            return;
        }
        events.push(Event {
            name: if name.is_empty() {
                "message".to_owned()
            } else {
                name
            },
            data: String::from_utf8_lossy(&data).into_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        for piece in pieces {
            reader.push(piece, &mut events).unwrap();
        }
        events
            .into_iter()
            .map(|event| (event.name, event.data))
            .collect()
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        let stream = b"\xef\xbb\xbf: hello\n\ndata: a\ndata:b\n\nevent: x\ndata\n\nevent: none\n\nid: 1\ndata:  c\n\n";
        let want = [
            event("message", "a\nb"),
            event("x", ""),
            event("message", " c"),
        ];
        assert_eq!(read(&[stream]), want);
        let other = String::from_utf8_lossy(stream).replace('\n', "\r\n");
        assert_eq!(read(&[other.as_bytes()]), want);
        let old = String::from_utf8_lossy(stream).replace('\n', "\r");
        assert_eq!(read(&[old.as_bytes()]), want);
        // What is not ended is no event.
        assert_eq!(read(&[b"data: a\n"]), []);
    }

    #[test]
    fn endless_lines_and_events_are_cut() {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        let piece = vec![b'x'; 1 << 20];
        let pushed = (0..9).try_for_each(|_| reader.push(&piece, &mut events));
        assert_eq!(pushed, Err(EventTooLong));
        let mut reader = EventReader::default();
        let line = [b"data: ".as_slice(), &piece, b"\n"].concat();
        let pushed = (0..9).try_for_each(|_| reader.push(&line, &mut events));
        assert_eq!(pushed, Err(EventTooLong));
        assert_eq!(events, []);
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(
            stream in proptest::collection::vec(
                prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), any::<u8>()],
                0..200
            ),
            cuts in proptest::collection::vec(0usize..200, 0..6)
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[&stream]));
        }
    }
}
