#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| coap_ws_tests::bodies::blocks(input));
