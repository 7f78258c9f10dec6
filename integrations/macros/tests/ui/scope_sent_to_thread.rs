//! A scope belongs to the thread that opened it.

use tracer_factory::Scope;

fn main() {
    let scope = Scope::noop();
    std::thread::spawn(move || drop(scope));
}
