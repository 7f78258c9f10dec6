//! Every way in which a gRPC call may end, byte for byte, against OTLP's table.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::*;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tracer_factory_core::config::OtlpProtocol;
use tracer_factory_core::delivery::{Delivered, Outcome};
use tracer_factory_testkit::faults::{Answer, FaultProxy};

/// Nothing listens there, and nothing is asked: the proxy answers.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

async fn outcome_of(answer: Answer) -> Outcome {
    let proxy = FaultProxy::start(NOBODY).unwrap();
    proxy.set(answer).unwrap();
    let mut config = config(format!("http://{}", proxy.address()));
    config.protocol = Some(OtlpProtocol::Grpc);
    let outcome = connect(config).unwrap().deliver(&batch()).await;
    assert_eq!(proxy.answers().len(), 1);
    outcome
}

/// `google.rpc.Status` with one detail, in base64 with padding.
fn details(type_name: &str, detail: &[u8]) -> String {
    let field = |key: u8, bytes: &[u8]| [&[key, bytes.len() as u8], bytes].concat();
    let url = format!("type.googleapis.com/{type_name}");
    let any = [field(0x0a, url.as_bytes()), field(0x12, detail)].concat();
    tracer_factory_core::json::base64(&[b"\x08\x08".to_vec(), field(0x1a, &any)].concat())
}

/// `RetryInfo` of so many seconds below 128.
fn retry_info(seconds: u8) -> String {
    details("google.rpc.RetryInfo", &[0x0a, 2, 0x08, seconds])
}

#[tokio::test]
async fn every_code_is_retried_or_not_as_the_specification_says() {
    let known = (0..=17).map(|code| code.to_string());
    for code in known.chain(["99", "4294967296", "-1", "many", ""].map(str::to_owned)) {
        let outcome = outcome_of(Answer::grpc(&code, "words with é, 100%")).await;
        let retryable = ["1", "4", "10", "11", "14", "15"].contains(&code.as_str());
        let error = if retryable {
            let (after, error) = retried(outcome);
            assert_eq!(after, None, "{code}");
            error
        } else {
            rejected(outcome)
        };
        if code != "0" {
            assert!(error.contains("words with é, 100%"), "{code}: {error}");
        }
    }
    let silent = Answer::http(200).header("content-type", "application/grpc");
    assert!(rejected(outcome_of(silent).await).contains("no grpc-status"));
}

#[tokio::test]
async fn retry_info_is_honoured_and_decides_about_exhaustion() {
    let with = |code: &str, details: &str| Answer::grpc(code, "").header("grpc-status-details-bin", details);
    for seconds in [0, 15, 120] {
        let padded = retry_info(seconds);
        for text in [padded.as_str(), padded.trim_end_matches('=')] {
            for code in ["8", "14"] {
                let (after, _) = retried(outcome_of(with(code, text)).await);
                assert_eq!(after, Some(Duration::from_secs(seconds.into())), "{code} {text}");
            }
        }
        rejected(outcome_of(with("13", &padded)).await);
    }
    for no_info in ["", "!!", "AAAA", &details("google.rpc.DebugInfo", b"")] {
        rejected(outcome_of(with("8", no_info)).await);
        assert_eq!(retried(outcome_of(with("14", no_info)).await).0, None, "{no_info}");
    }
    let absurd = details("google.rpc.RetryInfo", b"\x0a\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x10\x00");
    let (after, _) = retried(outcome_of(with("14", &absurd)).await);
    assert_eq!(after, Some(Duration::from_secs(24 * 60 * 60)), "a day at most");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_so_under_every_code() {
    for code in ["2", "8", "11", "14"] {
        let answer = Answer::grpc(code, "grpc: received message larger than max (5000000 vs. 4194304)")
            .header("grpc-status-details-bin", &retry_info(1));
        let outcome = outcome_of(answer).await;
        assert!(matches!(outcome, Outcome::TooLarge(_)), "{code}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_proxy_on_the_way_answers_in_http_s_terms() {
    for (status, asked) in [(429, Some(7)), (502, None), (503, Some(0)), (504, None)] {
        let answer = Answer::http(status);
        let answer = match asked {
            Some(seconds) => answer.header("retry-after", &seconds.to_string()),
            None => answer,
        };
        let (after, _) = retried(outcome_of(answer).await);
        assert_eq!(after, asked.map(Duration::from_secs), "{status}");
    }
    for status in [400, 401, 403, 404, 500, 505] {
        rejected(outcome_of(Answer::http(status)).await);
    }
    let outcome = outcome_of(Answer::http(413)).await;
    assert!(matches!(outcome, Outcome::TooLarge(_)), "{outcome:?}");
}

#[tokio::test]
async fn only_a_whole_response_counts_as_delivered() {
    assert_eq!(outcome_of(Answer::grpc_message(b"")).await, Outcome::all());
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "one has no id".to_owned() };
    let partial = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    assert_eq!(
        delivered(outcome_of(Answer::grpc_message(&partial)).await),
        Delivered { rejected: 1, oversize: 0, message: Some("one has no id".to_owned()) }
    );
    let fine = || Answer::http(200).header("content-type", "application/grpc").trailer("grpc-status", "0");
    for (body, words) in [
        (&b""[..], "no message"),
        (b"\0\0\0\0\x09\x0a", "cut off"),
        (b"\0\0\0\0\x02\x0a\x06", "can't be decoded"),
        (b"\0\0\0\0\x06<html>", "can't be decoded"),
        (b"\x02\0\0\0\0", "not a gRPC message"),
        (b"\x01\0\0\0\x02no", "unknown way"),
        (b"<html><p>Welcome</html>", "cut off"),
    ] {
        let error = rejected(outcome_of(fine().body(body)).await);
        assert!(error.contains(words), "{error}");
    }
    let error = rejected(outcome_of(Answer::grpc_message(&vec![0; 5 << 20])).await);
    assert!(error.contains("4 MiB"), "{error}");
}
