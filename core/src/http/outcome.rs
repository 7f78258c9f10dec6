//! From an answer, or none, to what has become of the batch, with words that say what to do.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::time::SystemTime;

use ::http::StatusCode;
use ::http::header::LOCATION;
use rustls::{AlertDescription, CertificateError};

use super::retry_after::retry_after;
use super::{HttpSender, Response, TlsVariables, words};
use crate::delivery::{DeliveryError, Outcome};

/// Why there is no answer. Each of these may be tried again.
#[derive(Debug)]
pub(super) enum SendError {
    Timeout,
    Client(hyper_util::client::legacy::Error),
    Body(hyper::Error),
}

/// OTLP's list, which suits the other protocols as well: only these say that a later try may fare better.
const RETRYABLE: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

const TOO_LARGE_IN_GO: &[u8] = b"request body too large";

/// What a person can do about a request that is too large: spans are never cut to fit.
pub(super) const TOO_LARGE_HINT: &str = ": the request is larger than the receiver takes; raise its limit for one request, or record less in a span";

/// `Ok` for an answer with a success status that is no web page.
pub(super) fn of_answer(
    sender: &HttpSender,
    answer: Result<Response, SendError>,
) -> Result<Response, Outcome> {
    match answer {
        Ok(response) if response.status.is_success() && words::is_html(&response.headers, &response.body) => {
            let what = format!(
                "answered {} with a web page: something else than the receiver of spans is at this URL; check {}{}",
                response.status.as_u16(),
                sender.setting,
                usual_path(sender)
            );
            Err(Outcome::Rejected(error(sender, what).of_any_batch()))
        }
        Ok(response) if response.status.is_success() => Ok(response),
        Ok(response) => Err(of_status(sender, &response)),
        Err(failure) => Err(of_failure(sender, &failure)),
    }
}

pub(super) fn error(sender: &HttpSender, what: impl Into<String>) -> DeliveryError {
    DeliveryError::new(sender.endpoint.to_string(), what)
}

/// For a status that is no success.
pub(super) fn of_status(sender: &HttpSender, response: &Response) -> Outcome {
    let error = error(sender, status_words(sender, response));
    if is_too_large(response) {
        Outcome::TooLarge(error)
    } else if RETRYABLE.contains(&response.status)
        || sender.also_retried.contains(&response.status.as_u16())
        || matches!(response.status.as_u16(), 401 | 403) && sender.awaits_credentials()
    {
        Outcome::Retry { after: retry_after(&response.headers, SystemTime::now()), error }
    } else if is_of_any_batch(response.status) {
        Outcome::Rejected(error.of_any_batch())
    } else {
        Outcome::Rejected(error)
    }
}

/// Whether a status is about who sends, where to or how, and not about what is in the batch.
fn is_of_any_batch(status: StatusCode) -> bool {
    matches!(status.as_u16(), 300..=399 | 401..=407 | 410 | 415 | 421 | 426 | 451 | 501 | 505)
}

/// By its status, or by what Go's servers say of a body beyond their limit, the Collector's with a status of 400.
fn is_too_large(response: &Response) -> bool {
    let says_so = |body: &[u8]| body.windows(TOO_LARGE_IN_GO.len()).any(|words| words == TOO_LARGE_IN_GO);
    response.status == StatusCode::PAYLOAD_TOO_LARGE
        || (response.status == StatusCode::BAD_REQUEST && says_so(words::looked_at(&response.body)))
}

fn status_words(sender: &HttpSender, response: &Response) -> String {
    let setting = sender.setting;
    let mut what = format!("answered {}", response.status);
    let mut said = if words::is_html(&response.headers, &response.body) {
        Some("a web page".to_owned())
    } else {
        words::snippet(words::status_message(response).unwrap_or(&response.body), &sender.headers)
    };
    match response.status.as_u16() {
        300..=399 => {
            let to = response.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let to = to.and_then(|value| value.parse::<::http::Uri>().ok());
            let host = to.as_ref().and_then(|uri| uri.host()).unwrap_or("the same host");
            said = None;
            what += &format!(
                ", a redirect to {host}: redirects are not followed; set {setting} to the final URL"
            );
        }
        401 | 403 => what += ": check the credentials among the headers that are sent",
        404 | 405 => {
            let path = if sender.endpoint.path.is_empty() { "/" } else { &sender.endpoint.path };
            what +=
                &format!(": nothing takes spans at the path {path}; check {setting}{}", usual_path(sender));
        }
        _ if is_too_large(response) => what += TOO_LARGE_HINT,
        415 => what += ": the receiver does not take this encoding or compression",
        400 if said.as_ref().is_some_and(|text| text.to_ascii_lowercase().contains("https"))
            && !sender.endpoint.is_tls() =>
        {
            what += ": the receiver seems to expect TLS; use https://";
        }
        _ => {}
    }
    match said {
        Some(said) => format!("{what} (it said: {said})"),
        None => what,
    }
}

