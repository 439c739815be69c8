//! What a module may do for somebody who names a target in a request.

use bellwether_outbound::settings::{HeaderValue, HttpClientSettings, TlsSettings};

use super::{Module, Prober};
use crate::credentials::may_be_secret;

impl Module {
    /// The same, but a redirect of HTTP is not followed: for a target of a request, which may be one of those that
    /// may be asked for and lead to one that may not.
    #[must_use]
    pub fn without_redirects(&self) -> Self {
        let mut module = self.clone();
        match &mut module.prober {
            Prober::Http(settings) => settings.client.follow_redirects = false,
            // None of the others follows one.
            Prober::Tcp(_)
            | Prober::Unix(_)
            | Prober::Dns(_)
            | Prober::Icmp(_)
            | Prober::Grpc(_)
            | Prober::WebSocket(_)
            | Prober::Mcp(_)
            | Prober::Llm(_)
            | Prober::Postgres(_)
            | Prober::Redis(_)
            | Prober::Process(_)
            | Prober::Command(_) => {}
        }
        module
    }

    /// Whether a target is shown credentials of the module: a way to sign in, a key, a password, a client
    /// certificate, or a header (metadata, an argument of a tool) that is a secret or whose name says that it may be
    /// one. Such a module hands them to whoever is named in a request.
    ///
    /// Texts of conversations and bodies of requests are not looked into.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        match &self.prober {
            Prober::Http(settings) => client_has(&settings.client) || any_secret(&settings.headers),
            Prober::Grpc(settings) => {
                settings.tls && tls_has(&settings.tls_config) || any_secret(&settings.metadata)
            }
            Prober::WebSocket(settings) => client_has(&settings.client),
            Prober::Mcp(settings) => {
                let call = settings.tool_call.as_ref();
                client_has(&settings.client)
                    || call
                        .is_some_and(|call| call.arguments.keys().any(|name| may_be_secret(name)))
            }
            Prober::Llm(settings) => settings.api_key.is_some() || client_has(&settings.client),
            Prober::Postgres(settings) => {
                settings.password.is_some() || tls_has(&settings.tls_config)
            }
            Prober::Redis(settings) => settings.password.is_some() || tls_has(&settings.tls_config),
            Prober::Tcp(settings) => tls_has(&settings.tls_config),
            Prober::Unix(settings) => tls_has(&settings.tls_config),
            Prober::Dns(settings) => tls_has(&settings.tls_config),
            // Their secrets go to programs of this host.
            Prober::Icmp(_) | Prober::Process(_) | Prober::Command(_) => false,
        }
    }
}

fn client_has(client: &HttpClientSettings) -> bool {
    let is_secret = |value: &HeaderValue| matches!(value, HeaderValue::Secret(_));
    client.auth.is_some()
        || tls_has(&client.tls)
        || client
            .headers
            .iter()
            .any(|header| may_be_secret(&header.name) || header.values.iter().any(is_secret))
}

fn tls_has(tls: &TlsSettings) -> bool {
    tls.key.is_some()
}

fn any_secret(pairs: &[(String, String)]) -> bool {
    pairs.iter().any(|(name, _)| may_be_secret(name))
}

#[cfg(test)]
mod tests {
    use bellwether_outbound::settings::{Auth, HeaderSettings, PemSource, Secret, SecretSource};

    use super::*;
    use crate::module::{
        DnsSettings, GrpcSettings, HttpSettings, LlmSettings, McpSettings, McpToolCall,
        PostgresSettings, RedisSettings, TcpSettings, UnixSettings, WebSocketSettings,
    };

    fn secret() -> SecretSource {
        SecretSource::Inline(Secret::new("hunter2"))
    }

    fn tls() -> TlsSettings {
        TlsSettings {
            key: Some(PemSource::Inline(Secret::new("key"))),
            ..TlsSettings::default()
        }
    }

