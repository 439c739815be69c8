//! Numbers in the text of templates, and numbers that functions are given as text.

/// A number as written in a template. Which type it has depends on who takes it, as with Go's
/// constants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    /// As written.
    pub(crate) text: Box<str>,
    /// Its value where it has one as an integer: `1`, `0x10`, `1e3`, `'a'`.
    pub(crate) int: Option<i64>,
    /// Its value as a float.
    pub(crate) float: f64,
    /// Whether it is a float where nobody says what it should be.
    pub(crate) is_float: bool,
}

impl Number {
    /// Reads a character literal.
    pub(crate) fn from_char(literal: &str) -> Result<Self, String> {
        let code = crate::quote::unquoted_char(literal)
            .map_err(|_| format!("malformed character constant: {literal}"))?;
        Ok(Self {
            text: literal.into(),
            int: Some(code),
            float: code as f64,
            is_float: false,
        })
    }

    /// Reads a number literal.
    pub(crate) fn from_literal(literal: &str) -> Result<Self, String> {
        if literal.ends_with('i') {
            return Err(format!("complex numbers are not supported: {literal}"));
        }
        let looks_like_int = !literal.contains('.')
            && (is_prefixed(literal, 'x') && !literal.contains(['p', 'P'])
                || !literal.contains(['e', 'E', 'p', 'P']));
        if looks_like_int {
            let int = parse_int(literal)
                .ok_or_else(|| format!("illegal number syntax: {:?}", literal))??;
            return Ok(Self {
                text: literal.into(),
                int: Some(int),
                float: int as f64,
                is_float: false,
            });
        }
        let float =
            parse_float(literal).map_err(|_| format!("illegal number syntax: {:?}", literal))?;
        Ok(Self {
            text: literal.into(),
            int: exact_int(float),
            float,
            is_float: true,
        })
    }
}

fn exact_int(float: f64) -> Option<i64> {
    let int = float as i64;
    (int as f64 == float && int != i64::MAX).then_some(int)
}

fn is_prefixed(literal: &str, letter: char) -> bool {
    let digits = literal.trim_start_matches(['+', '-']);
    let mut chars = digits.chars();
    chars.next() == Some('0')
        && chars
            .next()
            .is_some_and(|c| c.to_ascii_lowercase() == letter)
}

/// Reads an integer of any base: `12`, `0x1f`, `0b1`, `0o17`, `017`, with underscores between
/// digits. `None` where it is no integer, an error where it is too large.
fn parse_int(literal: &str) -> Option<Result<i64, String>> {
    let (negative, digits) = match literal.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, literal.strip_prefix('+').unwrap_or(literal)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, prefixed, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, true, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, true, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, true, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, false, lower.as_str())
    } else {
        (10, false, lower.as_str())
    };
    let digits = without_underscores(digits, prefixed)?;
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(&digits, radix);
    let value = magnitude.map(|magnitude| if negative { -magnitude } else { magnitude });
    Some(
        value
            .ok()
            .and_then(|value| i64::try_from(value).ok())
            .ok_or_else(|| format!("integer overflow: {literal:?}")),
    )
}

/// Takes underscores away, each of which must stand between digits, or between a prefix and a digit.
fn without_underscores(digits: &str, prefixed: bool) -> Option<String> {
    let mut before = if prefixed { '0' } else { ' ' };
    let mut out = String::with_capacity(digits.len());
    for c in digits.chars() {
        if c == '_' && !before.is_ascii_hexdigit() || before == '_' && !c.is_ascii_hexdigit() {
            return None;
        }
        if c != '_' {
            out.push(c);
        }
        before = c;
    }
    (before != '_').then_some(out)
}

