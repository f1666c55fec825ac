//! Clusters, as far as kubectl tells of them.
//!
//! Shell code: it starts `kubectl` and reads what it answers. [`rollout`] says
//! what an object means: it is a function of the answer alone.

mod kubectl;
mod rollout;

pub use kubectl::{Kubectl, KubectlError};
pub use rollout::{Rollout, rollout};