    fn clients() -> Vec<HttpClientSettings> {
        let header = |name: &str, value| HttpClientSettings {
            headers: vec![HeaderSettings {
                name: name.to_owned(),
                values: vec![value],
            }],
            ..HttpClientSettings::default()
        };
        let bearer = Auth::Header {
            scheme: "Bearer".to_owned(),
            credentials: Some(secret()),
        };
        vec![
            header("x-a", HeaderValue::Secret(secret())),
            header("X-Api-Key", HeaderValue::Plain("x".to_owned())),
            HttpClientSettings {
                auth: Some(bearer),
                ..HttpClientSettings::default()
            },
            HttpClientSettings {
                tls: tls(),
                ..HttpClientSettings::default()
            },
        ]
    }

    fn with_client(client: HttpClientSettings) -> [Prober; 4] {
        [
            Prober::Http(Box::new(HttpSettings {
                client: client.clone(),
                ..HttpSettings::default()
            })),
            Prober::WebSocket(Box::new(WebSocketSettings {
                client: client.clone(),
                ..WebSocketSettings::default()
            })),
            Prober::Mcp(Box::new(McpSettings {
                client: client.clone(),
                ..McpSettings::default()
            })),
            Prober::Llm(Box::new(LlmSettings {
                client,
                ..LlmSettings::default()
            })),
        ]
    }

    fn pairs(name: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), "x".to_owned())]
    }

    #[test]
    fn whatever_a_target_is_shown_of_secrets_is_found() {
        let with = clients().into_iter().flat_map(with_client);
        let http = HttpSettings {
            headers: pairs("authorization"),
            ..HttpSettings::default()
        };
        let grpc = GrpcSettings {
            metadata: pairs("x-token"),
            ..GrpcSettings::default()
        };
        let grpc_tls = GrpcSettings {
            tls: true,
            tls_config: tls(),
            ..GrpcSettings::default()
        };
        let arguments = serde_json::json!({"password": "x"});
        let mcp = McpSettings {
            tool_call: Some(McpToolCall {
                arguments: arguments.as_object().unwrap().clone(),
                ..McpToolCall::default()
            }),
            ..McpSettings::default()
        };
        let further = [
            Prober::Http(Box::new(http)),
            Prober::Grpc(Box::new(grpc)),
            Prober::Grpc(Box::new(grpc_tls)),
            Prober::Mcp(Box::new(mcp)),
            Prober::Llm(Box::new(LlmSettings {
                api_key: Some(secret()),
                ..LlmSettings::default()
            })),
            Prober::Postgres(Box::new(PostgresSettings {
                password: Some(secret()),
                ..PostgresSettings::default()
            })),
            Prober::Redis(Box::new(RedisSettings {
                password: Some(secret()),
                ..RedisSettings::default()
            })),
            Prober::Tcp(TcpSettings {
                tls_config: tls(),
                ..TcpSettings::default()
            }),
            Prober::Unix(UnixSettings {
                tls_config: tls(),
                ..UnixSettings::default()
            }),
            Prober::Dns(Box::new(DnsSettings {
                tls_config: tls(),
                ..DnsSettings::default()
            })),
        ];
        for prober in with.chain(further) {
            let module = Module::new(prober);
            assert!(module.has_credentials(), "{module:?}");
        }
    }

    #[test]
    fn a_module_without_secrets_has_no_credentials() {
        let http = HttpSettings {
            headers: pairs("Accept-Language"),
            ..HttpSettings::default()
        };
        let plain = [
            Prober::Http(Box::new(http)),
            Prober::Postgres(Box::default()),
            Prober::Redis(Box::default()),
            Prober::Tcp(TcpSettings::default()),
            Prober::Grpc(Box::default()),
        ];
        for prober in with_client(HttpClientSettings::default())
            .into_iter()
            .chain(plain)
        {
            let module = Module::new(prober);
            assert!(!module.has_credentials(), "{module:?}");
        }
    }

    #[test]
    fn redirects_are_taken_from_http() {
        let module = Module::new(Prober::Http(Box::default())).without_redirects();
        let Prober::Http(settings) = module.prober else {
            panic!("{module:?}")
        };
        assert!(!settings.client.follow_redirects);
    }
}
