//! Numbers as short text: the state is one row that is read and written for every call.

/// Six bits to a character; all of them stand unescaped in JSON.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Five bits of a count to a character, the sixth says that more follow.
const COUNT_BITS: u32 = 5;
const MORE: u32 = 1 << COUNT_BITS;
/// Characters of one number of 32 bits.
const FLOAT_CHARACTERS: usize = 6;
const FLOAT_BITS: u32 = 6;

/// Counts, with runs of zeros as one: `0` and the length of the run less one; zeros at the end are left out.
pub(super) fn pack_counts(counts: &[u32]) -> String {
    let end = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
    let mut text = String::new();
    let mut zeros = 0;
    for &count in &counts[..end] {
        if count == 0 {
            zeros += 1;
            continue;
        }
        if zeros > 0 {
            push(&mut text, 0);
            push(&mut text, zeros - 1);
            zeros = 0;
        }
        push(&mut text, count);
    }
    text
}

/// The counts of [`pack_counts`], as many as asked for, the rest is dropped; nothing if the text is not its work.
pub(super) fn unpack_counts(text: &str, length: usize) -> Option<Vec<u32>> {
    let mut digits = text.bytes();
    let mut counts = Vec::with_capacity(length);
    while counts.len() < length
        && let Some(count) = pull(&mut digits)?
    {
        if count > 0 {
            counts.push(count);
        } else {
            let zeros = pull(&mut digits)?? as usize + 1;
            counts.resize(counts.len().saturating_add(zeros).min(length), 0);
        }
    }
    counts.resize(length, 0);
    Some(counts)
}

/// Numbers in single precision, six characters each.
pub(super) fn pack_floats(numbers: impl Iterator<Item = f64>) -> String {
    let mut text = String::new();
    for number in numbers {
        #[expect(clippy::cast_possible_truncation, reason = "single precision is what is kept")]
        let bits = (number as f32).to_bits();
        for digit in 0..FLOAT_CHARACTERS {
            text.push(character(bits.unbounded_shr(FLOAT_BITS * digit as u32) & 63));
        }
    }
    text
}

/// The numbers of [`pack_floats`]; nothing if the text is not its work.
pub(super) fn unpack_floats(text: &str) -> Option<Vec<f64>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(FLOAT_CHARACTERS) {
        return None;
    }
    bytes
        .chunks(FLOAT_CHARACTERS)
        .map(|characters| {
            let mut bits = 0;
            for (digit, byte) in characters.iter().enumerate() {
                bits |= value(*byte)?.unbounded_shl(FLOAT_BITS * digit as u32);
            }
            Some(f64::from(f32::from_bits(bits))).filter(|number| number.is_finite())
        })
        .collect()
}

fn push(text: &mut String, mut count: u32) {
    while count >= MORE {
        text.push(character(count % MORE + MORE));
        count >>= COUNT_BITS;
    }
    text.push(character(count));
}

/// The next count; `Some(None)` at the end, `None` where the text breaks off or is foreign.
fn pull(digits: &mut impl Iterator<Item = u8>) -> Option<Option<u32>> {
    let Some(first) = digits.next() else { return Some(None) };
    let mut digit = value(first)?;
    let (mut count, mut shift) = (digit % MORE, 0);
    while digit >= MORE {
        shift += COUNT_BITS;
        digit = value(digits.next()?)?;
        if shift >= u32::BITS {
            return None;
        }
        count |= (digit % MORE) << shift;
    }
    Some(Some(count))
}

fn character(digit: u32) -> char {
    char::from(ALPHABET[digit as usize % ALPHABET.len()])
}

fn value(byte: u8) -> Option<u32> {
    ALPHABET.iter().position(|character| *character == byte).and_then(|digit| u32::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zeros_cost_next_to_nothing() {
        let mut counts = vec![0; 151];
        counts[0] = 7;
        counts[150] = 33;
        assert_eq!(pack_counts(&counts), "HA0EhB");
        assert_eq!(pack_counts(&[0; 151]), "");
    }

    #[test]
    fn foreign_text_is_refused() {
        for text in ["é", "h", "A", "_______________"] {
            assert_eq!(unpack_counts(text, 3), None, "{text}");
        }
        assert_eq!(unpack_counts("HAC", 2), Some(vec![7, 0]), "a shorter ring drops the oldest");
        assert_eq!(unpack_floats("AAAAA"), None);
        assert_eq!(unpack_floats("!!!!!!"), None);
    }

    proptest! {
        #[test]
        fn counts_survive(counts in prop::collection::vec(prop_oneof![Just(0), 0u32..40, any::<u32>()], 0..160)) {
            prop_assert_eq!(unpack_counts(&pack_counts(&counts), counts.len()), Some(counts));
        }

        #[test]
        fn floats_survive_in_single_precision(numbers in prop::collection::vec(-1e6f32..1e6, 0..80)) {
            let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
            prop_assert_eq!(unpack_floats(&pack_floats(numbers.iter().copied())), Some(numbers));
        }
    }
}
