//! Options that are misspelt, contradictory or out of place.

use tracer_factory::{Context, traced};

#[traced(nam = "x")]
fn unknown() {}

#[traced("x")]
fn positional() {}

#[traced(name = "")]
fn unnamed() {}

#[traced(name = 1)]
fn numbered() {}

#[traced(name = "a", name = "b")]
fn twice() {}

#[traced(kind = "Server")]
fn kind() {}

#[traced(event_type = "llm")]
fn event_type() {}

#[traced(skip(absent, present, missing))]
fn skipped(present: u8) -> u8 {
    present
}

#[traced(attributes("" = 1))]
fn empty_key() {}

#[traced(attributes(a.b = 1, "a.b" = 2))]
fn same_key() {}

#[traced(err(Error))]
fn error_form() -> Result<(), String> {
    Ok(())
}

#[traced(err)]
fn nothing_returned() {}

#[traced(err)]
#[track_caller]
fn tracked() -> Result<(), std::fmt::Error> {
    Ok(())
}

#[traced(new_trace, parent = Context::current())]
fn parents() {}

#[traced(name = NAME)]
impl Type {
    #[traced(kind = "none")]
    fn method(&self) {}
}

struct Type;

const NAME: &str = "Type";

fn main() {
    Type.method();
    skipped(1);
    parents();
    let _ = (NAME, Context::current());
}
