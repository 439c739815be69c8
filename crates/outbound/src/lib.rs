//! The HTTP client of everything that we ask ourselves: scrapes, discovery, remote write.
//!
//! ## Model
//! [`client`] makes a [`Client`] of [`settings::HttpClientSettings`]. [`Client::send`] adds
//! credentials and headers, sends a [`Request`] and gives a [`Response`] whose body is read with a
//! limit ([`Response::read_body`]). [`start_tls`] is for what is not HTTP.
//! Probes, which measure each phase, connect by themselves with [`tls_config`] and [`Authorizer`].
//!
//! ## Invariants
//! - No body is read without a bound, before and after decompression.
//! - Certificates, keys, passwords and tokens that live in files are read again when the file
//!   changes; a running client needs no restart.
//! - Secrets appear in no error and no `Debug` text.
//!
//! ## See also
//! [`settings`] for what a client can be told.

mod auth;
mod body;
mod client;
mod error;
mod file;
mod oauth2;
pub mod settings;
#[cfg(test)]
mod tests;
mod tls;

pub use auth::Authorizer;
pub use body::{BODY_BYTES_MAX, Encoding, decode_body};
pub use bytes::Bytes;
pub use client::{Client, Request, Response, client, lazy_client};
pub use error::OutboundError;
pub use reqwest::{Method, StatusCode, header};
pub use tls::{authorities, start_tls, tls_config};
