//! Clusters, as far as kubectl tells of them: in a process of its own, so that
//! its contexts, credentials and plugins work as its users know them.
//!
//! Shell code: it starts `kubectl` and reads what it answers, and never changes
//! anything there. [`rollout`] says what an object means: it is a function of
//! the answer alone.

mod kubectl;
mod rollout;
mod told;
mod workloads;

pub use kubectl::{Kubectl, KubectlError};
pub use rollout::{Rollout, rollout};
pub use workloads::{ClusterError, Workload, workloads};
