//! What replicas ask one another, as bytes.

use bellwether_codec::varint::{Malformed, Reader, put};
use url::form_urlencoded;

use crate::replica::entry::{put_entries, read_entries};
use crate::replica::shared_log::{Page, Position};

pub(super) const CONTENT_TYPE: &str = "application/octet-stream";
/// Names of replicas are no longer.
const NAME_BYTES_MAX: usize = 1_024;

/// What another replica asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerRequest {
    /// What is new.
    Read {
        /// What it has; it is durable there.
        position: Position,
        /// Only say when there is something, at the latest after a second.
        wait: bool,
        /// The other replica's name.
        by: String,
    },
    /// Take entries.
    Append {
        /// As [`super::super::put_entries`] writes them.
        body: Vec<u8>,
    },
}

impl PeerRequest {
    /// A request by the parts of HTTP: `GET` with a query such as
    /// `epoch=3&after=7&wait=1&by=http://b:9090/`, or `POST` with a body.
    ///
    /// # Errors
    /// Where it is neither; the text is for people.
    pub fn parse(method: &str, query: &str, body: Vec<u8>) -> Result<Self, String> {
        match method {
            "POST" => return Ok(Self::Append { body }),
            "GET" => {}
            _ => return Err("want GET or POST".to_owned()),
        }
        let (mut position, mut wait, mut by) = (Position::default(), false, String::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let number = || {
                let shown = bellwether_model::short(&value);
                let wrong = format!("{name} is {shown:?}: want a whole number");
                value.parse::<u64>().map_err(|_| wrong)
            };
            match &*name {
                "epoch" => position.epoch = number()?,
                "after" => position.sequence = number()?,
                "wait" => wait = number()? > 0,
                "by" => by = value.into_owned(),
                _ => {}
            }
        }
        if by.is_empty() || by.len() > NAME_BYTES_MAX {
            return Err(format!(
                "by has {} bytes: want the name of a replica, 1 to {NAME_BYTES_MAX} bytes",
                by.len()
            ));
        }
        Ok(Self::Read { position, wait, by })
    }
}

/// The answer to another replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl PeerAnswer {
    pub(super) fn text(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: text.into().into_bytes(),
        }
    }

    pub(super) fn page(page: &Page) -> Self {
        let mut body = Vec::new();
        put(&mut body, page.position.epoch);
        put(&mut body, page.position.sequence);
        body.push(u8::from(page.more));
        body.extend_from_slice(&put_entries(&page.entries));
        Self {
            status: 200,
            content_type: CONTENT_TYPE,
            body,
        }
    }
}

pub(super) fn read_page(body: &[u8]) -> Result<Page, Malformed> {
    let mut reader = Reader::new(body);
    let position = Position {
        epoch: reader.varint()?,
        sequence: reader.varint()?,
    };
    let more = reader.byte()? != 0;
    Ok(Page {
        entries: read_entries(reader.rest())?,
        position,
        more,
    })
}
