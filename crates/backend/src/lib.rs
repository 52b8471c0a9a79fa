//! Where a state is kept away from the folder: objects in S3, in the form in which Terraform keeps them, so that the two
//! see each other's states and locks.

mod arguments;
mod bucket;
mod checks;
mod keys;
mod locks;
mod s3;
mod settings;
mod shelf;
mod state;
mod table;
mod underway;
mod worker;

pub use arguments::{argument_names, argument_type, is_secret};
pub use s3::S3Backend;
pub use settings::S3Settings;
pub use shelf::S3Shelf;
