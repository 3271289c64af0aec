//! What is left of a list when its elements are cut out.

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// Name of the property with the length of the list.
const COUNT: &str = "count";

/// A list without its elements.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Skeleton {
    /// What the list says about its length.
    pub(super) count: Option<u64>,
    /// How many elements stood in it.
    pub(super) elements: usize,
}

/// Reads the skeleton of a list whose elements are in the property `elements_name`, a number in place of each.
pub(super) struct SkeletonSeed {
    pub(super) elements_name: &'static str,
}

impl<'de> DeserializeSeed<'de> for SkeletonSeed {
    type Value = Skeleton;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Skeleton, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SkeletonSeed {
    type Value = Skeleton;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with a list `{}`", self.elements_name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Skeleton, A::Error> {
        let mut count = None;
        let mut elements = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == self.elements_name {
                if elements.is_some() {
                    return Err(A::Error::duplicate_field(self.elements_name));
                }
                elements = Some(map.next_value::<Vec<u8>>()?.len());
            } else if name == COUNT {
                if count.is_some() {
                    return Err(A::Error::duplicate_field(COUNT));
                }
                count = Some(map.next_value::<Option<u64>>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        match elements {
            Some(elements) => Ok(Skeleton { count: count.flatten(), elements }),
            None => Err(A::Error::missing_field(self.elements_name)),
        }
    }
}
