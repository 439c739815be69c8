//! Files beside the main configuration: rules, targets, the file of the web server.

use std::path::Path;

use bellwether_config::{CheckOptions, LoadOptions, check, load_web};
use bellwether_promql::Features;

use crate::targets::{Target, strings};

/// A letter for the kind of file, then its text.
pub(crate) const CONFIG_FILES: Target = Target {
    name: "config_files",
    seeds: || {
        strings(&[
            "rgroups:\n- name: g\n  interval: 1m\n  rules:\n  - alert: A\n    expr: up == 0\n    for: 5m\n    labels: { severity: page }\n    annotations: { s: '{{ $value }}' }\n  - { record: 'a:b', expr: 'sum(up)' }\n",
            "j[{\"targets\":[\"a:1\",\"b:2\"],\"labels\":{\"x\":\"y\"}}]",
            "y- targets: ['a:1']\n  labels: { x: y }\n- &a { targets: [] }\n- *a\n",
            "wtls_server_config: { cert_file: a, key_file: b, min_version: TLS12 }\nbasic_auth_users: { u: $2y$12$abcdefghijklmnopqrstuv }\n",
        ])
    },
    dictionary: &[
        "groups:\n",
        "- name: ",
        "expr: ",
        "{{ ",
        "\"targets\":[",
        "&a ",
        "*a",
        "<<: ",
        "!!int ",
        "|\n",
        "\t",
        "[",
        "]",
        "{",
        "}",
        "null",
    ],
    run: config_files,
    memory_max_bytes: 256 << 20,
};

const MAIN: &str = "rule_files: [rules.yml]\nscrape_configs:\n- job_name: a\n  file_sd_configs: [{ files: [targets.json, targets.yml] }]\n";

fn config_files(input: &[u8]) {
    let Some((kind, content)) = input.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(content) else {
        return;
    };
    for is_json in [false, true] {
        let _count = bellwether_scrape::fuzzing::target_group_count(text, is_json);
    }
    let name = match kind {
        b'r' => "rules.yml",
        b'j' => "targets.json",
        b'w' => "web.yml",
        _ => "targets.yml",
    };
    // What the disk refuses is no finding.
    let Ok(folder) = tempfile::tempdir() else {
        return;
    };
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    if put("bellwether.yml", MAIN)
        .and_then(|()| put(name, text))
        .is_ok()
    {
        look_at(folder.path(), name);
    }
}

fn look_at(folder: &Path, name: &str) {
    if name == "web.yml" {
        drop(load_web(&folder.join(name)));
        return;
    }
    let options = CheckOptions {
        load: LoadOptions::default(),
        features: Features::all(),
    };
    let _report = check(&folder.join("bellwether.yml"), &options);
}
