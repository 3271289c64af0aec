//! JSON Schema of every payload.
