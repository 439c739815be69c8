//! What is answered to those who look after a service.

use std::fmt::Write as _;

use super::{HealthRegistry, HealthState};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// An answer to be sent, with `Cache-Control: no-store` where there is a place for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthResponse {
    /// The status of HTTP: 200 or 503.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Live,
    Ready,
    Startup,
    Health,
}

impl Endpoint {
    pub(super) const ALL: [Self; 4] = [Self::Live, Self::Ready, Self::Startup, Self::Health];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Startup => "/startupz",
            Self::Health => "/healthz",
        }
    }
}

impl HealthRegistry {
    /// Answers to a path, which may have a query. `None`: it is another path.
    ///
    /// | Path | 200 | 503 | Body |
    /// | --- | --- | --- | --- |
    /// | `/livez` | it should go on | it should be started again | text |
    /// | `/readyz` | it should get requests | it comes up, drains, or is down | text |
    /// | `/startupz` | it came up | not yet | text |
    /// | `/healthz` | up, degraded | down, unknown | [`HealthReport`](super::HealthReport) as JSON |
    ///
    /// Text is `ok`, or a problem a line. With `?verbose` all of them list the probes as servers of
    /// Kubernetes do: `[+]` works, `[-]` does not, `[?]` is not known, and a line at the end that says what
    /// the answer is. Probes never decide what `/livez` says.
    #[must_use]
    pub fn respond(&self, path: &str) -> Option<HealthResponse> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let endpoint = Endpoint::ALL.into_iter().find(|it| it.path() == path)?;
        Some(self.answer(endpoint, query))
    }

    pub(super) fn answer(&self, endpoint: Endpoint, query: &str) -> HealthResponse {
        if is_verbose(query) {
            return self.answer_in_full(endpoint);
        }
        let problems = match endpoint {
            Endpoint::Live => self.live_problems(),
            Endpoint::Ready => self.ready_problems(),
            Endpoint::Startup => self.startup_problems(),
            Endpoint::Health => {
                let report = self.report();
                // It has no keys that are no texts.
                let body = serde_json::to_string(&report).unwrap_or_default();
                return response(report.state.works(), JSON, body);
            }
        };
        let body = match problems.is_empty() {
            true => "ok\n".to_owned(),
            false => problems.join("\n") + "\n",
        };
        response(problems.is_empty(), TEXT, body)
    }

    fn answer_in_full(&self, endpoint: Endpoint) -> HealthResponse {
        let report = self.report();
        let (is_well, problems) = match endpoint {
            Endpoint::Live => (report.is_live, self.live_problems()),
            Endpoint::Ready => (report.is_ready, self.ready_problems()),
            Endpoint::Startup => (report.is_started, self.startup_problems()),
            Endpoint::Health => (report.state.works(), report.reasons),
        };
        let mut body = String::new();
        let lines = report.probes.iter().map(|probe| match probe.state {
            HealthState::Up => format!("[+]{} ok", probe.name),
            HealthState::Degraded => format!("[+]{}", probe.line()),
            HealthState::Down => format!("[-]{}", probe.line()),
            HealthState::Unknown => format!("[?]{}", probe.line()),
        });
        for line in lines.chain(problems) {
            body.push_str(&line);
            body.push('\n');
        }
        let name = endpoint.path().trim_start_matches('/');
        let verdict = if is_well { "passed" } else { "failed" };
        // Writing to a string does not fail.
        let _written = writeln!(body, "{name} check {verdict}");
        response(is_well, TEXT, body)
    }
}

fn response(is_well: bool, content_type: &'static str, body: String) -> HealthResponse {
    HealthResponse {
        status: if is_well { 200 } else { 503 },
        content_type,
        body,
    }
}

fn is_verbose(query: &str) -> bool {
    let mut pairs = query
        .split('&')
        .map(|it| it.split_once('=').unwrap_or((it, "")));
    pairs.any(|(key, value)| key == "verbose" && !["0", "false"].contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbose_is_a_word_of_the_query() {
        for (query, want) in [
            ("", false),
            ("verbose", true),
            ("verbose=", true),
            ("a=1&verbose=true", true),
            ("verbose=false", false),
            ("verbose=0", false),
            ("verboser", false),
        ] {
            assert_eq!(is_verbose(query), want, "{query}");
        }
    }
}
