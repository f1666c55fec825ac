//! Integration tests: one module a subject.

#[cfg(test)]
mod edit_cases;
#[cfg(test)]
mod kustomize_render;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod sites;
