//! Programs that must not compile: guards that leave their thread, and wrong uses of `#[traced]`.

#[test]
fn refused_programs() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
