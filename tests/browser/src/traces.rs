//! What the page is shown: runs of an agent, plain requests, a large trace, a circle, and script in every field.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// The trace of the agent's good run, and of its poor one.
pub const GOOD_RUN: &str = "5b8efff798038103d269b633813fc60c";
/// See [`GOOD_RUN`].
pub const POOR_RUN: &str = "7c1a2b3c4d5e6f708192a3b4c5d6e7f8";
/// A trace of [`LARGE_SPANS`] spans.
pub const LARGE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// How many that is.
pub const LARGE_SPANS: usize = 10_000;
/// Its spans are each other's parents.
pub const CIRCLE: &str = "cccccccccccccccccccccccccccccccc";
/// Script wherever a sender can put text.
pub const HOSTILE: &str = "dddddddddddddddddddddddddddddddd";

/// Sets the global `injected` if any of it is ever run.
pub const SCRIPT: &str = "<img src=x onerror=\"globalThis.injected=1\"><script>globalThis.injected=2</script><svg onload=globalThis.injected=3>'\"`${globalThis.injected=4}";

const MILLI: u64 = 1_000_000;

/// Export requests, bodies for `POST /v1/traces`: what an ordinary server has.
#[must_use]
pub fn ordinary() -> Vec<Value> {
    let mut requests = vec![large(ago(2400))];
    requests.extend((0..6_u64).map(|n| checkout(n, ago(1300 - n * 170))));
    requests.push(agent_run(POOR_RUN, ago(240), false));
    requests.push(agent_run(GOOD_RUN, ago(75), true));
    requests
}

/// The same, of senders that are wrong or wicked.
#[must_use]
pub fn odd() -> Vec<Value> {
    vec![circle(ago(7200)), hostile(ago(4300))]
}

/// One that comes later.
#[must_use]
pub fn latest() -> Value {
    checkout(99, ago(0))
}

fn ago(seconds: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    nanos(now.saturating_sub(Duration::from_secs(seconds)))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// One span: its service, and the span itself.
type Placed = (&'static str, Value);

/// A span of a trace that starts at `zero`; `from` and `until` are microseconds after that.
struct Trace {
    id: String,
    zero: u64,
    spans: Vec<Placed>,
}

impl Trace {
    fn new(id: &str, zero: u64) -> Self {
        Self { id: id.to_owned(), zero, spans: Vec::new() }
    }

    /// Adds a span, and gives its number, which is its identifier and what children name.
    fn add(
        &mut self,
        service: &'static str,
        parent: u64,
        name: &str,
        kind: u32,
        (from, until): (u64, u64),
        attributes: &Value,
    ) -> u64 {
        let number = self.spans.len() as u64 + 1;
        let mut span = json!({
            "traceId": self.id,
            "spanId": format!("{number:016x}"),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": (self.zero + from * 1000).to_string(),
            "endTimeUnixNano": (self.zero + until * 1000).to_string(),
            "attributes": pairs(attributes),
        });
        if parent != 0 {
            span["parentSpanId"] = json!(format!("{parent:016x}"));
        }
        self.spans.push((service, span));
        number
    }

    /// The span last added.
    fn last(&mut self) -> &mut Value {
        &mut self.spans.last_mut().expect("a span was added").1
    }

    fn fail(&mut self, message: &str) {
        self.last()["status"] = json!({ "code": 2, "message": message });
    }

    /// The export request; `project` goes to every resource.
    fn request(self, project: &str) -> Value {
        let mut services: Vec<&str> = self.spans.iter().map(|(service, _)| *service).collect();
        services.sort_unstable();
        services.dedup();
        let of = |service: &str| -> Vec<&Value> {
            self.spans.iter().filter(|(name, _)| *name == service).map(|(_, span)| span).collect()
        };
        let resources: Vec<Value> = services
            .into_iter()
            .map(|service| {
                let resource = json!({ "service.name": service, "service.version": "1.4.2", "openinference.project.name": project });
                json!({
                    "resource": { "attributes": pairs(&resource) },
                    "scopeSpans": [{ "scope": { "name": "tracer-factory", "version": "0.1.0" }, "spans": of(service) }],
                })
            })
            .collect();
        json!({ "resourceSpans": resources })
    }
}

/// An object as OTLP's list of attributes.
fn pairs(object: &Value) -> Vec<Value> {
    let pair = |(key, value): (&String, &Value)| json!({ "key": key, "value": any(value) });
    object.as_object().map_or_else(Vec::new, |object| object.iter().map(pair).collect())
}

fn any(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(truth) => json!({ "boolValue": truth }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Array(items) => {
            json!({ "arrayValue": { "values": items.iter().map(any).collect::<Vec<_>>() } })
        }
        Value::Object(_) => json!({ "kvlistValue": { "values": pairs(value) } }),
        Value::Null => json!({}),
    }
}

const SERVER: u32 = 2;
const CLIENT: u32 = 3;
const INTERNAL: u32 = 1;

fn message(role: &str, part: Value) -> Value {
    json!({ "role": role, "parts": [part] })
}

fn says(text: &str) -> Value {
    json!({ "type": "text", "content": text })
}

fn calls(id: &str, name: &str, arguments: &Value) -> Value {
    json!({ "type": "tool_call", "id": id, "name": name, "arguments": arguments })
}

fn answers(id: &str, response: &Value) -> Value {
    json!({ "type": "tool_call_response", "id": id, "response": response })
}

/// The attributes of a call of a model.
fn chat(input: &[Value], output: &Value, tokens: (u64, u64), cost: f64) -> Value {
    json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.response.model": "gpt-5-mini-2026-08-01",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.system_instructions": json!([says("You plan short trips. Use the tools, then answer in two sentences.")]).to_string(),
        "gen_ai.input.messages": json!(input).to_string(),
        "gen_ai.output.messages": json!([output]).to_string(),
        "gen_ai.usage.input_tokens": tokens.0,
        "gen_ai.usage.output_tokens": tokens.1,
        "gen_ai.usage.cost": cost,
    })
}

