//! JSON in its one canonical form (RFC 8785), so that equal values have equal hashes.
//!
//! RFC 8785 writes numbers as IEEE doubles: whole numbers beyond 2^53 lose digits. What must be
//! exact beyond that is text.

use serde_json::Value;

use crate::ids::Hash;

/// Writes a value as RFC 8785 says: keys in order, no space, one way to write each text and number.
pub fn canonical_json(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value)
        .expect("a JSON value has text keys and finite numbers")
}

/// Returns the SHA-256 hash of the canonical JSON of a value.
pub fn content_hash(value: &Value) -> Hash {
    Hash::of_content(canonical_json(value).as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_has_keys_in_order_and_no_space() {
        let value = json!({"mục": [1.0, 1e3, "kỳ\n"], "b": null, "a": {"d": true, "c": "</"}});
        assert_eq!(
            canonical_json(&value),
            r#"{"a":{"c":"</","d":true},"b":null,"mục":[1,1000,"kỳ\n"]}"#
        );
    }

    #[test]
    fn the_content_hash_is_the_plain_hash_of_the_canonical_text() {
        assert_eq!(
            content_hash(&json!({})).to_string(),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }
}
