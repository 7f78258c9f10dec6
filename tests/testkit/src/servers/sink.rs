//! The end of a pipeline under test: an OTLP/HTTP receiver for JSON that keeps what arrives.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use serde_json::Value;
use tiny_http::{Header, Method, Request, Response, Server};

/// Listens while it lives.
pub(super) struct Sink {
    address: SocketAddr,
    server: Arc<Server>,
    requests: Arc<Mutex<Vec<Value>>>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let server = Arc::new(Server::from_listener(listener, None).map_err(io::Error::other)?);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let thread = {
            let (server, requests) = (Arc::clone(&server), Arc::clone(&requests));
            thread::Builder::new().name("otlp-sink".to_owned()).spawn(move || {
                for request in server.incoming_requests() {
                    // The sender has gone away: it will send again, if it still is.
                    let _ = answer(request, &requests);
                }
            })?
        };
        Ok(Self { address, server, requests, thread: Some(thread) })
    }

    /// The base, without `/v1/traces`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies of all requests so far, in the order of their arrival.
    pub(super) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut request: Request, requests: &Mutex<Vec<Value>>) -> io::Result<()> {
    if request.method() != &Method::Post || request.url() != "/v1/traces" {
        return request.respond(Response::empty(404));
    }
    match serde_json::from_reader(request.as_reader()) {
        Ok(body) => {
            requests.lock().unwrap_or_else(PoisonError::into_inner).push(body);
            let json = Header::from_bytes("content-type", "application/json");
            let json = json.map_err(|()| io::Error::other("not a header"))?;
            request.respond(Response::from_string("{}").with_header(json))
        }
        Err(error) => request.respond(Response::from_string(error.to_string()).with_status_code(400)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::http::{get, post};
    use super::*;

    #[test]
    fn keeps_json_in_order_and_refuses_the_rest() {
        let sink = Sink::start().unwrap();
        let url = format!("{}/v1/traces", sink.url());
        for n in [1, 2] {
            let body = format!("{{\"n\":{n}}}");
            assert_eq!(post(&url, "application/json", body.as_bytes()).unwrap().status, 200);
        }
        assert_eq!(post(&url, "application/x-protobuf", b"\x0a\x00").unwrap().status, 400);
        assert_eq!(get(&url).unwrap().status, 404);
        assert_eq!(sink.requests(), [serde_json::json!({"n": 1}), serde_json::json!({"n": 2})]);
    }

    #[test]
    fn dropping_it_closes_its_port() {
        let sink = Sink::start().unwrap();
        let url = sink.url();
        drop(sink);
        assert!(get(&url).is_err());
    }
}
