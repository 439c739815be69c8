//! Character classes and escapes.

use std::fmt::Write as _;

use super::parse::{Fault, Input};

/// A class that no character is in: what a surrogate, which no text has, stands for.
pub(super) const NEVER: &str = r"[^\x00-\x{10FFFF}]";

/// Perl's classes, ASCII only.
const DIGITS: &str = "0-9";
const SPACES: &str = r"\t\n\f\r ";
const WORDS: &str = "0-9A-Za-z_";

/// The classes of POSIX, ASCII only.
const POSIX: [(&str, &str); 14] = [
    ("alnum", "0-9A-Za-z"),
    ("alpha", "A-Za-z"),
    ("ascii", r"\x00-\x7F"),
    ("blank", r"\t "),
    ("cntrl", r"\x00-\x1F\x7F"),
    ("digit", DIGITS),
    ("graph", r"\x21-\x7E"),
    ("lower", "a-z"),
    ("print", r"\x20-\x7E"),
    ("punct", r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E"),
    ("space", r"\t\n\x0B\f\r "),
    ("upper", "A-Z"),
    ("word", WORDS),
    ("xdigit", "0-9A-Fa-f"),
];

/// A class in brackets, of which `[` is read already.
pub(super) fn bracketed(input: &mut Input<'_>, fold: bool) -> Result<String, Fault> {
    let start = input.at - 1;
    let mut out = String::from("[");
    if input.take("^") {
        out.push('^');
    }
    // A bracket that comes first closes nothing.
    let mut is_first = true;
    loop {
        if !is_first && input.take("]") {
            break;
        }
        is_first = false;
        if let Some(group) = posix(input)? {
            out.push_str(&group);
        } else if let Some(group) = group(input)? {
            out.push_str(&group);
        } else {
            range(input, start, &mut out)?;
        }
    }
    out.push(']');
    Ok(folded(out, fold))
}

/// A class written as an escape, such as `\d` or `\pL`, or `None` where the next is another one.
pub(super) fn escaped(input: &mut Input<'_>, fold: bool) -> Result<Option<String>, Fault> {
    let group = group(input)?;
    Ok(group.map(|group| folded(group, fold)))
}

/// The engine folds a class before it negates it, and each class inside of one by itself, as Go
/// does.
fn folded(class: String, fold: bool) -> String {
    if fold { format!("(?i:{class})") } else { class }
}

/// `[:alpha:]` or `[:^alpha:]`.
fn posix(input: &mut Input<'_>) -> Result<Option<String>, Fault> {
    let Some(inner) = input.rest().strip_prefix("[:") else {
        return Ok(None);
    };
    let Some((name, _)) = inner.split_once(":]") else {
        return Ok(None);
    };
    let start = input.at;
    input.at += name.len() + "[::]".len();
    let (negation, name) = match name.strip_prefix('^') {
        Some(name) => ("^", name),
        None => ("", name),
    };
    match POSIX.iter().find(|(known, _)| *known == name) {
        Some((_, ranges)) => Ok(Some(format!("[{negation}{ranges}]"))),
        None => Err(Fault::new(
            start,
            format!("{:?} is not a character class", input.since(start)),
        )),
    }
}

/// `\d`, `\S`, `\pL`, `\P{Greek}` and so on.
fn group(input: &mut Input<'_>) -> Result<Option<String>, Fault> {
    let Some(letter) = input
        .rest()
        .strip_prefix('\\')
        .and_then(|r| r.chars().next())
    else {
        return Ok(None);
    };
    let text = match letter {
        'd' => format!("[{DIGITS}]"),
        'D' => format!("[^{DIGITS}]"),
        's' => format!("[{SPACES}]"),
        'S' => format!("[^{SPACES}]"),
        'w' => format!("[{WORDS}]"),
        'W' => format!("[^{WORDS}]"),
        'p' | 'P' => return unicode(input, letter == 'P').map(Some),
        _ => return Ok(None),
    };
    input.at += 2;
    Ok(Some(text))
}

/// `\pL`, `\p{Greek}` or `\p{^Greek}`.
fn unicode(input: &mut Input<'_>, mut is_negated: bool) -> Result<String, Fault> {
    let start = input.at;
    input.at += 2;
    let name = if input.take("{") {
        let Some((name, _)) = input.rest().split_once('}') else {
            return Err(Fault::new(start, "missing } behind the class's name"));
        };
        input.at += name.len() + 1;
        name
    } else {
        let from = input.at;
        input.next();
        input.since(from)
    };
    let whole = input.since(start);
    let name = match name.strip_prefix('^') {
        Some(name) => {
            is_negated = !is_negated;
            name
        }
        None => name,
    };
    // No character is a surrogate, so the engine has no table of them.
    if matches!(name, "Cs" | "Surrogate") {
        return Ok(if is_negated { r"(?s:.)" } else { NEVER }.to_owned());
    }
    let letter = if is_negated { 'P' } else { 'p' };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
    if name.chars().all(is_name) {
        // Categories and scripts only: the engine has more properties than Go. It is asked whether it
        // knows one by a class that leaves it next to nothing to compile.
        for property in ["gc", "sc"] {
            let class = format!(r"\{letter}{{{property}={name}}}");
            if regex::Regex::new(&format!("[a&&{class}]")).is_ok() {
                return Ok(class);
            }
        }
    }
    Err(Fault::new(
        start,
        format!("{whole:?} is not a category or script of Unicode"),
    ))
}

/// A character, or a range of them.
fn range(input: &mut Input<'_>, class_start: usize, out: &mut String) -> Result<(), Fault> {
    let start = input.at;
    let next = |input: &mut Input<'_>| {
        if input.rest().is_empty() {
            return Err(Fault::new(class_start, "missing ] for the character class"));
        }
        character(input)
    };
    let low = next(input)?;
    let rest = input.rest();
    // A minus before the end stands for itself.
    let is_range = rest.starts_with('-') && rest.len() > 1 && !rest.starts_with("-]");
    let high = if is_range {
        input.next();
        next(input)?
    } else {
        low
    };
    if high < low {
        return Err(Fault::new(
            start,
            format!("{:?} is not a range of characters", input.since(start)),
        ));
    }
    // Surrogates are in no text: a range ends before or begins behind them.
    let low = if (0xD800..=0xDFFF).contains(&low) {
        0xE000
    } else {
        low
    };
    let high = if (0xD800..=0xDFFF).contains(&high) {
        0xD7FF
    } else {
        high
    };
    if high < low {
        out.push_str(NEVER);
    } else {
        push_code(low, out);
        if low != high {
            out.push('-');
            push_code(high, out);
        }
    }
    Ok(())
}

