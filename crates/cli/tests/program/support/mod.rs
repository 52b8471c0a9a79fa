//! What the tests of the whole program need: a folder to run it in, and an emulated AWS.

mod cloud;
mod folder;
mod http;
mod proxy;

pub use cloud::Cloud;
pub use folder::{Folder, Outcome};
pub use http::get;
pub use proxy::{Fault, Proxy};
