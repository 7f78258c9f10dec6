//! The load: a few connections, each with one request under way at a time.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failed;
use crate::bodies::Bodies;

/// What became of a load.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    pub(crate) requests: usize,
    pub(crate) bytes: usize,
    pub(crate) took: Duration,
    pub(crate) slowest: Duration,
}

/// As much as goes in `duration`.
pub(crate) async fn run(
    url: &str,
    bodies: &mut Bodies,
    connections: usize,
    duration: Duration,
) -> Result<Run, Failed> {
    let end = Instant::now() + duration;
    drive(url, bodies, connections, |_| Instant::now() < end).await
}

/// So many requests.
pub(crate) async fn send(
    url: &str,
    bodies: &mut Bodies,
    connections: usize,
    requests: usize,
) -> Result<Run, Failed> {
    drive(url, bodies, connections, |sent| sent < requests).await
}

async fn drive(
    url: &str,
    bodies: &mut Bodies,
    connections: usize,
    go_on: impl Fn(usize) -> bool,
) -> Result<Run, Failed> {
    let addr = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let bodies = RefCell::new(bodies);
    let total = RefCell::new(Run::default());
    let started = Instant::now();
    let connection = || async {
        let mut sender = connect(&addr).await?;
        loop {
            let body = {
                let mut total = total.borrow_mut();
                if !go_on(total.requests) {
                    return Ok::<(), Failed>(());
                }
                let body = bodies.borrow_mut().next();
                total.requests += 1;
                total.bytes += body.len();
                body
            };
            let asked = Instant::now();
            post(&mut sender, &addr, body.into()).await?;
            let mut total = total.borrow_mut();
            total.slowest = total.slowest.max(asked.elapsed());
        }
    };
    let mut under_way: Vec<_> = (0..connections).map(|_| Box::pin(connection())).collect();
    for connection in join_all(&mut under_way).await {
        connection?;
    }
    drop(under_way);
    let took = started.elapsed();
    Ok(Run { took, ..total.into_inner() })
}

async fn connect(addr: &str) -> Result<SendRequest<Full<Bytes>>, Failed> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // What broke is seen by whoever waits for an answer.
        let _ = connection.await;
    });
    Ok(sender)
}

async fn post(sender: &mut SendRequest<Full<Bytes>>, addr: &str, body: Bytes) -> Result<(), Failed> {
    let request = Request::post("/v1/traces")
        .header("host", addr)
        .header("content-type", "application/x-protobuf")
        .body(Full::new(body))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    // A partial success would say how many; Jaeger's says none.
    if status == 200 && (body.is_empty() || body[..] == [0x0a, 0]) {
        Ok(())
    } else {
        Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into())
    }
}

/// The answer to a GET, and how long it took until its last byte was here.
pub(crate) async fn get(
    sender: &mut Option<SendRequest<Full<Bytes>>>,
    url: &str,
    path: &str,
) -> Result<(Bytes, Duration), Failed> {
    let addr = url.trim_start_matches("http://");
    let sender = match sender {
        Some(sender) => sender,
        None => sender.insert(connect(addr).await?),
    };
    let request = Request::get(path).header("host", addr).body(Full::default())?;
    let asked = Instant::now();
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let took = asked.elapsed();
    if status == 200 { Ok((body, took)) } else { Err(format!("{path}: {status}").into()) }
}

/// All of them at once, on this thread.
async fn join_all<F: Future + Unpin>(futures: &mut [F]) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut is_ready = true;
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none() {
                match std::pin::Pin::new(future).poll(context) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => is_ready = false,
                }
            }
        }
        if is_ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
