//! The target `format` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infra_fuzz::format::run(data));
