//! Order as text: every item has a key, and items stand in the order of their keys.
//!
//! A key is a fraction between 0 and 1 in base 62 without its "0.", so that there is room between
//! any two keys, before the first and after the last. Keys compare as bytes. None ends in the lowest
//! digit: nothing would fit directly before such a key.
//!
//! A plain midpoint makes keys longer with every item put at the end, and programmes grow at the
//! end. There a key counts up instead: a run of k highest digits says that k + 1 digits of the count
//! follow (`V` … `y`, `z01` … `zyz`, `zz001` …), and the same downwards at the front. The
//! thousandth item at the end has a key of three digits.

use std::cmp::Ordering;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LAST: u8 = 61;
const MIDDLE: u8 = 31;

/// Returns a key between two others; `None` stands for the front or the end.
///
/// What is not a key counts as `None`, and so does an `after` that does not come after `before`:
/// keys arrive from other devices, and a wrong one must not stop a secretary from inserting an item.
pub fn between(before: Option<&str>, after: Option<&str>) -> String {
    let before = before.and_then(digits).unwrap_or_default();
    let after = after.and_then(digits).filter(|after| before < *after);
    text(&middle(&before, after.as_deref()))
}

/// Returns a key for every item in the order wanted, given the keys that they have so far.
///
/// A longest run of items whose keys already rise keeps its keys. Only the others, which were
/// inserted or moved, get new ones.
pub fn assign(so_far: &[Option<&str>]) -> Vec<String> {
    let known: Vec<Option<Vec<u8>>> = so_far.iter().map(|key| key.and_then(digits)).collect();
    let kept = rising(&known);
    let mut keys: Vec<Vec<u8>> = Vec::with_capacity(known.len());
    let mut before: &[u8] = &[];
    for end in kept.into_iter().map(Some).chain([None]) {
        let after = end.and_then(|index| known[index].as_deref());
        let missing = end.unwrap_or(known.len()) - keys.len();
        fill(&mut keys, before, after, missing);
        if let Some(after) = after {
            keys.push(after.to_vec());
            before = after;
        }
    }
    keys.iter().map(|key| text(key)).collect()
}

/// Returns the positions of a longest strictly rising run among the values that are there; of
/// several the one that patience sorting finds, which is the same on every device.
pub(super) fn rising<T: Ord>(values: &[Option<T>]) -> Vec<usize> {
    // The last position of the best run of each length, and for each position the one before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = vec![None; values.len()];
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        let length =
            ends.partition_point(|&end| values[end].as_ref().is_some_and(|at_end| at_end < value));
        previous[index] = length.checked_sub(1).map(|length| ends[length]);
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut run: Vec<usize> =
        std::iter::successors(ends.last().copied(), |&index| previous[index]).collect();
    run.reverse();
    run
}

/// Adds `count` keys between two: counted on at the front and at the end, halved in between.
fn fill(keys: &mut Vec<Vec<u8>>, before: &[u8], after: Option<&[u8]>, count: usize) {
    match (count, after) {
        (0, _) => {}
        (_, None) => {
            let mut last = before.to_vec();
            for _ in 0..count {
                last = middle(&last, None);
                keys.push(last.clone());
            }
        }
        (_, Some(after)) => {
            let half = middle(before, Some(after));
            let first = (count - 1) / 2;
            fill(keys, before, Some(&half), first);
            keys.push(half.clone());
            fill(keys, &half, Some(after), count - 1 - first);
        }
    }
}

/// A fraction strictly between two; no digits are 0, and `None` is 1.
fn middle(before: &[u8], after: Option<&[u8]>) -> Vec<u8> {
    let Some(after) = after else {
        return if before.is_empty() {
            vec![MIDDLE]
        } else {
            counted_up(before)
        };
    };
    if before.is_empty() {
        return counted_down(after);
    }
    let shared = before
        .iter()
        .zip(after)
        .take_while(|(before, after)| before == after)
        .count();
    let (prefix, after_rest) = after.split_at(shared);
    let before_rest = &before[shared..];
    let low = digit_at(before_rest, 0);
    let high = digit_at(after_rest, 0);
    let mut key = prefix.to_vec();
    if before_rest.is_empty() {
        key.extend(counted_down(after_rest));
    } else if high - low > 1 {
        key.push(low + (high - low) / 2);
    } else if after_rest.len() > 1 {
        key.push(high);
    } else {
        key.push(low);
        key.extend(middle(&before_rest[1..], None));
    }
    key
}

