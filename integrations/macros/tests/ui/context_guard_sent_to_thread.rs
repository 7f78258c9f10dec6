//! An attached context belongs to the thread that it is attached to.

fn main() {
    let guard = tracer_factory::detach();
    std::thread::spawn(move || drop(guard));
}
