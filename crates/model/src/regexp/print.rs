//! Writes a parsed pattern in the syntax of the `regex` crate.

use std::fmt::Write as _;

use super::parse::Node;

/// The pattern, anchored at both ends.
pub(super) fn anchored(node: &Node) -> String {
    let mut out = String::from(r"\A(?:");
    print(node, &mut out);
    out.push_str(r")\z");
    out
}

/// The pattern as it is.
pub(super) fn unanchored(node: &Node) -> String {
    let mut out = String::new();
    print(node, &mut out);
    out
}

fn print(node: &Node, out: &mut String) {
    match node {
        Node::Literal { text, fold: false } => out.push_str(&regex::escape(text)),
        Node::Literal { text, fold: true } => {
            out.push_str("(?i:");
            out.push_str(&regex::escape(text));
            out.push(')');
        }
        Node::Leaf(text) => out.push_str(text),
        Node::Group { captures, inner } => {
            out.push_str(if *captures { "(" } else { "(?:" });
            print(inner, out);
            out.push(')');
        }
        Node::Repeat {
            inner,
            min,
            max,
            greedy,
        } => {
            print_atom(inner, out);
            print_counts(*min, *max, out);
            if !greedy {
                out.push('?');
            }
        }
        Node::Concat(parts) => parts.iter().for_each(|part| print(part, out)),
        Node::Alternate(choices) => {
            for (index, choice) in choices.iter().enumerate() {
                if index > 0 {
                    out.push('|');
                }
                print(choice, out);
            }
        }
    }
}

/// Prints something that a repetition may follow. Literals under a repetition have one character.
fn print_atom(node: &Node, out: &mut String) {
    match node {
        Node::Literal { .. } | Node::Leaf(_) | Node::Group { .. } => print(node, out),
        _ => {
            out.push_str("(?:");
            print(node, out);
            out.push(')');
        }
    }
}

fn print_counts(min: u32, max: Option<u32>, out: &mut String) {
    match (min, max) {
        (0, None) => out.push('*'),
        (1, None) => out.push('+'),
        (0, Some(1)) => out.push('?'),
        _ => {
            // Writing to a String cannot fail.
            let _written = match max {
                None => write!(out, "{{{min},}}"),
                Some(max) if max == min => write!(out, "{{{min}}}"),
                Some(max) => write!(out, "{{{min},{max}}}"),
            };
        }
    }
}