/// Reads a float as Go's `strconv.ParseFloat` does.
///
/// # Errors
/// In the words of Go: `strconv.ParseFloat: parsing "x": invalid syntax`.
pub(crate) fn parse_float(text: &str) -> Result<f64, String> {
    let fail = |why: &str| {
        Err(format!(
            "strconv.ParseFloat: parsing {}: {why}",
            crate::quote::quoted(text)
        ))
    };
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    if lower == "nan" && unsigned.len() == text.len() {
        return Ok(f64::NAN);
    }
    let magnitude = if lower == "inf" || lower == "infinity" {
        Some(f64::INFINITY)
    } else if let Some(hex) = lower.strip_prefix("0x") {
        parse_hex_float(hex)
    } else if lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        without_underscores(&lower, false).and_then(|digits| digits.parse().ok())
    } else {
        None
    };
    match magnitude {
        None => fail("invalid syntax"),
        Some(value) if value == f64::INFINITY && !lower.starts_with("inf") => {
            fail("value out of range")
        }
        Some(value) if text.starts_with('-') => Ok(-value),
        Some(value) => Ok(value),
    }
}

/// Reads what stands after `0x`: digits with a point, and an exponent of two that must be there.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let mantissa = without_underscores(mantissa, true)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut exponent: i64 = exponent
        .strip_prefix('+')
        .unwrap_or(exponent)
        .parse()
        .ok()?;
    let mut bits: u64 = 0;
    for (digit, after_point) in whole
        .chars()
        .map(|c| (c, false))
        .chain(fraction.chars().map(|c| (c, true)))
    {
        let digit = u64::from(digit.to_digit(16)?);
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
            exponent = exponent.checked_sub(if after_point { 4 } else { 0 })?;
        } else {
            // More digits than a float can hold: only their place counts, and that they are there.
            bits |= u64::from(digit != 0);
            exponent = exponent.checked_add(if after_point { 0 } else { 4 })?;
        }
    }
    // In steps, since a power of two may be out of range where the product is not.
    let mut value = bits as f64;
    let mut left = exponent.clamp(-3_000, 3_000);
    while left != 0 {
        let step = left.clamp(-500, 500);
        value *= 2f64.powi(step as i32);
        left -= step;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_have_the_types_of_go() {
        let int = |text: &str| Number::from_literal(text).ok().filter(|n| !n.is_float)?.int;
        assert_eq!(int("0"), Some(0));
        assert_eq!(int("-0x1F"), Some(-31));
        assert_eq!(int("0b101"), Some(5));
        assert_eq!(int("0o17"), Some(15));
        assert_eq!(int("017"), Some(15));
        assert_eq!(int("1_000"), Some(1000));
        assert_eq!(int("0x_1F"), Some(31));
        assert_eq!(int("0xe"), Some(14));
        assert_eq!(int("-9223372036854775808"), Some(i64::MIN));
        let float = |text: &str| {
            let number = Number::from_literal(text).ok().filter(|n| n.is_float)?;
            Some((number.float, number.int))
        };
        assert_eq!(float("1e3"), Some((1000.0, Some(1000))));
        assert_eq!(float("1.5"), Some((1.5, None)));
        assert_eq!(float(".5"), Some((0.5, None)));
        assert_eq!(float("0x1p-2"), Some((0.25, None)));
        assert_eq!(float("0x1.8p1"), Some((3.0, Some(3))));
        for bad in [
            "1i",
            "089",
            "1__0",
            "_1",
            "1_",
            "0x",
            "1e",
            "--1",
            "+",
            "9223372036854775808",
        ] {
            assert!(Number::from_literal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn floats_are_read_as_go_does() {
        assert_eq!(parse_float("+Inf"), Ok(f64::INFINITY));
        assert_eq!(parse_float("-infinity"), Ok(f64::NEG_INFINITY));
        assert!(parse_float("NaN").is_ok_and(f64::is_nan));
        assert_eq!(parse_float(".12"), Ok(0.12));
        assert_eq!(parse_float("0x10p-1074"), Ok(7.9e-323));
        assert_eq!(
            parse_float("one"),
            Err("strconv.ParseFloat: parsing \"one\": invalid syntax".to_owned())
        );
        assert_eq!(
            parse_float("1e400"),
            Err("strconv.ParseFloat: parsing \"1e400\": value out of range".to_owned())
        );
        for bad in ["", "-", " 1", "1 ", "0x1", "+nan", "1e", "e1"] {
            assert!(parse_float(bad).is_err(), "{bad}");
        }
    }
}
