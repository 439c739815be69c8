//! Which series satisfy matchers: the algebra of postings, over the head as over blocks.
//!
//! ## Model
//! An [`Index`] knows the label pairs of its series and, for each pair, the ascending list of
//! series that have it. [`evaluate`] intersects the shortest lists first; matchers whose lists are
//! long beside the few series that are left are tested on those series instead.

use bellwether_model::{MatchOp, Matcher};

/// A set of series with inverted lists. Series and pairs are numbered by the index.
pub(crate) trait Index {
    /// Appends all series, ascending.
    fn all_into(&self, out: &mut Vec<u32>);
    /// How many series there are.
    fn series_count(&self) -> usize;
    /// The number of a pair.
    fn find_pair(&self, name: &str, value: &str) -> Option<u32>;
    /// Calls `take` with each value of a label and the number of the pair, in no order.
    fn each_value(&self, name: &str, take: &mut dyn FnMut(&str, u32));
    /// How many series have a pair.
    fn postings_len(&self, pair: u32) -> usize;
    /// Appends the series that have a pair, ascending.
    fn postings_into(&self, pair: u32, out: &mut Vec<u32>);
    /// Whether the labels of a series satisfy a matcher.
    fn satisfies(&self, series: u32, matcher: &Matcher) -> bool;
}

/// What one matcher says.
struct Term<'a> {
    matcher: &'a Matcher,
    pairs: Vec<u32>,
    /// Series with one of the pairs are out, not in.
    excludes: bool,
    size: usize,
}

/// Testing a matcher on a series costs about as much as decoding so many postings.
const TEST_COST: usize = 32;

/// The series that satisfy all matchers, ascending.
pub(crate) fn evaluate(index: &dyn Index, matchers: &[Matcher]) -> Vec<u32> {
    let mut terms = Vec::with_capacity(matchers.len());
    for matcher in matchers {
        let term = term(index, matcher);
        if !term.excludes && term.pairs.is_empty() {
            return Vec::new();
        }
        // An exclusion of nothing says nothing.
        if !(term.excludes && term.pairs.is_empty()) {
            terms.push(term);
        }
    }
    // Inclusions by size, then exclusions.
    terms.sort_by_key(|term| (term.excludes, term.size));
    let mut found = Vec::new();
    let mut rest = terms.iter();
    match rest.as_slice().first() {
        Some(first) if !first.excludes => {
            rest.next();
            union_into(index, &first.pairs, &mut found);
        }
        _ => index.all_into(&mut found),
    }
    let mut list = Vec::new();
    for term in rest {
        if found.is_empty() {
            break;
        }
        if term.size >= index.series_count() && !term.excludes {
            continue;
        }
        if found.len() * TEST_COST < term.size {
            found.retain(|&series| index.satisfies(series, term.matcher));
            continue;
        }
        list.clear();
        union_into(index, &term.pairs, &mut list);
        keep(&mut found, &list, !term.excludes);
    }
    found
}

fn term<'a>(index: &dyn Index, matcher: &'a Matcher) -> Term<'a> {
    let excludes = matcher.matches_empty();
    let mut pairs = Vec::new();
    let wanted = |value: &str| matcher.matches(value) != excludes;
    match matcher.literals() {
        // The literals themselves are the answer when they are what is wanted.
        Some(literals) if matcher.op.is_negative() == excludes => {
            let known = literals.iter().filter(|l| !l.is_empty() && wanted(l));
            pairs.extend(known.filter_map(|literal| index.find_pair(&matcher.name, literal)));
        }
        _ => {
            let any =
                matches!(matcher.op, MatchOp::Regex | MatchOp::NotRegex) && matcher.value == ".*";
            // `.*` excludes nothing.
            if !(any && excludes) {
                index.each_value(&matcher.name, &mut |value, pair| {
                    if wanted(value) {
                        pairs.push(pair);
                    }
                });
            }
        }
    }
    let size = pairs.iter().map(|&pair| index.postings_len(pair)).sum();
    Term {
        matcher,
        pairs,
        excludes,
        size,
    }
}

/// The union of the lists of some pairs of one label, ascending. A series has one value a label,
/// so that the lists are disjoint.
fn union_into(index: &dyn Index, pairs: &[u32], out: &mut Vec<u32>) {
    for &pair in pairs {
        index.postings_into(pair, out);
    }
    if pairs.len() > 1 {
        out.sort_unstable();
    }
}

/// Keeps of `found` what is in `list`, or what is not.
fn keep(found: &mut Vec<u32>, list: &[u32], inside: bool) {
    let mut at = 0;
    if found.len() * 16 < list.len() {
        found.retain(|&series| {
            at += list
                .get(at..)
                .unwrap_or_default()
                .partition_point(|&l| l < series);
            (list.get(at) == Some(&series)) == inside
        });
        return;
    }
    found.retain(|&series| {
        while at < list.len() && list[at] < series {
            at += 1;
        }
        (list.get(at) == Some(&series)) == inside
    });
}
