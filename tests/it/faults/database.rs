//! A database that stops, refuses, fails over or lies about the time.
