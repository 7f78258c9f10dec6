//! What the tests of the page are made of: traces to show, the server that shows them, a browser to look with.

pub mod browser;
pub mod looks;
pub mod served;
mod socket;
pub mod traces;
