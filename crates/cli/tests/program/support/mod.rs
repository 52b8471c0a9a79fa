//! What the tests of the whole program need: a folder to run it in, and an emulated AWS.

mod browser;
mod cloud;
mod folder;
mod http;
mod ports;
mod proxy;
mod sink;

pub use browser::Browser;
pub use cloud::Cloud;
pub use folder::{Folder, Outcome};
pub use http::get;
pub use ports::{Alone, Beside};
pub use proxy::{Fault, Proxy};
pub use sink::Sink;
