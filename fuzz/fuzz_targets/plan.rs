//! The target `plan` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infra_fuzz::plan::run(data));
