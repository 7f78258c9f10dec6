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

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn post(port: u16, path: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: sink\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_whitespace().nth(1).unwrap().to_owned()
    }

    #[test]
    fn every_protocol_is_answered_and_counted() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(serve(listener));

        let otlp = b"\x0a\x04\x12\x02\x12\x00";
        assert_eq!(post(port, "/v1/traces", otlp), "200");
        assert_eq!(post(port, "/api/v2/spans", br#"[{"traceId":"a"},{"traceId":"b"}]"#), "202");
        assert_eq!(post(port, "/api/traces", b"\x0f\x00\x02\x0c\x00\x00\x00\x01\x00\x00"), "202");
        let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        assert_eq!(post(port, export, &[b"\x00\x00\x00\x00\x06".as_slice(), otlp].concat()), "200");
        assert_eq!(post(port, "/v1/traces", b"\x0a\x09"), "400");
        assert_eq!(post(port, "/elsewhere", otlp), "404");

        let url = format!("http://{}:{port}", Ipv4Addr::LOCALHOST);
        assert_eq!(take_count(&url).unwrap(), 5);
        assert_eq!(take_count(&url).unwrap(), 0);
        runtime.shutdown_background();
    }
}
