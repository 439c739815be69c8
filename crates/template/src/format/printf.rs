//! Texts with verbs in them.

use std::fmt::{self, Write as _};

use super::{Spec, WIDTH_MAX, write_value};
use crate::bounded::Bounded;
use crate::value::Value;

/// Fills values into a text: `%d of %s`.
pub(crate) fn printf(out: &mut Bounded, text: &str, values: &[Value]) -> fmt::Result {
    let mut printer = Printer {
        rest: text,
        values,
        next: 0,
        reordered: false,
        good_index: true,
    };
    while let Some((before, behind)) = printer.rest.split_once('%') {
        out.write_str(before)?;
        printer.rest = behind;
        printer.directive(out)?;
    }
    out.write_str(printer.rest)?;
    printer.extra(out)
}

struct Printer<'a> {
    /// What follows the directives that were read.
    rest: &'a str,
    values: &'a [Value],
    /// The value for the next verb.
    next: usize,
    /// Whether any directive named its value by a number.
    reordered: bool,
    /// Whether the number of the last one was the number of a value.
    good_index: bool,
}

impl Printer<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    /// One directive, whose percent sign has been read.
    fn directive(&mut self, out: &mut Bounded) -> fmt::Result {
        self.good_index = true;
        let mut spec = self.flags();
        let mut after_index = self.index();
        self.width(out, &mut spec, &mut after_index)?;
        self.precision(out, &mut spec, &mut after_index)?;
        if !after_index {
            self.index();
        }
        let Some(verb) = self.bump() else {
            return out.write_str("%!(NOVERB)");
        };
        spec.verb = verb;
        if verb == 'v' {
            // These two mean something else here than a sign and a prefix.
            spec.names = std::mem::take(&mut spec.plus);
            spec.go_syntax = std::mem::take(&mut spec.sharp);
        }
        if verb == '%' {
            return out.write_char('%');
        }
        if !self.good_index {
            return write!(out, "%!{verb}(BADINDEX)");
        }
        let Some(value) = self.values.get(self.next) else {
            return write!(out, "%!{verb}(MISSING)");
        };
        self.next += 1;
        write_value(out, &spec, value)
    }

    fn flags(&mut self) -> Spec {
        let mut spec = Spec::default();
        while let Some(c) = self.peek() {
            match c {
                '#' => spec.sharp = true,
                '0' => spec.zero = true,
                '+' => spec.plus = true,
                '-' => spec.minus = true,
                ' ' => spec.space = true,
                _ => break,
            }
            self.bump();
        }
        if spec.minus {
            spec.zero = false;
        }
        spec
    }

    fn width(&mut self, out: &mut Bounded, spec: &mut Spec, after_index: &mut bool) -> fmt::Result {
        if self.peek() == Some('*') {
            self.bump();
            match self.number_of_value() {
                Some(width) => {
                    // A negative width is a flag and a width.
                    spec.minus |= width < 0;
                    spec.zero &= width >= 0;
                    spec.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => out.write_str("%!(BADWIDTH)")?,
            }
            *after_index = false;
            return Ok(());
        }
        spec.width = self.number();
        if *after_index && spec.width.is_some() {
            // `%[3]2d`
            self.good_index = false;
        }
        Ok(())
    }

    fn precision(
        &mut self,
        out: &mut Bounded,
        spec: &mut Spec,
        after_index: &mut bool,
    ) -> fmt::Result {
        if self.peek() != Some('.') {
            return Ok(());
        }
        self.bump();
        if *after_index {
            // `%[3].2d`
            self.good_index = false;
        }
        *after_index = self.index();
        if self.peek() == Some('*') {
            self.bump();
            match self.number_of_value() {
                Some(precision) if precision >= 0 => {
                    spec.precision = usize::try_from(precision).ok();
                }
                // A negative precision counts as none.
                Some(_) => {}
                None => out.write_str("%!(BADPREC)")?,
            }
            *after_index = false;
            return Ok(());
        }
        spec.precision = Some(self.number().unwrap_or(0));
        Ok(())
    }

    /// Digits, if any stand here. A number that is too large ends the text.
    fn number(&mut self) -> Option<usize> {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        let number = digits.parse().ok().filter(|number| *number <= WIDTH_MAX);
        if number.is_none() && count > 0 {
            self.rest = "";
        }
        number
    }

    /// The next value as a width or precision.
    fn number_of_value(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        match value {
            Value::Int(number) if number.unsigned_abs() <= WIDTH_MAX as u64 => Some(*number),
            _ => None,
        }
    }

    /// The number of a value in brackets, if one stands here: `%[2]d`.
    fn index(&mut self) -> bool {
        let Some(behind) = self.rest.strip_prefix('[') else {
            return false;
        };
        self.reordered = true;
        let Some((digits, behind)) = behind.split_once(']') else {
            self.good_index = false;
            self.bump();
            return false;
        };
        self.rest = behind;
        match digits.parse::<usize>() {
            Ok(number) if (1..=self.values.len()).contains(&number) => self.next = number - 1,
            _ => self.good_index = false,
        }
        true
    }

    /// Values that no verb took.
    fn extra(&self, out: &mut Bounded) -> fmt::Result {
        let unused = self.values.get(self.next..).unwrap_or_default();
        if self.reordered || unused.is_empty() {
            return Ok(());
        }
        out.write_str("%!(EXTRA ")?;
        for (index, value) in unused.iter().enumerate() {
            if index > 0 {
                out.write_str(", ")?;
            }
            match value {
                Value::Nil => out.write_str("<nil>")?,
                value => {
                    write!(out, "{}=", value.type_name())?;
                    write_value(out, &Spec::plain(), value)?;
                }
            }
        }
        out.write_char(')')
    }
}
