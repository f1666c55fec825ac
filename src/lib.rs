//! git-promote: moves a version from one environment of a config repository
//! to the next, and makes skipping an environment impossible.
//!
//! Data flows one way: a [`git`] snapshot and its [`config`] become an
//! inventory ([`discover`]), the inventory and the user's intent a [`plan`],
//! the plan and its history are judged by the rules ([`gate`]), and only an
//! approved plan reaches the effects: commits, and on request a push and a
//! pull request on a [`forge`]. Every [`command`] is that line, cut
//! short or with another source; what it found is a [`report`] that [`output`]
//! renders.
//!
//! The modules from [`model`] to [`report`] are pure: no I/O, no clock, no
//! environment. Imports go down only.

pub mod audit;
pub mod cli;
pub mod cluster;
pub mod command;
pub mod config;
pub mod diff;
pub mod discover;
pub mod expression;
pub mod forge;
pub mod gate;
pub mod git;
pub mod history;
pub mod kustomize;
pub mod model;
pub mod net;
pub mod output;
pub mod owners;
pub mod plan;
pub mod preview;
pub mod program;
pub mod proof;
pub mod pull_request;
pub mod registry;
pub mod report;
pub mod schedule;
pub mod worktree;
pub mod yaml;

pub use cli::run;
pub use command::Front;
