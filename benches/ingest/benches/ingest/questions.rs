//! What a page asks, and how long it waits.

use std::time::Duration;

use tracer_factory_core::ids::TraceId;

use crate::Failed;
use crate::load::get;

const ROUNDS: usize = 21;

pub(crate) async fn ask(name: &str, url: &str, trace: TraceId) -> Result<(), Failed> {
    let mut sender = None;
    let (health, _) = get(&mut sender, url, "/healthz").await?;
    let spans = String::from_utf8_lossy(&health)
        .split("\"spans\":")
        .nth(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    println!("{name}, with {} spans:", spans.unwrap_or_default());
    for (what, path) in [
        ("the newest 100 traces", "/api/traces?limit=100".to_owned()),
        ("one trace", format!("/api/traces/{trace}")),
        ("the newest 100 that failed, of which there are none", "/api/traces?errors=true".to_owned()),
        ("the newest 100 sessions", "/api/sessions".to_owned()),
        ("the facets", "/api/facets".to_owned()),
        ("the services of 200 traces", "/api/services?limit=200".to_owned()),
    ] {
        let mut took: Vec<Duration> = Vec::new();
        let mut bytes = 0;
        for _ in 0..ROUNDS {
            let (body, duration) = get(&mut sender, url, &path).await?;
            bytes = body.len();
            took.push(duration);
        }
        took.sort_unstable();
        println!(
            "  {what}: {:.2} ms (slowest {:.2} ms, {bytes} bytes)",
            took[ROUNDS / 2].as_secs_f64() * 1e3,
            took[ROUNDS - 1].as_secs_f64() * 1e3,
        );
    }
    Ok(())
}
