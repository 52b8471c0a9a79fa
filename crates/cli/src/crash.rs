//! What is said when infra itself fails: where, and how to report it. Never with what: that may hold values.

use std::panic::PanicHookInfo;

use crate::output;

/// The exit status of a crash.
pub(crate) const STATUS: u8 = 101;

/// Has crashes told in this way from now on.
pub(crate) fn prepare() {
    std::panic::set_hook(Box::new(|crash| {
        tracing::error!(place = place(crash), "crashed");
        output::error("infra has crashed", &detail(&place(crash)));
    }));
}

/// The file and line of the program.
fn place(crash: &PanicHookInfo<'_>) -> String {
    match crash.location() {
        Some(at) => format!("{}:{}", short(at.file()), at.line()),
        None => "an unknown place".into(),
    }
}

/// The last folder before `src`, and what follows: where a dependency was built says nothing.
fn short(file: &str) -> &str {
    let Some(at) = file.rfind("/src/") else { return file };
    file[..at].rfind('/').map_or(file, |from| &file[from + 1..])
}

fn detail(place: &str) -> String {
    format!(
        "This is a defect of infra, not of your configuration. What was done so far is in the state, and what was being \
         created is written down beside it: the next plan finds it.\n\nPlease report it with what you ran, and with this \
         (nothing of your configuration is in it):\n    infra {} ({}-{}), at {place}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_crash_is_told_without_what_it_was_about() {
        let told = Arc::new(Mutex::new(String::new()));
        let kept = told.clone();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |crash| {
            if let Ok(mut told) = kept.lock() {
                *told = detail(&place(crash));
            }
        }));
        let secret = "wq8ZtVbn41";
        let crashed = std::panic::catch_unwind(|| panic!("{secret}"));
        std::panic::set_hook(before);
        let told = told.lock().map(|told| told.clone()).unwrap_or_default();
        assert!(crashed.is_err());
        assert!(told.contains("src/crash.rs:"), "{told}");
        assert!(!told.contains(secret), "{told}");
    }

    #[test]
    fn a_place_is_short() {
        assert_eq!(short("/home/a/.cargo/registry/src/index/tokio-1.0/src/task.rs"), "tokio-1.0/src/task.rs");
        assert_eq!(short("crates/engine/src/plan.rs"), "engine/src/plan.rs");
    }
}
