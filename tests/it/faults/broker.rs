//! A broker that stops, stalls, loses or refuses.
