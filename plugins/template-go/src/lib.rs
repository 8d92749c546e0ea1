//! The Go template engine.
