#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| liveperson_exporter_fuzz::state_file(data));
