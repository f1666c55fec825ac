//! Integration tests: one module a subject.

#[cfg(test)]
mod edit_cases;
#[cfg(test)]
mod properties;
