//! Which agent a span is, by the names that agent frameworks give it.

use tracer_factory_core::value::Value;

use crate::record::Record;

/// The first name that there is. It need not be text.
pub(crate) fn agent_name<'r>(record: &'r Record<'_>) -> Option<&'r Value> {
    let says = |name, word| record.text(name) == Some(word);
    record
        .get("agent.name")
        .or_else(|| says("agentops.span.kind", "agent").then(|| record.get("operation.name"))?)
        .or_else(|| record.get("recipient_agent_type"))
        .or_else(|| record.get("langchain.chain.type"))
        .or_else(|| record.get("executor.id"))
        .or_else(|| says("type", "agent").then(|| record.get("agentlightning.operation.input.name"))?)
        .or_else(|| record.name.starts_with("langchain.Chain.").then(|| record.get("lc_name"))?)
}
