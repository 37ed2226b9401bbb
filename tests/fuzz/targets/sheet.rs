//! Any text as a sheet: it loads, or is refused with sentences.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(mistakes) = adapters::sheet::load("fuzz.toml", text) {
        assert!(!mistakes.is_empty(), "refused without a reason");
        for mistake in mistakes {
            assert!(mistake.line > 0, "{mistake}");
            assert!(
                !mistake.wrong.is_empty() && !mistake.right.is_empty(),
                "{mistake}"
            );
        }
    }
});
