//! The integration tests: one binary, a module for each part of the product.
//!
//! Each module is `cfg(test)`, so that clippy knows its helpers for test code.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod change;
#[cfg(test)]
mod chart_data;
#[cfg(test)]
mod check_cases;
#[cfg(test)]
mod check_fixtures;
#[cfg(test)]
mod check_forms;
#[cfg(test)]
mod check_fuzz;
#[cfg(test)]
mod check_gate;
#[cfg(test)]
mod check_history;
#[cfg(test)]
mod check_mutate;
#[cfg(test)]
mod check_oracle;
#[cfg(test)]
mod check_properties;
#[cfg(test)]
mod check_purity;
#[cfg(test)]
mod check_reports;
#[cfg(test)]
mod check_robust;
#[cfg(test)]
mod check_wide;
mod check_words;
#[cfg(test)]
mod code_owners;
#[cfg(test)]
mod commands_doc;
#[cfg(test)]
mod config;
#[cfg(test)]
mod config_import;
#[cfg(test)]
mod config_refusals;
#[cfg(test)]
mod config_roundtrip;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crash_hooks;
#[cfg(test)]
mod crash_locks;
#[cfg(test)]
mod crash_since;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod deliver;
#[cfg(test)]
mod diff;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod edit_cases;
#[cfg(test)]
mod edit_command;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod ends_hooks;
#[cfg(test)]
mod expression;
#[cfg(test)]
mod front;
#[cfg(test)]
mod gate_policies;
#[cfg(test)]
mod gate_soak;
#[cfg(test)]
mod gate_windows;
#[cfg(test)]
mod git_commit;
#[cfg(test)]
mod git_engines;
#[cfg(test)]
mod git_read;
#[cfg(test)]
mod git_refuse;
#[cfg(test)]
mod git_remove;
#[cfg(test)]
mod git_walk;
#[cfg(test)]
mod hold;
#[cfg(test)]
mod house;
#[cfg(test)]
mod in_place;
#[cfg(test)]
mod in_place_files;
#[cfg(test)]
mod init;
#[cfg(test)]
mod judged;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod krew;
#[cfg(test)]
mod kustomize_render;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod live;
#[cfg(test)]
mod log;
#[cfg(test)]
mod log_repos;
#[cfg(test)]
mod next;
#[cfg(test)]
mod no_skip;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod override_signers;
#[cfg(test)]
mod past_believed;
#[cfg(test)]
mod past_kept;
#[cfg(test)]
mod preview;
#[cfg(test)]
mod preview_places;
#[cfg(test)]
mod promote;
#[cfg(test)]
mod promote_apps;
#[cfg(test)]
mod promote_create;
#[cfg(test)]
mod promote_digests;
#[cfg(test)]
mod promote_gates;
#[cfg(test)]
mod promote_layouts;
#[cfg(test)]
mod promote_misread;
#[cfg(test)]
mod promote_words;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod push;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod real_findings;
#[cfg(test)]
mod real_repos;
#[cfg(test)]
mod rehearse;
#[cfg(test)]
mod render;
#[cfg(test)]
mod render_compare;
#[cfg(test)]
mod render_fixtures;
#[cfg(test)]
mod render_fuzz;
#[cfg(test)]
mod render_repos;
#[cfg(test)]
mod report;
#[cfg(test)]
mod report_page;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod rollback_forms;
#[cfg(test)]
mod rules_doc;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod sites;
#[cfg(test)]
mod status;
#[cfg(test)]
mod status_kept;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod torn;
#[cfg(test)]
mod unnamed;
#[cfg(test)]
mod untouched;
#[cfg(test)]
mod verify;
mod verify_config;
#[cfg(test)]
mod verify_gpg;
mod verify_lines;
mod verify_unrecorded;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod why;
