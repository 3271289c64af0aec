//! What a list is sorted by, as it is written on the command line: `KEY` or `KEY:desc`.

use clap::ValueEnum;
use std::cmp::Ordering;
use std::str::FromStr;

/// A key to sort by, and which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sorting<K> {
    pub(crate) key: K,
    pub(crate) is_descending: bool,
}

impl<K: Copy> Sorting<K> {
    /// Sorts rows; those that are equal keep their order.
    pub(crate) fn apply<R>(self, rows: &mut [R], compare: impl Fn(K, &R, &R) -> Ordering) {
        rows.sort_by(|left, right| {
            let order = compare(self.key, left, right);
            if self.is_descending { order.reverse() } else { order }
        });
    }
}

impl<K: ValueEnum> FromStr for Sorting<K> {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let (name, direction) = written.split_once(':').unwrap_or((written, "asc"));
        let is_descending = match direction.to_ascii_lowercase().as_str() {
            "asc" => false,
            "desc" => true,
            _ => return Err(format!("{direction} is no direction; write KEY, KEY:asc or KEY:desc")),
        };
        match K::from_str(name, true) {
            Ok(key) => Ok(Self { key, is_descending }),
            Err(_) => Err(format!("{name} is no key to sort by; there are: {}", keys::<K>().join(", "))),
        }
    }
}

fn keys<K: ValueEnum>() -> Vec<String> {
    let values = K::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    values.map(|value| value.get_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
    enum Key {
        Name,
        Size,
    }

    #[test]
    fn a_key_stands_alone_or_with_its_direction() {
        let parsed = |text: &str| text.parse::<Sorting<Key>>();
        assert_eq!(parsed("name"), Ok(Sorting { key: Key::Name, is_descending: false }));
        assert_eq!(parsed("SIZE:desc"), Ok(Sorting { key: Key::Size, is_descending: true }));
        assert_eq!(parsed("size:ASC"), Ok(Sorting { key: Key::Size, is_descending: false }));
        assert!(parsed("colour").unwrap_err().contains("name, size"));
        assert!(parsed("name:up").unwrap_err().contains("KEY:desc"));
    }

    #[test]
    fn equal_rows_keep_their_order_in_both_directions() {
        let mut rows = [("b", 1), ("a", 1), ("c", 2)];
        let by_size = |_, left: &(&str, u32), right: &(&str, u32)| left.1.cmp(&right.1);
        Sorting { key: Key::Size, is_descending: true }.apply(&mut rows, by_size);
        assert_eq!(rows.map(|row| row.0), ["c", "b", "a"]);
        Sorting { key: Key::Size, is_descending: false }.apply(&mut rows, by_size);
        assert_eq!(rows.map(|row| row.0), ["b", "a", "c"]);
    }
}
