//! `postgres` and `redis`.

use bellwether_probe::module::{
    DatabaseRole, Pattern, PostgresSettings, PostgresSslMode, RedisSettings,
};

use super::address::{ADDRESS, decode_address};
use super::values::named;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{TLS, decode_tls};
use crate::view::View;

const ROLES: &[&str] = &["any", "primary", "replica"];

static DATABASE: Section = Section {
    name: "database of a probe",
    doc: "What probes of databases have in common.",
    fields: &[
        Field::new("password", Kind::Secret, "", "The password."),
        Field::new(
            "password_file",
            Kind::ReadFile,
            "",
            "File with the password.",
        ),
        Field::new("tls_config", Kind::Section(&TLS), "", "TLS."),
        Field::new(
            "role",
            Kind::OneOf(ROLES),
            "any",
            "Which part in replication the server must have.",
        ),
    ],
    includes: &[&ADDRESS],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["password", "password_file"]);
    }),
};

pub(super) static POSTGRES: Section = Section {
    name: "postgres prober",
    doc: "PostgreSQL. The target is host or host:port, 5432 where it names none.",
    fields: &[
        Field::new("user", Kind::Text, "postgres", "Who signs in."),
        Field::new(
            "database",
            Kind::Text,
            "",
            "The database; the one that is named as the user where absent.",
        ),
        Field::new(
            "sslmode",
            Kind::OneOf(&["disable", "prefer", "require", "verify-full"]),
            "prefer",
            "Whether TLS is spoken, by the names of libpq; verify-full checks the certificate.",
        ),
        Field::new(
            "query",
            Kind::Text,
            "SELECT 1",
            "The one statement that is run, in a transaction that only reads.",
        ),
        Field::new(
            "expect",
            Kind::Pattern,
            "",
            "What the first column of the first row must match; any answer will do where absent.",
        ),
    ],
    includes: &[&DATABASE],
    check: None,
};

pub(super) static REDIS: Section = Section {
    name: "redis prober",
    doc: "Redis, and what speaks as it does. The target is host or host:port, 6379 where it names none. A role other than any needs a user who may call INFO.",
    fields: &[
        Field::new(
            "user",
            Kind::Text,
            "",
            "The user of an access control list; the default one where absent.",
        ),
        Field::new("tls", Kind::Bool, "false", "Speak TLS."),
    ],
    includes: &[&DATABASE],
    check: Some(|view, problems| {
        let has_password = view.is_set("password") || view.is_set("password_file");
        if view.is_set("user") && !has_password {
            let message = "has no password: want password or password_file, or nobody signs in";
            view.error_at(problems, "user", message);
        }
    }),
};

pub(super) fn decode_postgres(view: &View<'_>) -> PostgresSettings {
    PostgresSettings {
        address: decode_address(view),
        user: view.text("user").to_owned(),
        password: view.secret_source("password", "password_file"),
        database: view.text("database").to_owned(),
        sslmode: named(view, "sslmode", &PostgresSslMode::NAMES),
        tls_config: decode_tls(&view.section("tls_config")),
        query: view.text("query").to_owned(),
        expect: view
            .optional_text("expect")
            .and_then(|text| Pattern::new(text).ok()),
        role: named(view, "role", &DatabaseRole::NAMES),
    }
}

pub(super) fn decode_redis(view: &View<'_>) -> RedisSettings {
    RedisSettings {
        address: decode_address(view),
        user: view.optional_text("user"),
        password: view.secret_source("password", "password_file"),
        tls: view.bool("tls"),
        tls_config: decode_tls(&view.section("tls_config")),
        role: named(view, "role", &DatabaseRole::NAMES),
    }
}
