//! git-promote: moves a version from one environment of a config repository
//! to the next, and makes skipping an environment impossible.

pub mod config;
pub mod git;
pub mod kustomize;
pub mod model;
pub mod worktree;
pub mod yaml;