fn usual_path(sender: &HttpSender) -> String {
    if sender.usual_path.is_empty() || sender.endpoint.path == sender.usual_path {
        String::new()
    } else {
        format!("; the usual path is {}", sender.usual_path)
    }
}

/// For no answer at all.
pub(super) fn of_failure(sender: &HttpSender, failure: &SendError) -> Outcome {
    let what = match failure {
        SendError::Timeout => {
            format!(
                "no complete answer within {:?}: the receiver is overloaded, unreachable, or speaks another protocol",
                sender.timeout()
            )
        }
        SendError::Client(error) if error.is_connect() => connect_words(sender, error),
        SendError::Client(error) => exchange_words(sender, error),
        SendError::Body(error) => exchange_words(sender, error),
    };
    let error = error(sender, what);
    let error = if is_refused(failure) { error.nobody_there() } else { error };
    Outcome::Retry { after: None, error }
}

fn is_refused(failure: &SendError) -> bool {
    let SendError::Client(error) = failure else { return false };
    error.is_connect() && io_error(error).is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused)
}

fn io_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<io::Error>())
}

/// An error and what it came from, the most specific last.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error: &&'a (dyn Error + 'static)| match error.downcast_ref::<io::Error>() {
        // `source` of an io::Error passes over the error that it wraps.
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

fn last_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())
}

fn connect_words(sender: &HttpSender, error: &(dyn Error + 'static)) -> String {
    let cause = last_cause(error);
    if let Some(tls) = tls_error(error) {
        return format!("TLS failed: {cause}{}", tls_hint(tls, sender.tls_variables));
    }
    let hint = match io_error(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => {
            format!(": nothing listens there; start the receiver or check {}", sender.setting)
        }
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) if sender.endpoint.is_tls() => {
            ": the receiver hung up on the TLS handshake; if it expects none, use http://".to_owned()
        }
        _ => String::new(),
    };
    format!("could not connect: {cause}{hint}")
}

fn tls_hint(tls: &rustls::Error, from: TlsVariables) -> String {
    let TlsVariables { ca, certificate, key } = from;
    let hint = match tls {
        rustls::Error::InvalidMessage(_) => ": the receiver does not speak TLS on this port; use http://",
        // A bad signature is one of another authority of the same name, such as its predecessor.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => return format!(": give the file of the authority that signed its certificate in {ca}"),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => ": its certificate is for another host name",
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => ": its certificate has expired; renew it there, or set the clock here",
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => ": its certificate is not valid yet; set the clock there or here",
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate,
        ) => return format!(": if it asks for a client certificate, give one in {certificate} and {key}"),
        // A server that says so means the certificate that it was shown.
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => return format!(": it does not accept the client certificate in {certificate}"),
        _ => "",
    };
    hint.to_owned()
}

/// The connection was made, and then no answer could be read from it.
fn exchange_words(sender: &HttpSender, error: &(dyn Error + 'static)) -> String {
    let cause = last_cause(error);
    if let Some(tls) = tls_error(error) {
        return format!("TLS failed: {cause}{}", tls_hint(tls, sender.tls_variables));
    }
    let hint = match (sender.http2, sender.endpoint.port_or_default()) {
        (true, 4318) => ": port 4318 is OTLP over HTTP; choose http/protobuf, or port 4317 for gRPC",
        (true, _) if !sender.answered && sender.endpoint.is_tls() => {
            ": if the receiver does not speak gRPC on this port, OTLP over HTTP is usually on port 4318"
        }
        (true, _) if !sender.answered => {
            ": if the receiver does not speak gRPC on this port, OTLP over HTTP is usually on port 4318; TLS needs https://"
        }
        (false, 4317) => ": port 4317 is OTLP over gRPC; choose grpc, or port 4318 for HTTP",
        (false, _) if !sender.answered => {
            ": the receiver may not speak HTTP/1.1 on this port; gRPC is usually on port 4317, and TLS needs https://"
        }
        _ => "",
    };
    format!("the connection broke before the answer was complete: {cause}{hint}")
}
