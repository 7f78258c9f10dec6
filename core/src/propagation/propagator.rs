//! The header formats by name.

/// A header format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Propagator {
    /// `traceparent` and `tracestate`.
    TraceContext,
    /// `b3`.
    B3,
    /// `x-b3-traceid` and its siblings.
    B3Multi,
    /// `uber-trace-id`.
    Jaeger,
    /// Sends `baggage` (it is read in any case).
    Baggage,
}

impl Propagator {
    /// What [`Propagator::parse_list`] takes, in words.
    pub const ALLOWED: &'static str = "one or several of tracecontext, b3, b3multi, jaeger, baggage, composite \
         (tracecontext, b3, b3multi and jaeger), separated by commas; or none, alone";

    const ALL: [Self; 5] = [Self::TraceContext, Self::B3, Self::B3Multi, Self::Jaeger, Self::Baggage];
    const COMPOSITE: [Self; 4] = [Self::TraceContext, Self::B3, Self::B3Multi, Self::Jaeger];

    /// The format of that name, in whatever case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|propagator| propagator.name().eq_ignore_ascii_case(name))
    }

    /// Its name in `TRACER_PROPAGATOR` and `OTEL_PROPAGATORS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TraceContext => "tracecontext",
            Self::B3 => "b3",
            Self::B3Multi => "b3multi",
            Self::Jaeger => "jaeger",
            Self::Baggage => "baggage",
        }
    }

    /// The formats of a list as the environment has it, in its order and each once; `none` is an
    /// empty one. The error says what is allowed.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if let [only] = names[..]
            && only.eq_ignore_ascii_case("none")
        {
            return Ok(Vec::new());
        }
        let mut list = Vec::new();
        for name in names {
            let one = Self::from_name(name);
            let formats = match &one {
                Some(one) => std::slice::from_ref(one),
                None if name.eq_ignore_ascii_case("composite") => &Self::COMPOSITE,
                None => return Err(Self::ALLOWED.to_owned()),
            };
            for format in formats {
                if !list.contains(format) {
                    list.push(*format);
                }
            }
        }
        if list.is_empty() { Err(Self::ALLOWED.to_owned()) } else { Ok(list) }
    }

    /// The headers it may write.
    pub(super) const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::TraceContext => &["traceparent", "tracestate"],
            Self::B3 => &["b3"],
            Self::B3Multi => &["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"],
            Self::Jaeger => &["uber-trace-id"],
            Self::Baggage => &["baggage"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Propagator::{self, B3, B3Multi, Baggage, Jaeger, TraceContext};

    #[test]
    fn lists() {
        for (text, expected) in [
            ("tracecontext", vec![TraceContext]),
            (" B3 ,TraceContext,", vec![B3, TraceContext]),
            ("jaeger,b3multi,jaeger", vec![Jaeger, B3Multi]),
            ("baggage,composite", vec![Baggage, TraceContext, B3, B3Multi, Jaeger]),
            ("jaeger,Composite", vec![Jaeger, TraceContext, B3, B3Multi]),
            ("NONE", vec![]),
        ] {
            assert_eq!(Propagator::parse_list(text).as_ref(), Ok(&expected), "{text}");
        }
        for text in ["", " , ", "xray", "b3,none", "none,b3", "trace context"] {
            assert_eq!(Propagator::parse_list(text), Err(Propagator::ALLOWED.to_owned()), "{text}");
        }
    }

    #[test]
    fn every_name_is_understood_and_told() {
        for propagator in Propagator::ALL {
            assert_eq!(Propagator::from_name(&propagator.name().to_uppercase()), Some(propagator));
            assert!(Propagator::ALLOWED.contains(propagator.name()));
        }
    }
}
