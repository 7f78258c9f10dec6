//! Strict extraction.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod random;
#[test]
#[ignore]
fn dump() {
    use proptest::strategy::{Strategy, ValueTree};
    use std::io::Write;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut out = std::io::BufWriter::new(std::fs::File::create("/tmp/trip/cases.jsonl").unwrap());
    for _ in 0..30000 {
        let case = random::cases().new_tree(&mut runner).unwrap().current();
        let mut o = tracer_factory_triplets::Options::builder()
            .strict(true)
            .proxy(case.proxy)
            .reward_match(case.reward_match.parse().unwrap());
        if let Some(p) = case.llm_call_match {
            o = o.llm_call_match(p);
        }
        if let Some(p) = case.agent_match {
            o = o.agent_match(p);
        }
        if let Some(p) = case.final_reward {
            o = o.final_reward(p);
        }
        let text = serde_json::to_string(&case.spans).unwrap();
        let spans = tracer_factory_triplets::agl::read_spans(&text).unwrap();
        let ours = match tracer_factory_triplets::agl::extract(&spans, &o.build().unwrap()) {
            Ok(e) => format!("{{\"ok\":{}}}", serde_json::to_string(&e.triplets).unwrap()),
            Err(e) => serde_json::json!({"error": e.to_string()}).to_string(),
        };
        let line = serde_json::to_string(&case).unwrap();
        let line = format!("{},\"ours\":{ours}}}", line.strip_suffix('}').unwrap());
        writeln!(out, "{line}").unwrap();
    }
}