fn tool(name: &str, arguments: &Value, result: &Value) -> Value {
    json!({
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.arguments": arguments.to_string(),
        "gen_ai.tool.call.result": result.to_string(),
    })
}

/// An agent that asks a model, calls two tools, answers and is rewarded; the poor run loses one tool.
fn agent_run(id: &str, zero: u64, good: bool) -> Value {
    const AGENT: &str = "trip-agent";
    const TOOLS: &str = "tool-server";
    const STORE: &str = "vector-store";
    let slow = if good { 1 } else { 2 };
    let mut trace = Trace::new(id, zero);
    let session = if good { "trip-2041" } else { "trip-2040" };
    let root = trace.add(AGENT, 0, "plan weekend trip", INTERNAL, (0, 4_380_000 * slow), &json!({
        "event_type": "session", "agentops.span.kind": "session", "session.id": session,
        "agentops.tags": ["travel", if good { "canary" } else { "baseline" }],
        "agentops.session.end_state": if good { "Success" } else { "Fail" },
        "agentlightning.rollout_id": if good { "ro-118" } else { "ro-117" }, "agentlightning.attempt_id": "at-1",
    }));
    let agent = trace.add(
        AGENT,
        root,
        "invoke_agent planner",
        INTERNAL,
        (12_000, 4_310_000 * slow),
        &json!({
            "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "session.id": session,
        }),
    );
    let question = message(
        "user",
        says("Where should I go from Zürich this weekend? I like lakes, and I have 180 francs."),
    );
    let first_calls = json!({ "role": "assistant", "finish_reason": "tool_call", "parts": [
        calls("call_1", "weather", &json!({ "days": 2, "near": "Zürich" })),
        calls("call_2", "search_places", &json!({ "query": "lake towns by train", "limit": 5 })),
    ] });
    trace.add(
        AGENT,
        agent,
        "chat gpt-5-mini",
        CLIENT,
        (30_000, 1_090_000),
        &chat(std::slice::from_ref(&question), &first_calls, (412, 58), 0.00041),
    );
    let weather =
        json!({ "Lugano": { "sky": "clear", "high": 19 }, "Luzern": { "sky": "rain", "high": 11 } });
    trace.add(
        AGENT,
        agent,
        "execute_tool weather",
        INTERNAL,
        (1_105_000, 1_420_000),
        &tool("weather", &json!({ "days": 2, "near": "Zürich" }), &weather),
    );
    let call = trace.spans.len() as u64;
    let get = trace.add(
        TOOLS,
        call,
        "GET /weather",
        SERVER,
        (1_130_000, 1_402_000),
        &json!({ "http.request.method": "GET", "http.route": "/weather", "http.response.status_code": 200 }),
    );
    trace.add(TOOLS, get, "SELECT forecasts", CLIENT, (1_160_000, 1_385_000), &json!({ "db.system.name": "postgresql", "db.query.text": "SELECT town, sky, high FROM forecasts WHERE day < now() + $1" }));
    let search = trace.add(
        AGENT,
        agent,
        "execute_tool search_places",
        INTERNAL,
        (1_440_000, 2_230_000 * slow),
        &tool(
            "search_places",
            &json!({ "query": "lake towns by train", "limit": 5 }),
            &if good { json!(["Lugano", "Ascona", "Luzern"]) } else { json!({ "error": "timed out" }) },
        ),
    );
    if !good {
        trace.fail("search timed out after 3 s");
    }
    let post = trace.add(
        TOOLS,
        search,
        "POST /search",
        SERVER,
        (1_470_000, 2_190_000 * slow),
        &json!({ "http.request.method": "POST", "http.response.status_code": if good { 200 } else { 504 } }),
    );
    if !good {
        trace.fail("upstream timed out");
        trace.last()["events"] = json!([{
            "name": "exception", "timeUnixNano": (zero + 4_300 * MILLI).to_string(),
            "attributes": pairs(&json!({ "exception.type": "TimeoutError", "exception.message": "no answer from vector-store in 3 s", "exception.stacktrace": "at search (search.py:41)\nat handle (server.py:112)" })),
        }]);
    }
    trace.add(TOOLS, post, "embed query", CLIENT, (1_490_000, 1_700_000), &json!({ "gen_ai.operation.name": "embeddings", "gen_ai.request.model": "embed-small", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.cost": 0.000_002 }));
    for shard in 0..3_u64 {
        trace.add(
            STORE,
            post,
            &format!("query shard {shard}"),
            SERVER,
            (1_720_000 + shard * 15_000, (1_950_000 + shard * 90_000) * slow),
            &json!({ "openinference.span.kind": "RETRIEVER", "shard": shard }),
        );
    }
    let history = [
        question,
        first_calls,
        json!({ "role": "tool", "parts": [answers("call_1", &weather), answers("call_2", &json!(["Lugano", "Ascona", "Luzern"]))] }),
    ];
    let answer = message(
        "assistant",
        says(if good {
            "Take the 8:32 to Lugano: it is clear and 19 °C there, and the return ticket is 94 francs. Walk from Gandria to Castagnola along the lake, and stay the night at the hostel in Savosa."
        } else {
            "I could not look up places, but Luzern is always nice."
        }),
    );
    trace.add(
        AGENT,
        agent,
        "chat gpt-5-mini",
        CLIENT,
        (2_260_000 * slow, 4_120_000 * slow),
        &chat(&history, &answer, (688, 96), 0.00077),
    );
    trace.last()["events"] =
        json!([{ "name": "first token", "timeUnixNano": (zero + 2_610 * MILLI * slow).to_string() }]);
    trace.add(
        AGENT,
        agent,
        "guardrail budget",
        INTERNAL,
        (4_140_000 * slow, 4_190_000 * slow),
        &json!({ "event_type": "guardrail", "budget.francs": 180, "budget.kept": good }),
    );
    trace.add(AGENT, root, "agentlightning.annotation", INTERNAL, (4_330_000 * slow, 4_331_000 * slow), &json!({
        "agentlightning.reward.0.name": "primary", "agentlightning.reward.0.value": if good { 0.92 } else { -0.4 },
        "agentlightning.reward.1.name": "brevity", "agentlightning.reward.1.value": 0.7,
    }));
    trace.last()["links"] = json!([{ "traceId": id, "spanId": format!("{agent:016x}"), "attributes": pairs(&json!({ "link.reason": "judged" })) }]);
    trace.request("trip-planner")
}

/// A request through three services; every third one fails.
fn checkout(n: u64, zero: u64) -> Value {
    let mut trace = Trace::new(&format!("{:032x}", 0x51_0000_0000 + n), zero);
    let length = 42_000 + n * 9_000;
    let root = trace.add(
        "api-gateway",
        0,
        "POST /checkout",
        SERVER,
        (0, length),
        &json!({ "http.request.method": "POST", "http.route": "/checkout", "user.id": format!("user_{n}") }),
    );
    let user = trace.add(
        "user-service",
        root,
        "load_user",
        SERVER,
        (1_200, 9_000),
        &json!({ "user.id": format!("user_{n}") }),
    );
    trace.add(
        "user-service",
        user,
        "GET user:profile",
        CLIENT,
        (1_900, 6_100),
        &json!({ "db.system.name": "redis" }),
    );
    let pay = trace.add(
        "payment-service",
        root,
        "charge",
        SERVER,
        (9_800, length - 2_000),
        &json!({ "amount.cents": 4200 + n }),
    );
    if n % 3 == 1 {
        trace.fail("card declined");
    }
    trace.add(
        "payment-service",
        pay,
        "POST /v1/charges",
        CLIENT,
        (11_000, length - 4_000),
        &json!({ "server.address": "bank.example" }),
    );
    trace.request("shop")
}

fn large(zero: u64) -> Value {
    let mut trace = Trace::new(LARGE, zero);
    let spans = LARGE_SPANS as u64;
    let root = trace.add(
        "indexer",
        0,
        "reindex catalogue",
        INTERNAL,
        (0, spans * 100),
        &json!({ "documents": spans }),
    );
    let mut batch = root;
    for n in 1..spans {
        let (from, service) = (n * 100, if n % 7 == 0 { "vector-store" } else { "indexer" });
        if n % 100 == 1 {
            batch = trace.add(
                service,
                root,
                &format!("batch {}", n / 100),
                INTERNAL,
                (from, (from + 9_900).min(spans * 100)),
                &json!({}),
            );
        } else {
            trace.add(
                service,
                batch,
                &format!("document {n}"),
                INTERNAL,
                (from, from + 80),
                &json!({ "document.id": n }),
            );
            if n % 2500 == 0 {
                trace.fail("unreadable");
            }
        }
    }
    trace.request("catalogue")
}

fn circle(zero: u64) -> Value {
    let mut trace = Trace::new(CIRCLE, zero);
    trace.add("looper", 2, "chicken", INTERNAL, (0, 900), &json!({}));
    trace.add("looper", 1, "egg", INTERNAL, (100, 700), &json!({}));
    trace.add("looper", 3, "own parent", INTERNAL, (200, 400), &json!({}));
    trace.add("looper", 99, "orphan", INTERNAL, (300, 600), &json!({}));
    trace.request("oddities")
}

/// Text that would run if any of it were read as markup, as a name, a key and a value of everything.
fn hostile(zero: u64) -> Value {
    let bad = |what: &str| format!("{what}{SCRIPT}");
    let link = "javascript:globalThis.injected=5";
    let mut attributes = Map::new();
    for key in [
        "session.id",
        "agentops.session.end_state",
        "agentlightning.rollout_id",
        "agentlightning.attempt_id",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.provider.name",
        "gen_ai.tool.name",
        "gen_ai.tool.call.arguments",
        "gen_ai.system_instructions",
        "agentops.span.kind",
        "exception.message",
        "__proto__",
        "constructor",
    ] {
        attributes.insert(key.to_owned(), json!(bad(key)));
    }
    attributes.insert(bad("key"), json!(link));
    attributes.insert("agentops.tags".to_owned(), json!([bad("tag"), link]));
    attributes.insert("gen_ai.input.messages".to_owned(), json!(json!([{ "role": bad("role"), "parts": [says(&bad("text")), { "type": bad("type"), "content": bad("content") }, calls(&bad("id"), &bad("name"), &json!(bad("arguments")))] }]).to_string()));
    attributes.insert("gen_ai.completion.0.content".to_owned(), json!(bad("completion")));
    let attributes = pairs(&Value::Object(attributes));
    let mut spans: Vec<Value> = (1..=2_u64)
        .map(|number| {
            json!({
                "traceId": HOSTILE, "spanId": format!("{number:016x}"), "name": bad("name"), "kind": INTERNAL, "traceState": bad("state"),
                "startTimeUnixNano": (zero + number * MILLI).to_string(), "endTimeUnixNano": (zero + 40 * MILLI / number).to_string(),
                "attributes": attributes, "status": { "code": 2, "message": bad("status") },
                "events": [{ "name": bad("event"), "timeUnixNano": zero.to_string(), "attributes": attributes }],
                "links": [{ "traceId": GOOD_RUN, "spanId": "0000000000000001", "attributes": attributes }],
            })
        })
        .collect();
    spans[1]["parentSpanId"] = json!("0000000000000001");
    let resource = json!({ "service.name": bad("service"), "openinference.project.name": bad("project"), "agentops.project.name": link });
    json!({ "resourceSpans": [{
        "resource": { "attributes": pairs(&resource) },
        "scopeSpans": [{ "scope": { "name": bad("scope"), "version": bad("version") }, "spans": spans }],
    }] })
}
