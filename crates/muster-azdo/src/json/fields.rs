//! Objects whose keys come in more than one spelling.

use super::Violation;
use serde_json::{Map, Value};

/// The fields of an object, found whatever the case of their keys: the service writes some with a capital and some
/// without (Microsoft's own example of policies writes `MaximumGitBlobSizeInBytes` beside `minimumApproverCount`).
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The value of a key; `null` is none.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        let found = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A switch; absent is not off.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn switch(&self, key: &str) -> Result<Option<bool>, Violation> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => value.as_bool().map(Some).ok_or(Violation("a switch is neither on nor off")),
        }
    }

    /// A switch that some answers write as a text; absent, and unknown, where it says anything else.
    pub(crate) fn worded_switch(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(is_on) => Some(*is_on),
            Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// A text that says something; `None` for anything else.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let text = self.get(key)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(fields) = value else { panic!("{value} is no object") };
        fields
    }

    #[test]
    fn keys_are_found_in_any_case_and_null_is_absent() {
        let fields =
            object(json!({"IsOn": true, "off": false, "nothing": null, "Vault": " keys ", "blank": ""}));
        let fields = Fields(&fields);
        assert_eq!(fields.switch("isOn"), Ok(Some(true)));
        assert_eq!(fields.switch("OFF"), Ok(Some(false)));
        assert_eq!(fields.switch("nothing"), Ok(None));
        assert_eq!(fields.switch("absent"), Ok(None));
        assert!(fields.switch("vault").is_err());
        assert_eq!(fields.text("vault").as_deref(), Some("keys"));
        assert_eq!((fields.text("blank"), fields.text("isOn"), fields.text("absent")), (None, None, None));
    }

    #[test]
    fn a_worded_switch_is_read_in_any_case_and_guessed_from_nothing() {
        for (value, expected) in [
            (json!("True"), Some(true)),
            (json!("FALSE"), Some(false)),
            (json!(true), Some(true)),
            (json!("yes"), None),
            (json!(1), None),
            (json!(null), None),
        ] {
            let fields = object(json!({"IsPrivate": value}));
            assert_eq!(Fields(&fields).worded_switch("isPrivate"), expected, "{value}");
        }
    }
}
