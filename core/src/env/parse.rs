//! Texts to values. Each parser takes the kind of its variable and answers with what is allowed when the text is not.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::pairs::pairs;
use super::var::Kind;
use crate::config::bounds::Bounds;
use crate::config::{
    Compression, ConsoleFormat, Endpoint, Fsync, OtlpProtocol, Overflow, ServerData, SpoolDirectory,
    check_header,
};
use crate::propagation::Propagator;

/// A value, or what is allowed instead.
pub(super) type Parsed<T> = Result<T, String>;

fn require<T>(kind: &Kind, value: Option<T>) -> Parsed<T> {
    value.ok_or_else(|| kind.allowed())
}

pub(super) fn boolean(kind: &Kind, text: &str) -> Parsed<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    let otel = *kind == Kind::OtelBool;
    if is(&["true"]) || !otel && is(&["1", "yes", "on"]) {
        Ok(true)
    } else if is(&["false"]) || !otel && is(&["0", "no", "off"]) {
        Ok(false)
    } else {
        Err(kind.allowed())
    }
}

pub(super) fn ratio(kind: &Kind, text: &str) -> Parsed<f64> {
    let ratio = text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    // Minus zero would be shown as such.
    require(kind, ratio.map(f64::abs))
}

fn whole(kind: &Kind, text: &str) -> Parsed<u64> {
    let (bounds, unlimited, units) = match *kind {
        Kind::Count(bounds) => (bounds, false, false),
        Kind::Limit(bounds) => (bounds, true, false),
        Kind::Size(bounds) => (bounds, false, true),
        Kind::SizeLimit(bounds) => (bounds, true, true),
        _ => return Err(kind.allowed()),
    };
    if unlimited && text.eq_ignore_ascii_case("unlimited") {
        return Ok(u64::MAX);
    }
    let (digits, unit) = split_unit(text);
    let scale = if units { bytes_in(unit) } else { unit.is_empty().then_some(1) };
    let value = scale.and_then(|scale| digits.parse::<u64>().ok()?.checked_mul(scale));
    require(kind, value.filter(|value| bounds.hold(*value)))
}

fn bytes_in(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        _ => return None,
    })
}

/// The number in front, and what follows it.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

pub(super) fn size(kind: &Kind, text: &str) -> Parsed<usize> {
    whole(kind, text).map(|size| usize::try_from(size).unwrap_or(usize::MAX))
}

pub(super) fn limit(kind: &Kind, text: &str) -> Parsed<u32> {
    whole(kind, text).map(|limit| u32::try_from(limit).unwrap_or(u32::MAX))
}

pub(super) fn duration(kind: &Kind, text: &str) -> Parsed<Duration> {
    let (bounds, with_units): (Bounds, bool) = match *kind {
        Kind::Duration(bounds) | Kind::DurationOr(bounds, _) => (bounds, true),
        Kind::Millis(bounds) => (bounds, false),
        _ => return Err(kind.allowed()),
    };
    let (number, unit) = split_unit(text);
    let seconds = match unit {
        "" | "ms" => Some(0.001),
        "s" => Some(1.0),
        "m" | "min" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let time = if unit.is_empty() {
        number.parse().ok().map(Duration::from_millis)
    } else {
        let time = seconds.zip(number.parse::<f64>().ok()).map(|(scale, number)| number * scale);
        time.and_then(|time| Duration::try_from_secs_f64(time).ok()).filter(|_| with_units)
    };
    require(kind, time.filter(|time| bounds.hold_millis(*time)))
}

pub(super) fn text(kind: &Kind, text: &str) -> Parsed<String> {
    let fits = text.len() <= Kind::LONGEST_TEXT && !text.chars().any(char::is_control);
    require(kind, fits.then(|| text.to_owned()))
}

pub(super) fn path(kind: &Kind, text: &str) -> Parsed<Option<PathBuf>> {
    let fits = text.len() <= Kind::LONGEST_TEXT && !text.contains('\0');
    require(kind, fits.then(|| Some(PathBuf::from(text))))
}

pub(super) fn spool_directory(kind: &Kind, text: &str) -> Parsed<SpoolDirectory> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(SpoolDirectory::Off);
    }
    let path = path(kind, text)?;
    require(kind, path.map(SpoolDirectory::At))
}

pub(super) fn server_data(kind: &Kind, text: &str) -> Parsed<ServerData> {
    if text.eq_ignore_ascii_case("memory") {
        return Ok(ServerData::Memory);
    }
    let path = path(kind, text)?;
    require(kind, path.map(ServerData::At))
}

