//! How the program is linked: at fixed addresses on Linux, where it is built for release.
//!
//! A program that may be loaded anywhere has the addresses in its tables written when it starts: hundreds of thousands
//! of them, on pages that a plan would never touch. Libraries, stack and heap still lie where nobody can tell.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|value| value == wanted);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
