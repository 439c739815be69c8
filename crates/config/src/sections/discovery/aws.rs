//! Services of AWS.

use super::{FILTER, TEXTS, port, refresh};
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::HTTP_CLIENT;

const AWS_ROLES: &[&str] = &["ec2", "ecs", "elasticache", "lightsail", "msk", "rds"];

pub(super) static AWS_SD: Section = Section {
    name: "aws_sd_config",
    doc: "Services of AWS, by role.",
    fields: &[
        Field::required("role", Kind::OneOf(AWS_ROLES), "What is looked up."),
        port(""),
        Field::new(
            "filters",
            Kind::Sections(&FILTER),
            "",
            "Filters (ec2, rds).",
        ),
        Field::new(
            "clusters",
            TEXTS,
            "",
            "Clusters (ecs, elasticache, msk, rds).",
        ),
    ],
    includes: &[&AWS_COMMON],
    check: None,
};

pub(super) static EC2_SD: Section = Section {
    name: "ec2_sd_config",
    doc: "Instances of AWS EC2.",
    fields: &[
        port("80"),
        Field::new(
            "filters",
            Kind::Sections(&EC2_FILTER),
            "",
            "Filters of the EC2 API.",
        ),
    ],
    includes: &[&AWS_COMMON],
    check: None,
};

pub(super) static ECS_SD: Section = Section {
    name: "ecs_sd_config",
    doc: "Tasks of AWS ECS.",
    fields: &[port("80"), clusters(), concurrency("20")],
    includes: &[&AWS_COMMON],
    check: None,
};

pub(super) static ELASTICACHE_SD: Section = Section {
    name: "elasticache_sd_config",
    doc: "Nodes of AWS ElastiCache.",
    fields: &[port("80"), clusters(), concurrency("10")],
    includes: &[&AWS_COMMON],
    check: None,
};

pub(super) static LIGHTSAIL_SD: Section = Section {
    name: "lightsail_sd_config",
    doc: "Instances of AWS Lightsail.",
    fields: &[port("80")],
    includes: &[&AWS_COMMON],
    check: None,
};

pub(super) static MSK_SD: Section = Section {
    name: "msk_sd_config",
    doc: "Brokers of AWS MSK.",
    fields: &[port("80"), clusters(), concurrency("10")],
    includes: &[&AWS_COMMON],
    check: None,
};

pub(super) static RDS_SD: Section = Section {
    name: "rds_sd_config",
    doc: "Databases of AWS RDS.",
    fields: &[
        port("80"),
        clusters(),
        concurrency("10"),
        Field::new(
            "filters",
            Kind::Sections(&FILTER),
            "",
            "Filters of the RDS API.",
        ),
    ],
    includes: &[&AWS_COMMON],
    check: None,
};

static AWS_COMMON: Section = Section {
    name: "AWS access",
    doc: "How the API of AWS is reached.",
    fields: &[
        Field::new(
            "region",
            Kind::Text,
            "",
            "The region; the instance's own where absent.",
        ),
        Field::new("endpoint", Kind::Text, "", "Another endpoint of the API."),
        Field::new("access_key", Kind::Text, "", "Id of the key."),
        Field::new("secret_key", Kind::Secret, "", "The key."),
        Field::new(
            "profile",
            Kind::Text,
            "",
            "Profile of the shared credentials file.",
        ),
        Field::new("role_arn", Kind::Text, "", "Role to take on."),
        Field::new(
            "external_id",
            Kind::Text,
            "",
            "External id to take the role with.",
        ),
        refresh("1m"),
    ],
    includes: &[&HTTP_CLIENT],
    check: None,
};

static EC2_FILTER: Section = Section {
    name: "EC2 filter",
    doc: "A filter of the EC2 API.",
    fields: &[
        Field::new("name", Kind::Text, "", "What is filtered."),
        Field::required("values", TEXTS, "The values that are taken."),
    ],
    includes: &[],
    check: None,
};

const fn clusters() -> Field {
    Field::new(
        "clusters",
        TEXTS,
        "",
        "Clusters to look into; all where absent.",
    )
}

const fn concurrency(default: &'static str) -> Field {
    Field::new(
        "request_concurrency",
        Kind::Integer {
            min: 0,
            max: i64::MAX,
        },
        default,
        "Requests to the API at once.",
    )
}
