//! `zipkin-sdk`: Zipkin through the `opentelemetry-zipkin` crate. Upstream deprecates the whole crate,
//! so its use is confined to this file. It sends neither a service name nor links, as it is.

#![expect(deprecated, reason = "kept for as long as upstream ships it")]

use opentelemetry_zipkin::ZipkinExporter;
use tracer_factory_core::config::{Endpoint, TracerConfig};
use tracer_factory_core::delivery::{Backend, Connected, Plan};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::http::{HttpSender, HttpTarget};

use crate::adapter::{LastOutcome, SdkDestination, build};
use crate::client::SdkHttpClient;

/// The `zipkin-sdk` backend.
pub const ZIPKIN_SDK: Backend = Backend { name: "zipkin-sdk", plan, limits: |_| {} };

/// The variable that errors name.
const SETTING: &str = "ZIPKIN_ENDPOINT";
/// Where Zipkin takes v2 spans.
const SPANS_PATH: &str = "/api/v2/spans";

fn plan(config: &TracerConfig) -> Result<Plan, ConfigError> {
    let endpoint = Endpoint::of_setting(SETTING, &config.zipkin.endpoint, Endpoint::HTTP)?;
    // As the `zipkin` backend does: both read the same variable.
    let endpoint = if endpoint.has_no_path() { endpoint.with_path(SPANS_PATH) } else { endpoint };
    let shown = endpoint.to_string();
    let target = HttpTarget::new(SETTING, endpoint)
        .timeout(config.zipkin.timeout)
        .tls(config.zipkin.tls.clone())
        .usual_path(SPANS_PATH);
    target.check()?;
    Ok(Plan::new(ZIPKIN_SDK.name, shown.clone(), move || {
        let last = LastOutcome::default();
        let client = SdkHttpClient::new(HttpSender::new(target)?, last.clone());
        let exporter = build(ZIPKIN_SDK.name, || {
            ZipkinExporter::builder()
                .with_http_client(client)
                .with_collector_endpoint(&shown)
                .build()
                .map_err(|error| ConfigError::Setup {
                    backend: ZIPKIN_SDK.name.to_owned(),
                    what: error.to_string(),
                })
        })?;
        Ok(Connected::new(SdkDestination::new(exporter, shown).told_by(last)))
    })
    .networked())
}
