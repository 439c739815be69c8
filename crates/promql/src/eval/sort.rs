//! Orders: series by labels, strings as people order them, floats with NaN last.

use std::cmp::Ordering;

use bellwether_model::Labels;

/// Sorts by labels. Comparing labels pair by pair is slow beside comparing bytes, so that each gets
/// a key of bytes once, and the first bytes in which the keys differ are compared as a number.
pub(crate) fn by_labels<T>(items: Vec<T>, labels: impl Fn(&T) -> &Labels) -> Vec<T> {
    if items.len() < 2 {
        return items;
    }
    let mut keys = Vec::with_capacity(items.len() * 128);
    let mut ends = Vec::with_capacity(items.len());
    for item in &items {
        for (name, value) in labels(item) {
            // A zero byte sorts before all others, so that a prefix comes first. Inside of a
            // string it would lie about where the string ends.
            if name.contains('\0') || value.contains('\0') {
                return by_pairs(items, labels);
            }
            keys.extend_from_slice(name.as_bytes());
            keys.push(0);
            keys.extend_from_slice(value.as_bytes());
            keys.push(0);
        }
        ends.push(keys.len());
    }
    let key = |index: usize| {
        let start = if index == 0 { 0 } else { ends[index - 1] };
        &keys[start..ends[index]]
    };
    let first = key(0);
    let shared = (1..items.len()).fold(first.len(), |shared, index| {
        let other = key(index);
        let limit = shared.min(other.len());
        let same = first[..limit].iter().zip(other).take_while(|(a, b)| a == b);
        same.count()
    });
    let head = |index: usize| {
        let mut bytes = [0u8; 8];
        for (to, from) in bytes.iter_mut().zip(&key(index)[shared..]) {
            *to = *from;
        }
        u64::from_be_bytes(bytes)
    };
    let mut order: Vec<(u64, u32)> = (0..items.len())
        .map(|index| (head(index), index as u32))
        .collect();
    order.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0)
            .then_with(|| key(a.1 as usize).cmp(key(b.1 as usize)))
            .then(a.1.cmp(&b.1))
    });
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|(_, index)| items[index as usize].take())
        .collect()
}

fn by_pairs<T>(mut items: Vec<T>, labels: impl Fn(&T) -> &Labels) -> Vec<T> {
    items.sort_by(|a, b| labels(a).cmp(labels(b)));
    items
}

/// Ascending, NaN at the end.
pub(crate) fn ascending(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    }
}

/// Descending, NaN at the end.
pub(crate) fn descending(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    }
}

/// Splits off the leading run of digits, or of anything else.
fn chunk(text: &str) -> (&str, &str) {
    let digits = text.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let end = text
        .bytes()
        .position(|b| b.is_ascii_digit() != digits)
        .unwrap_or(text.len());
    text.split_at(end)
}

/// The order in which people expect names with numbers: `x2` before `x10`.
pub(crate) fn natural(mut a: &str, mut b: &str) -> Ordering {
    loop {
        match (a.is_empty(), b.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let ((x, a_rest), (y, b_rest)) = (chunk(a), chunk(b));
        let order = match (x.parse::<i64>(), y.parse::<i64>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            _ => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_as_they_compare() {
        let sets = [
            &[("a", "1"), ("b", "2")][..],
            &[("a", "1")],
            &[("a", "10")],
            &[("a", "1\0")],
            &[("b", "")],
            &[],
            &[("ab", "x")],
        ];
        for with_zero in [false, true] {
            let items: Vec<Labels> = sets
                .iter()
                .map(|pairs| Labels::from_pairs(pairs.iter().copied()))
                .filter(|labels| with_zero || labels.get("a") != Some("1\0"))
                .collect();
            let mut want = items.clone();
            want.sort();
            assert_eq!(by_labels(items, |labels| labels), want);
        }
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["x10", "x2", "y", "x", "x2a"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["x", "x2", "x2a", "x10", "y"]);
    }

    proptest::proptest! {
        #[test]
        fn key_order_is_pair_order(
            sets in proptest::collection::vec(
                proptest::collection::vec(("[abc\u{1}é]{1,3}", "[abc\u{1}é]{0,3}"), 0..4), 0..12)
        ) {
            let items: Vec<Labels> = sets.iter().map(|pairs| Labels::from_pairs(pairs.iter().map(|(n, v)| (n, v)))).collect();
            let mut want = items.clone();
            want.sort();
            proptest::prop_assert_eq!(by_labels(items, |labels| labels), want);
        }
    }
}
