//! What targets answer to probes.

use crate::targets::{Target, strings};

/// Streams of events: of providers of language models, and of MCP servers. The first byte of an input
/// says how long the pieces are in which it comes.
pub(crate) const PROBE_EVENTS: Target = Target {
    name: "probe_events",
    seeds: || {
        strings(&[
            "\u{7}data: {\"choices\":[{\"delta\":{\"content\":\"O\"},\"finish_reason\":null}]}\n\ndata: [DONE]\n\n",
            "\u{1}event: message_delta\r\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3}}\r\n\r\n",
            "\u{40}: hello\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"}}],\"nextCursor\":\"x\"}}\n\n",
            "\u{7}data: [{\"jsonrpc\":\"2.0\",\"method\":\"n\"},{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32022,\"message\":\"no\"}}]\n\n",
            "\u{7}data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"supportedVersions\":[\"2026-07-28\"],\"_meta\":{\"x\":1},\"tools\":[]}}\n\n",
            "\u{7}\u{feff}data: {\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\r\r",
        ])
    },
    dictionary: &[
        "data: ",
        "event: ",
        "\n\n",
        "\r\n",
        "\r",
        ": ",
        "[DONE]",
        "{",
        "[",
        "\"jsonrpc\":\"2.0\"",
        "\"id\":1",
        "\"result\":",
        "\"error\":",
        "\"choices\":",
        "null",
    ],
    run: events,
    memory_max_bytes: 32 << 20,
};

fn events(input: &[u8]) {
    let (piece_bytes, stream) = input.split_first().unwrap_or((&1, &[]));
    let count = bellwether_probe::fuzzing::events(stream, usize::from(*piece_bytes));
    // An event has a line with data and a blank one.
    let bytes = stream.len();
    assert!(count <= bytes / 2, "{count} events in {bytes} bytes");
}

/// Answers of Redis, and outputs of plugins.
pub(crate) const PROBE_ANSWERS: Target = Target {
    name: "probe_answers",
    seeds: || {
        strings(&[
            "+PONG\r\n$13\r\nrole:master\r\n\r\n:1\r\n$-1\r\n-ERR no\r\n",
            "DISK OK | /=2643MB;5948;5958;0;5968 'a ''b'' c'=-1.5s\nmore | load1=0.5",
        ])
    },
    dictionary: &["\r\n", "$", "$-1", "+", "-", ":", "|", "=", "''", ";"],
    run: answers,
    memory_max_bytes: 16 << 20,
};

fn answers(input: &[u8]) {
    let count = bellwether_probe::fuzzing::answers(input);
    let bytes = input.len();
    assert!(count <= bytes, "{count} values in {bytes} bytes");
}
