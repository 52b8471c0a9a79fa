//! Records of this machine, through the provider as the engine uses it: planned, made, read, planned again.

mod changes;
mod provider;
mod recorded;
mod refusals;
mod running;