/// The next of the counting keys after `key`.
fn counted_up(key: &[u8]) -> Vec<u8> {
    let run = key.iter().take_while(|&&digit| digit == LAST).count();
    let length = 2 * run + 1;
    let mut next: Vec<u8> = (0..length).map(|index| digit_at(key, index)).collect();
    for digit in next.iter_mut().skip(run).rev() {
        if *digit < LAST {
            *digit += 1;
            break;
        }
        *digit = 0;
    }
    if next[run] == LAST {
        next.truncate(run + 1);
        next.resize(2 * (run + 1) + 1, 0);
    }
    if next[next.len() - 1] == 0 {
        let last = next.len() - 1;
        next[last] = 1;
    }
    next
}

/// The next of the counting keys before `key`, which is not zero.
fn counted_down(key: &[u8]) -> Vec<u8> {
    let run = key.iter().take_while(|&&digit| digit == 0).count();
    let last = 2 * run;
    let mut next: Vec<u8> = (0..=last).map(|index| digit_at(key, index)).collect();
    if next[last] > 1 {
        next[last] -= 1;
        return next;
    }
    // The last digit would become the lowest: borrow, and count on from the highest.
    next[last] = LAST;
    for digit in next[..last].iter_mut().skip(run).rev() {
        if *digit > 0 {
            *digit -= 1;
            break;
        }
        *digit = LAST;
    }
    if run == last || next[run] == 0 {
        next.truncate(run);
        next.push(0);
        next.resize(2 * (run + 1) + 1, LAST);
    }
    next
}

fn digit_at(digits: &[u8], index: usize) -> u8 {
    digits.get(index).copied().unwrap_or(0)
}

