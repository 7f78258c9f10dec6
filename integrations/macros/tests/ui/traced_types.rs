//! Values of the wrong type: the errors point at what was written.

use tracer_factory::traced;

struct Secret;

#[traced]
fn without_debug(secret: Secret) {}

#[traced(err)]
fn no_result() -> u8 {
    1
}

#[traced(err)]
fn no_error() -> Result<(), Secret> {
    Ok(())
}

#[traced(tracer = 5)]
fn no_tracer() {}

#[traced(attributes(value = value?))]
fn control_flow(value: Option<u8>) -> Option<u8> {
    value
}

#[traced]
fn wrong_body(number: u8) -> String {
    number
}

#[traced]
async fn wrong_future(number: u8) -> String {
    number
}

fn main() {}
