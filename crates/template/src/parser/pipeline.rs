//! What stands inside of an action: pipelines, commands, operands, terms.

use super::{Parsed, Parser};
use crate::builtins;
use crate::lexer::{Kind, Token};
use crate::limits::VARIABLES_MAX;
use crate::number::Number;
use crate::quote::quoted;
use crate::tree::{
    Callee, Chain, Command, Operand, Pipeline, StringLiteral, Target, Term, Variable,
};

/// Variables that a pipeline sets.
#[derive(Default)]
struct Targets {
    tokens: Vec<Token>,
    assigns: bool,
}

impl Parser<'_> {
    /// Declarations and commands up to `end`, which is eaten.
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipeline> {
        let at = self.peek_word().start;
        let targets = self.targets(context)?;
        let mut commands = Vec::new();
        loop {
            let token = self.next_word();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.give_back(token);
                    commands.push(self.command()?);
                }
                _ => return Err(self.unexpected(token, context)),
            }
        }
        self.check_commands(&commands, context, at)?;
        // Variables begin to exist behind their pipeline: `$x := $x` reads the one before.
        let targets_in_scope = targets
            .tokens
            .iter()
            .map(|token| self.target(*token, targets.assigns))
            .collect::<Parsed<Vec<Target>>>()?;
        Ok(Pipeline {
            at,
            targets: targets_in_scope,
            assigns: targets.assigns,
            commands,
        })
    }

    fn targets(&mut self, context: &str) -> Parsed<Targets> {
        let mut targets = Targets::default();
        loop {
            let variable = self.peek_word();
            if variable.kind != Kind::Variable {
                return Ok(targets);
            }
            self.next_word();
            let after = self.peek();
            let word = self.peek_word();
            match word.kind {
                Kind::Assign | Kind::Declare => {
                    self.next_word();
                    targets.assigns = word.kind == Kind::Assign;
                    targets.tokens.push(variable);
                    return Ok(targets);
                }
                Kind::Char if self.text_of(word) == "," => {
                    self.next_word();
                    targets.tokens.push(variable);
                    if context != "range" || targets.tokens.len() > 1 {
                        let reason = format!("too many declarations in {context}");
                        return Err(self.error(variable.start, reason));
                    }
                    if self.peek_word().kind != Kind::Variable {
                        let reason = "range can only initialize variables";
                        return Err(self.error(word.start, reason));
                    }
                }
                _ if !targets.tokens.is_empty() => return Err(self.unexpected(word, context)),
                _ => {
                    // An operand after all. The space behind it parts it from the next one.
                    if after.kind == Kind::Space {
                        self.give_back(after);
                    }
                    self.give_back(variable);
                    return Ok(targets);
                }
            }
        }
    }

    fn target(&mut self, token: Token, assigns: bool) -> Parsed<Target> {
        let name: Box<str> = self.text_of(token).into();
        let slot = if assigns {
            self.slot(&name, token)?
        } else {
            self.scope.declare(name.clone()).ok_or_else(|| {
                let reason = format!("more than {VARIABLES_MAX} variables at a time");
                self.error(token.start, reason)
            })?
        };
        Ok(Target { name, slot })
    }

    fn slot(&self, name: &str, token: Token) -> Parsed<usize> {
        self.scope.slot(name).ok_or_else(|| {
            let reason = format!("undefined variable {}", quoted(name));
            self.error(token.start, reason)
        })
    }

    fn check_commands(&self, commands: &[Command], context: &str, at: usize) -> Parsed<()> {
        if commands.is_empty() {
            return Err(self.error(at, format!("missing value for {context}")));
        }
        for (index, command) in commands.iter().enumerate().skip(1) {
            let constant = matches!(
                command.operands.first().map(|operand| &operand.term),
                Some(Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::String(_))
            );
            if constant {
                let reason = format!("non executable command in pipeline stage {}", index + 1);
                return Err(self.error(command.at, reason));
            }
        }
        Ok(())
    }

    /// Operands with spaces between them, up to a pipe, which is eaten, or the end of the pipeline.
    fn command(&mut self) -> Parsed<Command> {
        let at = self.peek_word().start;
        let mut operands = Vec::new();
        loop {
            self.peek_word();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelimiter | Kind::RightParen => {
                    self.give_back(token);
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(token, "operand")),
            }
        }
        if operands.is_empty() {
            return Err(self.error(at, "empty command"));
        }
        Ok(Command { at, operands })
    }

    /// A term and the fields taken from it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(operand) = self.term()? else {
            return Ok(None);
        };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(operand));
        }
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            let token = self.next();
            fields.push(self.field_name(token));
        }
        // Go says of a chain of fields that it is where its second field is; so do our messages.
        let at = first.start;
        let term = match operand.term {
            Term::Field(names) => Term::Field(names.into_iter().chain(fields).collect()),
            Term::Variable(variable) => Term::Variable(Variable {
                fields: fields.into(),
                ..variable
            }),
            Term::Function(_) | Term::Pipeline(_) => Term::Chain(Box::new(Chain {
                base: operand,
                fields: fields.into(),
            })),
            _ => {
                let reason = format!("unexpected . after term {}", quoted(&operand.to_string()));
                return Err(self.error(at, reason));
            }
        };
        Ok(Some(Operand { at, term }))
    }

    fn field_name(&self, token: Token) -> Box<str> {
        let text = self.text_of(token);
        text.strip_prefix('.').unwrap_or(text).into()
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_word();
        let text = self.text_of(token);
        let term = match token.kind {
            Kind::Error => return Err(self.unexpected(token, "operand")),
            Kind::Identifier => Term::Function(self.callee(text, token)?),
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Bool => Term::Bool(text == "true"),
            Kind::Variable => Term::Variable(Variable {
                name: text.into(),
                slot: self.slot(text, token)?,
                fields: Box::default(),
            }),
            Kind::Field => Term::Field(Box::new([self.field_name(token)])),
            Kind::Number | Kind::Complex => {
                let number = Number::from_literal(text);
                Term::Number(number.map_err(|reason| self.error(token.start, reason))?)
            }
            Kind::CharConstant => {
                let number = Number::from_char(text);
                Term::Number(number.map_err(|reason| self.error(token.start, reason))?)
            }
            Kind::String | Kind::RawString => Term::String(StringLiteral {
                source: text.into(),
                value: self.unquoted(token)?.into(),
            }),
            Kind::LeftParen => {
                self.enter(token.start)?;
                let pipeline = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.leave();
                Term::Pipeline(Box::new(pipeline))
            }
            _ => {
                self.give_back(token);
                return Ok(None);
            }
        };
        Ok(Some(Operand {
            at: token.start,
            term,
        }))
    }

    /// A registered function goes before one of the language with the same name.
    fn callee(&self, name: &str, token: Token) -> Parsed<Callee> {
        if self.functions.get(name).is_some() {
            return Ok(Callee::Registered(name.into()));
        }
        if let Some(builtin) = builtins::find(name) {
            return Ok(Callee::Builtin(builtin));
        }
        let mut known: Vec<&str> = self.functions.names().collect();
        for name in builtins::names() {
            known.push(name);
        }
        let reason = match nearest(name, &known) {
            Some(nearest) => format!(
                "function {} not defined, did you mean {}?",
                quoted(name),
                quoted(nearest)
            ),
            None => format!("function {} not defined", quoted(name)),
        };
        Err(self.error(token.start, reason))
    }
}

/// The known name that is most like a name, if one is like it at all.
fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let lower = name.to_lowercase();
    known
        .iter()
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&lower, &known.to_lowercase());
            (distance, *known)
        })
        .min()
        .filter(|(distance, known)| name.len() > 1 && *distance <= (known.len() / 3).max(1))
        .map(|(_, known)| known)
}
