//! A scope that is held across an await keeps the future on its thread.

use tracer_factory::Scope;

fn spawn(_future: impl Future<Output = ()> + Send + 'static) {}

async fn work() {
    let _scope = Scope::noop();
    std::future::ready(()).await;
}

fn main() {
    spawn(work());
}
