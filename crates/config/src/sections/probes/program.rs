//! Programs of this host that probes start, and `command`.

use std::path::PathBuf;

use bellwether_outbound::settings::{Secret, SecretSource};
use bellwether_probe::module::{CommandSettings, LocalProgram};

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};

pub(super) static PROGRAM: Section = Section {
    name: "program of a probe",
    doc: "A program of this host, started without a shell, and killed with all that it started when the probe's time is over.",
    fields: &[
        Field::required(
            "program",
            Kind::Text,
            "A path, or a name that is looked for in the server's own PATH.",
        ),
        Field::new(
            "arguments",
            Kind::List(&Kind::Text),
            "",
            "Its arguments. Everybody on the host may see them: no place for secrets.",
        ),
        Field::new(
            "environment",
            Kind::Map(&Kind::Secret),
            "",
            "Its environment, beside PATH; nothing else is inherited.",
        ),
        Field::new(
            "environment_files",
            Kind::Map(&Kind::ReadFile),
            "",
            "Further variables, each with a file that holds its value.",
        ),
        Field::new(
            "folder",
            Kind::Path,
            "",
            "The folder that it runs in; the server's own where absent.",
        ),
    ],
    includes: &[],
    check: Some(check_program),
};

pub(super) static COMMAND: Section = Section {
    name: "command prober",
    doc: "A program whose exit code is the verdict, as plugins of Nagios have it: 0 is up, 1 degraded, 2 down, all else unknown. The first line of its output is the reason. It takes no target.",
    fields: &[Field::new(
        "perfdata",
        Kind::Bool,
        "false",
        "Make probe_command_perfdata of what stands behind | in its output.",
    )],
    includes: &[&PROGRAM],
    check: None,
};

fn check_program(view: &View<'_>, problems: &mut Problems) {
    for key in ["environment", "environment_files"] {
        for (name, node) in view.entries(key) {
            let message = if name.is_empty() || name.contains(['=', '\0']) {
                format!("{name:?} is not the name of a variable: want no = and no NUL")
            } else if key == "environment_files"
                && view.entries("environment").any(|(other, _)| other == name)
            {
                format!("{name:?} is in environment too: want it once")
            } else {
                continue;
            };
            problems.error(&view.origin.file, node.position, &node.path, message);
        }
    }
}

pub(super) fn decode_program(view: &View<'_>) -> LocalProgram {
    let program = view.text("program");
    let texts = view.entries("environment").map(|(name, node)| {
        let value = SecretSource::Inline(Secret::new(node_text(node)));
        (name.to_owned(), value)
    });
    let files = view.entries("environment_files").map(|(name, node)| {
        let value = SecretSource::File(view.origin.join(&node_text(node)));
        (name.to_owned(), value)
    });
    // A path that is not absolute would be looked for in the folder that the program runs in.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    LocalProgram {
        program: match program.contains('/') {
            true => absolute(view.origin.join(program)).display().to_string(),
            false => program.to_owned(),
        },
        arguments: view.texts("arguments"),
        environment: texts.chain(files).collect(),
        folder: view.path_of("folder"),
    }
}

pub(super) fn decode_command(view: &View<'_>) -> CommandSettings {
    CommandSettings {
        run: decode_program(view),
        perfdata: view.bool("perfdata"),
    }
}
