#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tracer_factory_fuzz_targets::thrift(input));