pub(super) fn fsync(kind: &Kind, text: &str) -> Parsed<Fsync> {
    match text.to_ascii_lowercase().as_str() {
        "never" => Ok(Fsync::Never),
        "always" => Ok(Fsync::Always),
        _ => duration(kind, text).map(Fsync::Every),
    }
}

pub(super) const OVERFLOWS: &[(&str, Overflow)] =
    &[("spill", Overflow::Spill), ("drop", Overflow::Drop), ("block", Overflow::Block)];

pub(super) fn overflow(kind: &Kind, text: &str) -> Parsed<Overflow> {
    word(kind, text, OVERFLOWS)
}

pub(super) fn url(kind: &Kind, text: &str) -> Parsed<String> {
    let Kind::Url(schemes) = *kind else { return Err(kind.allowed()) };
    match Endpoint::check(text, schemes) {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn listen(kind: &Kind, text: &str) -> Parsed<SocketAddr> {
    let local = |port: &str| {
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| port.parse().ok())?.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    };
    let address = local(text.strip_prefix("localhost:").unwrap_or(text)).or_else(|| text.parse().ok());
    require(kind, address.filter(|address: &SocketAddr| address.ip().is_loopback()))
}

pub(super) fn token(kind: &Kind, text: &str) -> Parsed<Option<SecretString>> {
    let fits = text.len() <= Kind::LONGEST_TEXT && check_header("authorization", text).is_ok();
    require(kind, fits.then(|| Some(text.into())))
}

pub(super) fn headers(_: &Kind, text: &str) -> Parsed<Vec<(String, SecretString)>> {
    let headers = pairs(text).map_err(|error| error.to_string())?;
    let mut checked: Vec<(String, SecretString)> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        check_header(&name, &value).map_err(|error| error.to_string())?;
        checked.retain(|(earlier, _)| !earlier.eq_ignore_ascii_case(&name));
        checked.push((name.to_ascii_lowercase(), value.into()));
    }
    Ok(checked)
}

pub(super) fn attributes(_: &Kind, text: &str) -> Parsed<Vec<(String, String)>> {
    pairs(text).map_err(|error| error.to_string())
}

/// The items of a list by comma; blank ones are left out.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

pub(super) fn word<T: Copy>(kind: &Kind, text: &str, words: &[(&str, T)]) -> Parsed<T> {
    require(kind, words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value))
}

pub(super) const PROTOCOLS: &[(&str, OtlpProtocol)] = &[
    ("grpc", OtlpProtocol::Grpc),
    ("http/protobuf", OtlpProtocol::HttpProtobuf),
    ("http/json", OtlpProtocol::HttpJson),
];

pub(super) fn protocol(kind: &Kind, text: &str) -> Parsed<Option<OtlpProtocol>> {
    word(kind, text, PROTOCOLS).map(Some)
}

pub(super) const COMPRESSIONS: &[(&str, Compression)] =
    &[("none", Compression::None), ("gzip", Compression::Gzip)];

pub(super) fn compression(kind: &Kind, text: &str) -> Parsed<Compression> {
    word(kind, text, COMPRESSIONS)
}

pub(super) const FORMATS: &[(&str, ConsoleFormat)] =
    &[("tree", ConsoleFormat::Tree), ("json", ConsoleFormat::Json)];

pub(super) fn format(kind: &Kind, text: &str) -> Parsed<ConsoleFormat> {
    word(kind, text, FORMATS)
}

/// True for standard error.
pub(super) const STREAMS: &[(&str, bool)] = &[("stdout", false), ("stderr", true)];

pub(super) fn stream(kind: &Kind, text: &str) -> Parsed<bool> {
    word(kind, text, STREAMS)
}

pub(super) const PROPAGATORS: &[(&str, Propagator)] = &[
    ("tracecontext", Propagator::TraceContext),
    ("b3", Propagator::B3),
    ("b3multi", Propagator::B3Multi),
    ("jaeger", Propagator::Jaeger),
    ("baggage", Propagator::Baggage),
];

const COMPOSITE: &[Propagator] =
    &[Propagator::TraceContext, Propagator::B3, Propagator::B3Multi, Propagator::Jaeger];

