//! Laws that hold for any input, each as a function of bytes that panics where one is broken.

pub mod choices;
pub mod configuration;
pub mod decode;
pub mod evaluate;
pub mod format;
pub mod functions;
pub mod meaning;
pub mod mutate;
pub mod plan;
pub mod seeds;
pub mod state;
pub mod surroundings;
pub mod syntax;

/// Something that takes any bytes.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What is done with an input.
    pub run: fn(&[u8]),
    /// Inputs to begin with; none where any bytes are as good as others.
    pub seeds: fn() -> Vec<String>,
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target { name: "syntax", run: syntax::run, seeds: seeds::texts },
    Target { name: "format", run: format::run, seeds: seeds::texts },
    Target { name: "evaluate", run: evaluate::run, seeds: seeds::expressions },
    Target { name: "functions", run: functions::run, seeds: Vec::new },
    Target { name: "decode", run: decode::run, seeds: seeds::encoded },
    Target { name: "state", run: state::run, seeds: seeds::states },
    Target { name: "plan", run: plan::run, seeds: seeds::plans },
    Target { name: "configuration", run: configuration::run, seeds: seeds::configurations },
];
