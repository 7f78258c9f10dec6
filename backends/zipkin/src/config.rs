//! From the configuration to a plan: the collector's URL, completed and checked.

use tracer_factory_core::config::{Endpoint, TracerConfig};
use tracer_factory_core::delivery::{Connected, Plan};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::http::{HttpSender, HttpTarget};

use crate::destination::ZipkinDestination;

/// The variable that errors name.
const SETTING: &str = "ZIPKIN_ENDPOINT";
/// Where Zipkin takes v2 spans.
const SPANS_PATH: &str = "/api/v2/spans";

/// Checks the URL without touching the network.
pub(crate) fn plan(config: &TracerConfig) -> Result<Plan, ConfigError> {
    let endpoint = spans_endpoint(&config.zipkin.endpoint)?;
    let shown = endpoint.to_string();
    let target = HttpTarget::new(SETTING, endpoint)
        .timeout(config.zipkin.timeout)
        .tls(config.zipkin.tls.clone())
        .usual_path(SPANS_PATH);
    target.check()?;
    Ok(Plan::new("zipkin", shown, move || {
        let sender = HttpSender::new(target)?;
        Ok(Connected::new(ZipkinDestination::new(sender)))
    })
    .networked())
}

/// A base URL gets the path of the v2 collector; one with a path is used as it is.
fn spans_endpoint(url: &str) -> Result<Endpoint, ConfigError> {
    let endpoint = Endpoint::of_setting(SETTING, url, Endpoint::HTTP)?;
    Ok(if endpoint.has_no_path() { endpoint.with_path(SPANS_PATH) } else { endpoint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_completed_and_full_ones_kept() {
        let cases = [
            ("http://zipkin:9411", "http://zipkin:9411/api/v2/spans"),
            (" http://zipkin:9411/ ", "http://zipkin:9411/api/v2/spans"),
            ("https://zipkin?key=1", "https://zipkin/api/v2/spans?key=1"),
            ("http://zipkin:9411/api/v2/spans", "http://zipkin:9411/api/v2/spans"),
            ("http://gateway/zipkin/spans/", "http://gateway/zipkin/spans/"),
            ("http://[::1]:9411", "http://[::1]:9411/api/v2/spans"),
        ];
        for (given, expected) in cases {
            assert_eq!(spans_endpoint(given).unwrap().to_url(), expected);
        }
    }

    #[test]
    fn the_plan_shows_no_credentials() {
        let mut config = TracerConfig::default();
        config.zipkin.endpoint = "http://me:canary@zipkin:9411?key=canary".to_owned();
        let plan = plan(&config).unwrap();
        assert_eq!(plan.endpoint, "http://zipkin:9411/api/v2/spans");
        assert_eq!(plan.backend, "zipkin");
    }

    #[test]
    fn a_wrong_url_names_the_variable() {
        for url in ["zipkin:9411", "", "udp://zipkin:9411", "http://zipkin:port"] {
            let mut config = TracerConfig::default();
            config.zipkin.endpoint = url.to_owned();
            let error = plan(&config).unwrap_err().to_string();
            assert!(error.starts_with("ZIPKIN_ENDPOINT="), "{error}");
        }
    }
}