pub(super) fn propagators(kind: &Kind, text: &str) -> Parsed<Vec<Propagator>> {
    let Kind::ListOf(words) = *kind else { return Err(kind.allowed()) };
    let (mut chosen, mut none, mut count) = (Vec::new(), false, 0);
    for item in items(text) {
        count += 1;
        let known = words.iter().find(|word| word.eq_ignore_ascii_case(item));
        let added = match *require(kind, known)? {
            "composite" => COMPOSITE,
            "none" => {
                none = true;
                &[]
            }
            name => &[word(kind, name, PROPAGATORS)?],
        };
        chosen.extend_from_slice(added);
    }
    if count == 0 || none && count > 1 {
        return Err(format!("{}; none stands alone", kind.allowed()));
    }
    let mut distinct = Vec::with_capacity(chosen.len());
    chosen.retain(|propagator| !distinct.contains(propagator) && (distinct.push(*propagator), true).1);
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::bounds;

    #[test]
    fn times_have_units_or_are_milliseconds() {
        let kind = Kind::Duration(bounds::SCHEDULE_DELAY);
        let ok = |text| duration(&kind, text).map(|time| time.as_micros() as u64);
        assert_eq!(ok("250"), Ok(250_000));
        assert_eq!(ok("500ms"), Ok(500_000));
        assert_eq!(ok("1.5s"), Ok(1_500_000));
        assert_eq!(ok("5 s"), Ok(5_000_000));
        assert_eq!(ok("2m"), Ok(120_000_000));
        assert_eq!(ok("1h"), Ok(3_600_000_000));
        for bad in [
            "0",
            "-1",
            "1.5",
            "1e3",
            "5 parsecs",
            "s",
            ".",
            "1..2s",
            "NaN",
            "inf",
            "2h",
            "18446744073709551616",
        ] {
            assert_eq!(ok(bad), Err(kind.allowed()), "{bad}");
        }
        assert!(duration(&Kind::Millis(bounds::TIMEOUT), "5s").is_err());
        assert_eq!(duration(&Kind::Millis(bounds::TIMEOUT), "5"), Ok(Duration::from_millis(5)));
    }

    #[test]
    fn sizes_have_units_or_are_bytes() {
        let kind = Kind::Size(bounds::QUEUE_BYTES);
        for (text, bytes) in [
            ("2048", 2048),
            ("64MiB", 64 << 20),
            ("64mi", 64 << 20),
            ("1 GiB", 1 << 30),
            ("5MB", 5_000_000),
            ("2k", 2000),
        ] {
            assert_eq!(size(&kind, text), Ok(bytes), "{text}");
        }
        for bad in
            ["0", "-1", "1.5MiB", "9999999999999GiB", "1 TiB or so", "unlimited", "18446744073709551616"]
        {
            assert_eq!(size(&kind, bad), Err(kind.allowed()), "{bad}");
        }
        assert_eq!(size(&Kind::SizeLimit(bounds::VALUE_BYTES), "Unlimited"), Ok(usize::MAX));
        assert_eq!(limit(&Kind::Limit(bounds::COUNT), "unlimited"), Ok(u32::MAX));
        assert!(limit(&Kind::Count(bounds::COUNT), "unlimited").is_err());
        assert!(limit(&Kind::Count(bounds::COUNT), "1k").is_err());
    }

    #[test]
    fn booleans_are_wide_for_us_and_narrow_for_opentelemetry() {
        for (text, ours, otel) in [
            ("TRUE", Some(true), Some(true)),
            ("false", Some(false), Some(false)),
            ("1", Some(true), None),
            ("off", Some(false), None),
            ("ja", None, None),
        ] {
            assert_eq!(boolean(&Kind::Bool, text).ok(), ours, "{text}");
            assert_eq!(boolean(&Kind::OtelBool, text).ok(), otel, "{text}");
        }
    }

    #[test]
    fn listening_is_for_this_machine() {
        for (text, address) in [
            ("4319", "127.0.0.1:4319"),
            ("0", "127.0.0.1:0"),
            ("localhost:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(listen(&Kind::Listen, text).map(|a| a.to_string()), Ok(address.to_owned()));
        }
        for bad in ["0.0.0.0:4319", "10.0.0.1:1", "127.0.0.1", "65536", "-1", "+1", "", "example:1"] {
            assert!(listen(&Kind::Listen, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn propagators_keep_their_order_once() {
        let kind = Kind::ListOf(&["tracecontext", "b3", "b3multi", "jaeger", "baggage", "composite", "none"]);
        let ok = |text| propagators(&kind, text);
        assert_eq!(ok("B3, tracecontext,b3"), Ok(vec![Propagator::B3, Propagator::TraceContext]));
        assert_eq!(ok("composite"), Ok(COMPOSITE.to_vec()));
        assert_eq!(ok("none"), Ok(vec![]));
        assert!(ok("none,b3").is_err());
        assert!(ok(",").is_err());
        assert!(ok("b4").is_err());
        assert!(propagators(&Kind::ListOf(&["b3"]), "jaeger").is_err());
    }
}
