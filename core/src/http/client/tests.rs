//! What the client keeps from one request to the next.

use std::convert::Infallible;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;

/// Takes whatever comes on its connections, one after the other.
async fn serve(listener: TcpListener, http2: bool) {
    let service = service_fn(|request: Request<Incoming>| async {
        let _ = request.into_body().collect().await;
        Ok::<_, Infallible>(::http::Response::new(Full::<Bytes>::default()))
    });
    while let Ok((stream, _)) = listener.accept().await {
        let io = TokioIo::new(stream);
        let _ = if http2 {
            hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
        } else {
            hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
        };
    }
}

/// The addresses and capacities of the buffers that three requests were offered.
async fn buffers(http2: bool, compression: Compression) -> Vec<(usize, usize)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(serve(listener, http2));
    let mut target = HttpTarget::new("TEST", Endpoint::parse(&url, Endpoint::HTTP).unwrap());
    target.compression = compression;
    let mut sender = HttpSender::with_version(target, http2).unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut buffer = sender.buffer();
        assert!(buffer.is_empty());
        buffer.resize(300_000, b'x');
        seen.push((buffer.as_ptr() as usize, buffer.capacity()));
        // As the message of a request does, it begins somewhere behind the start.
        let body = Bytes::from(buffer).slice(7..);
        assert!(sender.post("application/x-protobuf", body).await.is_ok());
    }
    server.abort();
    seen
}

#[test]
fn the_memory_of_a_body_is_used_again() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for http2 in [false, true] {
        for compression in [Compression::None, Compression::Gzip] {
            let seen = runtime.block_on(buffers(http2, compression));
            assert_eq!((seen[1], seen[2]), (seen[0], seen[0]), "HTTP/2: {http2}, {compression:?}");
        }
    }
}
