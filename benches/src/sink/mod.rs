//! The receiver: HTTP/1 and HTTP/2 on one port, for OTLP, Zipkin and Jaeger. It answers properly, counts and forgets.

mod answer;
mod process;
mod scan;

use std::io::{Read, Write};
use std::net::Ipv4Addr;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
pub use process::{SinkProcess, take_count};
use tokio::net::TcpListener;

/// Receives until standard input is closed; says its port on standard output.
pub fn run() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", listener.local_addr()?.port())?;
    output.flush()?;
    let (closed, closing) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(closed);
    });
    runtime.block_on(async {
        tokio::select! {
            served = serve(listener) => served,
            _ = closing => Ok(()),
        }
    })
}

async fn serve(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            // Whoever goes away in the middle of a request misses nothing here.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer::answer))
                .await;
        });
    }
}
