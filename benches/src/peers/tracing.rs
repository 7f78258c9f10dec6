//! `tracing` with tracing-opentelemetry over opentelemetry_sdk. Its subscriber belongs to the process.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracer_factory_hot_path::{Case, Failure, Load, Record, Shape, Values};
use tracing_subscriber::layer::SubscriberExt;

use super::sdk;

struct Bridged {
    provider: SdkTracerProvider,
    arrived: Arc<AtomicU64>,
}

pub(crate) fn bridged() -> Result<Box<dyn Case>, Failure> {
    let arrived = Arc::new(AtomicU64::new(0));
    let provider = sdk::provider(sdk::Discard(Arc::clone(&arrived)), Sampler::AlwaysOn);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("benches"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
    Ok(Box::new(Bridged { provider, arrived }))
}

impl Record for Bridged {
    fn record(&self, load: Load, values: Values) {
        for _ in 0..load.traces {
            nest(load.shape, load.depth, values);
        }
    }

    fn settle(&self) {
        let _ = self.provider.force_flush();
    }
}

impl Case for Bridged {
    fn arrived(&self) -> u64 {
        self.arrived.load(Relaxed)
    }
}

/// Names and keys are literals of the macro; they are those of the other cases.
#[inline(never)]
fn nest(shape: Shape, depth: usize, values: Values) {
    let span = match shape {
        Shape::Bare => tracing::info_span!("generate_response"),
        Shape::Rich => tracing::info_span!(
            "generate_response",
            gen_ai.provider.name = values.provider,
            gen_ai.usage.output_tokens = values.tokens,
            gen_ai.agent.name = values.agent,
        ),
    };
    let _entered = span.enter();
    if depth > 1 {
        nest(shape, depth - 1, values);
    }
    if shape == Shape::Rich {
        tracing::info!("first_token");
    }
}
