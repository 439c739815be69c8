//! Which escapers a value goes through.

use super::context::{Context, Delimiter, Slash, State, UrlPart};
use super::escapers::Escaper;
use super::page::{Pass, Passed};
use crate::builtins;
use crate::quote::quoted;
use crate::tree::{Action, Callee, Operand, Term};

impl Pass<'_> {
    /// An action in a context, with its escapers.
    pub(super) fn action(
        &mut self,
        context: Context,
        action: &Action,
    ) -> Passed<(Context, Action)> {
        if !action.pipeline.targets.is_empty() {
            // What is kept in a variable is not printed here.
            return Ok((context, action.clone()));
        }
        let mut context = context.nudged();
        self.check_predefined(context, action)?;
        let mut escapers = Vec::with_capacity(3);
        match context.state {
            State::Url
            | State::CssDoubleQuoted
            | State::CssSingleQuoted
            | State::CssDoubleQuotedUrl
            | State::CssSingleQuotedUrl
            | State::CssUrl => self.escape_url(context, action, &mut escapers)?,
            State::Js => {
                escapers.push(Escaper::JsValue);
                // A slash behind a value is a division.
                context.slash = Slash::Division;
            }
            State::JsDoubleQuoted | State::JsSingleQuoted => escapers.push(Escaper::JsString),
            State::JsTemplate => escapers.push(Escaper::JsTemplate),
            State::JsRegexp => escapers.push(Escaper::JsRegexp),
            State::Css => escapers.push(Escaper::CssValue),
            State::Text => escapers.push(Escaper::Html),
            State::RcData => escapers.push(Escaper::RcData),
            State::AttributeValue | State::Dead => {}
            State::Tag | State::AttributeName | State::AfterName | State::BeforeValue => {
                context.state = State::AttributeName;
                escapers.push(Escaper::Name);
            }
            State::SrcSet => escapers.push(Escaper::SrcSet),
            State::HtmlComment
            | State::JsBlockComment
            | State::JsLineComment
            | State::JsHtmlOpenComment
            | State::JsHtmlCloseComment
            | State::CssBlockComment
            | State::CssLineComment => escapers.push(Escaper::Comment),
        }
        match context.delimiter {
            Delimiter::None => {}
            Delimiter::SpaceOrTagEnd => escapers.push(Escaper::NoSpace),
            Delimiter::DoubleQuote | Delimiter::SingleQuote => escapers.push(Escaper::Attribute),
        }
        Ok((context, with_escapers(action, escapers)))
    }

    fn escape_url(
        &self,
        context: Context,
        action: &Action,
        escapers: &mut Vec<Escaper>,
    ) -> Passed<()> {
        if context.url_part == UrlPart::None {
            escapers.push(Escaper::UrlFilter);
        }
        match context.url_part {
            UrlPart::None | UrlPart::BeforeQuery => escapers.push(match context.state {
                State::CssDoubleQuoted | State::CssSingleQuoted => Escaper::CssString,
                _ => Escaper::UrlNormalizer,
            }),
            UrlPart::QueryOrFragment => escapers.push(Escaper::Url),
            UrlPart::Unknown => {
                let reason = format!("{action} appears in an ambiguous context within a URL");
                return Err(self.error(action.at, reason));
            }
        }
        Ok(())
    }

    /// The functions `html` and `urlquery` are let through at the end of a pipeline only.
    fn check_predefined(&self, context: Context, action: &Action) -> Passed<()> {
        let commands = &action.pipeline.commands;
        for (index, command) in commands.iter().enumerate() {
            let Some(predefined) = command.operands.first().and_then(predefined) else {
                continue;
            };
            let unquoted = context.state == State::AttributeValue
                && context.delimiter == Delimiter::SpaceOrTagEnd
                && predefined == Escaper::PredefinedHtml;
            if index + 1 < commands.len() || unquoted {
                let name = match predefined {
                    Escaper::PredefinedHtml => "html",
                    _ => "urlquery",
                };
                let reason = format!("predefined escaper {} disallowed in template", quoted(name));
                return Err(self.error(command.at, reason));
            }
        }
        Ok(())
    }
}

/// Whether an operand is a function that pages do the work of.
fn predefined(operand: &Operand) -> Option<Escaper> {
    let Term::Function(callee) = &operand.term else {
        return None;
    };
    match callee.name() {
        "html" => Some(Escaper::PredefinedHtml),
        "urlquery" => Some(Escaper::PredefinedUrlQuery),
        _ => None,
    }
}

/// Whether a predefined function is as good as an escaper.
fn does_the_work_of(predefined: Escaper, escaper: Escaper) -> bool {
    match predefined {
        Escaper::PredefinedHtml => matches!(
            escaper,
            Escaper::Html | Escaper::Attribute | Escaper::RcData
        ),
        _ => matches!(escaper, Escaper::Url | Escaper::UrlNormalizer),
    }
}

/// Whether the second would find nothing to do behind the first.
fn is_redundant(first: Escaper, second: Escaper) -> bool {
    match second {
        Escaper::Attribute => matches!(
            first,
            Escaper::Comment | Escaper::CssString | Escaper::JsRegexp | Escaper::JsString
        ),
        Escaper::Html => first == Escaper::Comment,
        Escaper::UrlNormalizer => first == Escaper::Url,
        _ => false,
    }
}

/// The action with its escapers. A predefined function at its end becomes one of them.
fn with_escapers(action: &Action, escapers: Vec<Escaper>) -> Action {
    let mut action = action.clone();
    let mut wanted = Vec::with_capacity(escapers.len() + 1);
    let last = action.pipeline.commands.last();
    let found = last.and_then(|command| command.operands.first().and_then(predefined));
    match found.filter(|_| !escapers.is_empty()) {
        None => wanted = escapers,
        Some(predefined) => {
            let replaces = escapers
                .iter()
                .any(|escaper| does_the_work_of(predefined, *escaper));
            if !replaces {
                wanted.push(predefined);
            }
            wanted.extend(escapers.into_iter().map(|escaper| {
                match does_the_work_of(predefined, escaper) {
                    true => predefined,
                    false => escaper,
                }
            }));
            without_predefined(&mut action);
        }
    }
    let mut out: Vec<Escaper> = Vec::with_capacity(wanted.len());
    for escaper in wanted {
        if !out.last().is_some_and(|last| is_redundant(*last, escaper)) {
            out.push(escaper);
        }
    }
    action.escapers = out;
    action
}

/// Takes the last command away, whose function has become an escaper; its arguments stay.
fn without_predefined(action: &mut Action) {
    let commands = &mut action.pipeline.commands;
    if commands.len() > 1 {
        commands.pop();
    } else if let Some(function) = commands
        .first_mut()
        .and_then(|command| command.operands.first_mut())
    {
        function.term = Term::Function(Callee::Builtin(&builtins::PRINTED));
    }
}
