#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| liveperson_exporter_fuzz::error_text(data));
