//! Integration tests: one module a subject.

mod edit_cases;
