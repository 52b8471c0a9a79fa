//! Approvals of saved plans: what is signed, with which SSH key, and whose signature counts.
//!
//! An approval is a [`Statement`]: a few lines that people can read, signed in OpenSSH's signature format. [`Approvals`] is
//! the file beside a plan that holds them, [`AllowedSigners`] says which key belongs to whom, and [`Requirement`] decides
//! whether one of them approves a plan. Nothing here knows what a plan is: [`About`] is what is said of it.

mod agent;
mod allowed;
mod approvals;
mod keys;
mod pattern;
mod requirement;
mod signing;
mod statement;

pub use agent::Agent;
pub use allowed::{AllowedSigners, AllowedSignersError, NotAllowed, Signer};
pub use approvals::{Approvals, Damaged, Signed};
pub use keys::{Key, KeyError, default_keys, fingerprint, is_short, own_keys};
pub use requirement::{Approval, Maker, Refusal, Rejected, Requirement, Why};
pub use signing::{SigningError, sign_with_agent, sign_with_key, sign_with_program};
pub use ssh_key::{PrivateKey, PublicKey, SshSig};
pub use statement::{About, Statement};

/// The namespace of the signatures: one for something else, such as a commit, is none for a plan.
pub const NAMESPACE: &str = "infra-plan";
