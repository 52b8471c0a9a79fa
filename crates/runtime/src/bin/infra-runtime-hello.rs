//! The sample image for this crate's own tests, where there is no infra binary: `local-task hello …`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, [second, rest @ ..])) if first == "local-task" && second == "hello" => {
            std::process::exit(infra_runtime::hello(rest.to_vec()).await)
        }
        _ => ExitCode::from(64),
    }
}