fn push_code(code: u32, out: &mut String) {
    match char::from_u32(code) {
        Some(c) if c.is_ascii_alphanumeric() => out.push(c),
        _ => {
            // Writing to a String cannot fail.
            let _written = write!(out, r"\x{{{code:X}}}");
        }
    }
}

/// One character, plain or escaped, as a code point: an escape may name a surrogate.
pub(super) fn character(input: &mut Input<'_>) -> Result<u32, Fault> {
    let start = input.at;
    match input.next() {
        Some('\\') => {}
        Some(c) => return Ok(u32::from(c)),
        None => return Err(Fault::new(start, "the pattern ends too early")),
    }
    let Some(c) = input.next() else {
        return Err(Fault::new(start, "nothing behind the backslash"));
    };
    let code = match c {
        '0'..='7' => octal(input, c),
        'x' => hexadecimal(input),
        'a' => Some(0x07),
        'f' => Some(0x0C),
        'n' => Some(0x0A),
        'r' => Some(0x0D),
        't' => Some(0x09),
        'v' => Some(0x0B),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(u32::from(c)),
        _ => None,
    };
    code.ok_or_else(|| {
        Fault::new(
            start,
            format!("{:?} is not an escape sequence", input.since(start)),
        )
    })
}

/// Up to three digits. One that is not zero would be a reference to a group, which RE2 has not.
fn octal(input: &mut Input<'_>, first: char) -> Option<u32> {
    let mut code = first.to_digit(8)?;
    let mut digits = 1;
    while digits < 3
        && let Some(digit) = input.peek().and_then(|c| c.to_digit(8))
    {
        code = code * 8 + digit;
        digits += 1;
        input.next();
    }
    (digits > 1 || first == '0').then_some(code)
}

/// Two digits, or any number of them in braces.
fn hexadecimal(input: &mut Input<'_>) -> Option<u32> {
    if !input.take("{") {
        let high = input.next()?.to_digit(16)?;
        let low = input.next()?.to_digit(16)?;
        return Some(high * 16 + low);
    }
    let mut code = 0;
    let mut digits = 0;
    loop {
        match input.next()? {
            '}' => break,
            c => code = code * 16 + c.to_digit(16)?,
        }
        digits += 1;
        if code > u32::from(char::MAX) {
            return None;
        }
    }
    (digits > 0).then_some(code)
}