fn digits(key: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = key
        .bytes()
        .map(|byte| {
            DIGITS
                .binary_search(&byte)
                .ok()
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    digits.filter(|digits| {
        digits
            .last()
            .is_some_and(|last| last.cmp(&0) == Ordering::Greater)
    })
}

/// Says whether a text is a key.
pub(super) fn is_key(key: &str) -> bool {
    digits(key).is_some()
}

fn text(digits: &[u8]) -> String {
    digits
        .iter()
        .map(|&digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_room_between_any_two_keys() {
        for (before, after, expected) in [
            (None, None, "V"),
            (Some("V"), None, "W"),
            (Some("y"), None, "z01"),
            (Some("z0z"), None, "z11"),
            (Some("zyz"), None, "zz001"),
            (Some("z"), None, "z01"),
            (None, Some("V"), "U"),
            (None, Some("1"), "0zz"),
            (None, Some("0z1"), "0yz"),
            (None, Some("011"), "00zzz"),
            (None, Some("01"), "00zzz"),
            (Some("A"), Some("C"), "B"),
            (Some("A"), Some("B"), "AV"),
            (Some("AV"), Some("B"), "AW"),
            (Some("A"), Some("AV"), "AU"),
            (Some("A"), Some("A1"), "A0zz"),
            (Some("A"), Some("BV"), "B"),
        ] {
            assert_eq!(between(before, after), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn what_is_no_key_counts_as_none() {
        for (before, after) in [
            (Some(""), Some("0")),
            (Some("Đ"), Some("A0")),
            (None, Some("a b")),
        ] {
            assert_eq!(between(before, after), "V");
        }
        assert_eq!(between(Some("W"), Some("V")), "X");
        assert_eq!(between(Some("W"), Some("W")), "X");
    }

    #[test]
    fn keys_stay_short_where_items_are_always_put_at_the_same_place() {
        let mut end = between(None, None);
        let mut front = end.clone();
        let mut before_the_last = "U".to_owned();
        let mut after_the_first = "W".to_owned();
        for _ in 0..3000 {
            end = between(Some(&end), None);
            front = between(None, Some(&front));
            before_the_last = between(Some(&before_the_last), Some("V"));
            after_the_first = between(Some("V"), Some(&after_the_first));
        }
        let lengths = [&end, &front, &before_the_last, &after_the_first].map(String::len);
        assert!(lengths.into_iter().all(|length| length <= 8), "{lengths:?}");
    }

    #[test]
    fn inserting_one_item_changes_one_key() {
        let keys = assign(&[None; 60]);
        let mut wanted: Vec<Option<&str>> = keys.iter().map(|key| Some(key.as_str())).collect();
        wanted.insert(23, None);

        let mut after = assign(&wanted);
        after.remove(23);

        assert_eq!(after, keys);
    }

    #[test]
    fn moving_one_item_changes_one_key() {
        let keys = assign(&[None; 60]);
        let mut wanted: Vec<Option<&str>> = keys.iter().map(|key| Some(key.as_str())).collect();
        let moved = wanted.remove(50);
        wanted.insert(3, moved);

        let after = assign(&wanted);

        let changed = after
            .iter()
            .zip(&wanted)
            .filter(|(after, wanted)| Some(after.as_str()) != **wanted)
            .count();
        assert_eq!(changed, 1);
    }

    fn key() -> impl Strategy<Value = String> {
        // Any key, and keys at the ends of the counting runs.
        prop_oneof![
            "[0-9A-Za-z]{0,6}[1-9A-Za-z]",
            "(0{0,3}|z{0,3})[01yz]{0,3}[1z]"
        ]
    }

    fn rises<T: Ord>(keys: &[T]) -> bool {
        keys.is_sorted_by(|a, b| a < b)
    }

    proptest! {
        #[test]
        fn a_key_between_two_stands_between_them(a in key(), b in key()) {
            prop_assume!(a != b);
            let (before, after) = if a < b { (a, b) } else { (b, a) };

            let inner = between(Some(&before), Some(&after));
            let front = between(None, Some(&before));
            let end = between(Some(&after), None);

            prop_assert!(rises(&[&front, &before, &inner, &after, &end]), "{front} {before} {inner} {after} {end}");
            for key in [front, inner, end] {
                prop_assert!(digits(&key).is_some(), "{key}");
            }
        }

        #[test]
        fn keys_assigned_rise_and_only_what_was_out_of_order_changes(
            so_far in proptest::collection::vec(proptest::option::of(key()), 0..40),
        ) {
            let so_far: Vec<Option<&str>> = so_far.iter().map(Option::as_deref).collect();

            let keys = assign(&so_far);

            prop_assert!(rises(&keys), "{keys:?}");
            let kept = keys.iter().zip(&so_far).filter(|(key, old)| Some(key.as_str()) == **old).count();
            prop_assert!(kept >= longest_rising_run(&so_far));
            let again: Vec<Option<&str>> = keys.iter().map(|key| Some(key.as_str())).collect();
            prop_assert_eq!(&assign(&again), &keys);
        }

        #[test]
        fn any_text_is_taken_without_panic(a in ".{0,8}", b in ".{0,8}") {
            let inner = between(Some(&a), Some(&b));
            prop_assert!(digits(&inner).is_some());
            prop_assert!(rises(&assign(&[Some(&a), Some(&b), None])));
        }
    }

    fn longest_rising_run(keys: &[Option<&str>]) -> usize {
        let mut best = vec![0; keys.len()];
        for index in 0..keys.len() {
            if keys[index].is_some() {
                let before = (0..index).filter(|&i| keys[i].is_some() && keys[i] < keys[index]);
                best[index] = 1 + before.map(|i| best[i]).max().unwrap_or(0);
            }
        }
        best.into_iter().max().unwrap_or(0)
    }
}
