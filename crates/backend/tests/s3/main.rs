//! States in an emulated S3.

mod cloud;
mod deaf;
mod journal;
mod locks;
mod states;
