//! What functions and methods take.

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Param {
    /// Anything.
    Any,
    /// Text.
    String,
    /// An integer.
    Int,
    /// `true` or `false`.
    Bool,
    /// A time.
    Time,
    /// A duration.
    Duration,
    /// A list, or nothing.
    List,
    /// A list of texts, or nothing.
    Strings,
}

impl Param {
    /// The type as Go calls it, for messages.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::List => "[]interface {}",
            Self::Strings => "[]string",
        }
    }
}

/// The parameters of a function: some that must be there, and perhaps any number of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    fixed: &'static [Param],
    rest: Option<Param>,
}

impl Signature {
    /// Exactly these.
    #[must_use]
    pub const fn of(fixed: &'static [Param]) -> Self {
        Self { fixed, rest: None }
    }

    /// These, and then any number of one more.
    #[must_use]
    pub const fn variadic(fixed: &'static [Param], rest: Param) -> Self {
        Self {
            fixed,
            rest: Some(rest),
        }
    }

    /// The parameter at an index.
    pub(crate) fn param(&self, index: usize) -> Param {
        let fixed = self.fixed.get(index).copied();
        fixed.or(self.rest).unwrap_or(Param::Any)
    }

    /// What is wrong with a number of arguments, if anything is.
    pub(crate) fn misfit(&self, name: &str, given: usize) -> Option<String> {
        let want = self.fixed.len();
        match self.rest {
            None if given != want => Some(format!(
                "wrong number of args for {name}: want {want} got {given}"
            )),
            Some(_) if given < want => Some(format!(
                "wrong number of args for {name}: want at least {want} got {given}"
            )),
            _ => None,
        }
    }
}
