//! The clients of the forges against a server on loopback. A binary of its own
//! beside the other tests.
//!
//! `server` is the server, `faults` the table of what can go wrong, written
//! once for every client. A client has a module with its stand-in.
//!
//! `world` is a forge that keeps state, with a bare repository behind it; the
//! journeys run the built program against it, and need git.

#[cfg(test)]
mod azure;
#[cfg(test)]
mod bitbucket;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod faults_table;
#[cfg(test)]
mod garbled;
#[cfg(test)]
mod gitea;
#[cfg(test)]
mod github;
#[cfg(test)]
mod github_app;
#[cfg(test)]
mod github_double;
#[cfg(test)]
mod github_schema;
#[cfg(test)]
mod gitlab;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod journey_approvals;
#[cfg(test)]
mod journey_cluster;
#[cfg(test)]
mod journey_faults;
#[cfg(test)]
mod journey_health;
#[cfg(test)]
mod journey_next;
#[cfg(test)]
mod journey_request;
#[cfg(test)]
mod journey_standing;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod standing;
#[cfg(test)]
mod standing_azure;
#[cfg(test)]
mod standing_bitbucket;
#[cfg(test)]
mod standing_gitea;
#[cfg(test)]
mod standing_gitlab;
#[cfg(test)]
mod store;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod world;
#[cfg(test)]
mod world_api;
#[cfg(test)]
mod world_git;
