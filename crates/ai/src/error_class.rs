//! Why a call failed, by whose fault it is and what helps.

/// Why a call of a model or a tool failed. Classes stay apart because they have different owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The key is missing, wrong, or may not do this.
    Auth,
    /// The request itself is wrong: the caller's fault, not the provider's.
    BadRequest,
    /// Too many requests or tokens in a window: later it works.
    RateLimited,
    /// Nothing is paid for any more: later it does not work either.
    QuotaExhausted,
    /// The provider has more to do than it can.
    Overloaded,
    /// The provider failed.
    Server,
    /// No answer, or not the next part of it, in time.
    Timeout,
    /// A streamed answer ended before its end.
    StreamTruncated,
    /// No connection.
    Network,
    /// Nobody wants the answer any more.
    Cancelled,
    /// The tool says that it failed.
    Tool,
}

impl ErrorClass {
    /// As the label `error_type` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::BadRequest => "bad_request",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::StreamTruncated => "stream_truncated",
            Self::Network => "network",
            Self::Cancelled => "cancelled",
            Self::Tool => "tool",
        }
    }

    /// All of them.
    const ALL: [Self; 11] = [
        Self::Auth,
        Self::BadRequest,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Overloaded,
        Self::Server,
        Self::Timeout,
        Self::StreamTruncated,
        Self::Network,
        Self::Cancelled,
        Self::Tool,
    ];

    /// The class of an `error.type` as libraries write it: one of ours, an HTTP status, or the name of an exception such
    /// as `openai.RateLimitError`. What is not known is [`ErrorClass::Server`]: somebody got no answer.
    #[must_use]
    pub fn of_error_type(text: &str) -> Self {
        if let Some(class) = Self::ALL.into_iter().find(|it| it.as_str() == text) {
            return class;
        }
        if let Ok(status) = text.parse::<u16>() {
            return Self::of_http(status, None).unwrap_or(Self::Server);
        }
        let name = text.rsplit(['.', ':', '$']).next().unwrap_or(text);
        let name = name.strip_suffix("Error").unwrap_or(name);
        let name = name.strip_suffix("Exception").unwrap_or(name);
        match name {
            "Authentication" | "PermissionDenied" | "Unauthorized" | "Forbidden" => Self::Auth,
            "BadRequest"
            | "NotFound"
            | "UnprocessableEntity"
            | "InvalidRequest"
            | "Conflict"
            | "content_filter" => Self::BadRequest,
            "RateLimit" | "TooManyRequests" => Self::RateLimited,
            "insufficient_quota" => Self::QuotaExhausted,
            "Overloaded" | "ServiceUnavailable" => Self::Overloaded,
            "APITimeout" | "Timeout" | "timeout" | "ReadTimeout" | "ConnectTimeout" => {
                Self::Timeout
            }
            "APIConnection" | "Connection" | "Connect" => Self::Network,
            "Cancelled" | "Canceled" | "AbortError" | "Abort" | "canceled" => Self::Cancelled,
            "tool_error" => Self::Tool,
            _ => Self::Server,
        }
    }

    /// Whether the provider is not to blame.
    #[must_use]
    pub fn is_callers_fault(self) -> bool {
        matches!(self, Self::Auth | Self::BadRequest | Self::Cancelled)
    }

    /// Whether the same call may work later.
    #[must_use]
    pub fn is_worth_a_retry(self) -> bool {
        !matches!(
            self,
            Self::Auth | Self::BadRequest | Self::QuotaExhausted | Self::Cancelled | Self::Tool
        )
    }

    /// The class of an answer; `None`: it is no error. `error_type` is the type or code in the body, as
    /// OpenAI, Anthropic and those that speak like them give it.
    #[must_use]
    pub fn of_http(status: u16, error_type: Option<&str>) -> Option<Self> {
        let error_type = error_type.unwrap_or_default();
        // The type says more than the status: an overload may come as 429.
        if error_type.contains("overloaded") {
            return Some(Self::Overloaded);
        }
        if ["insufficient_quota", "billing"]
            .iter()
            .any(|it| error_type.contains(it))
        {
            return Some(Self::QuotaExhausted);
        }
        match status {
            401 | 403 => Some(Self::Auth),
            402 => Some(Self::QuotaExhausted),
            408 | 504 => Some(Self::Timeout),
            429 => Some(Self::RateLimited),
            503 | 529 => Some(Self::Overloaded),
            400..=499 => Some(Self::BadRequest),
            500..=599 => Some(Self::Server),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_types_of_libraries_are_classes() {
        for (text, want) in [
            ("bad_request", ErrorClass::BadRequest),
            ("cancelled", ErrorClass::Cancelled),
            ("401", ErrorClass::Auth),
            ("429", ErrorClass::RateLimited),
            ("529", ErrorClass::Overloaded),
            ("openai.RateLimitError", ErrorClass::RateLimited),
            ("openai.BadRequestError", ErrorClass::BadRequest),
            ("AuthenticationError", ErrorClass::Auth),
            ("openai.APITimeoutError", ErrorClass::Timeout),
            // The name of a fault of the tool's, not of its caller's.
            ("ModuleNotFoundError", ErrorClass::Server),
            ("_OTHER", ErrorClass::Server),
            ("", ErrorClass::Server),
        ] {
            assert_eq!(ErrorClass::of_error_type(text), want, "{text}");
        }
        for class in ErrorClass::ALL {
            assert_eq!(ErrorClass::of_error_type(class.as_str()), class);
        }
    }

    #[test]
    fn answers_are_told_apart() {
        for (status, error_type, want) in [
            (200, None, None),
            (401, None, Some(ErrorClass::Auth)),
            (404, Some("model_not_found"), Some(ErrorClass::BadRequest)),
            (429, None, Some(ErrorClass::RateLimited)),
            (
                429,
                Some("insufficient_quota"),
                Some(ErrorClass::QuotaExhausted),
            ),
            (429, Some("overloaded_error"), Some(ErrorClass::Overloaded)),
            (529, None, Some(ErrorClass::Overloaded)),
            (500, None, Some(ErrorClass::Server)),
            (504, None, Some(ErrorClass::Timeout)),
        ] {
            assert_eq!(
                ErrorClass::of_http(status, error_type),
                want,
                "{status} {error_type:?}"
            );
        }
        assert!(
            ErrorClass::BadRequest.is_callers_fault()
                && !ErrorClass::RateLimited.is_callers_fault()
        );
        assert!(
            ErrorClass::Server.is_worth_a_retry() && !ErrorClass::QuotaExhausted.is_worth_a_retry()
        );
    }
}
