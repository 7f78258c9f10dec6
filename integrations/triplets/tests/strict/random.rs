//! Random traces as agent-lightning's span JSON: what is usual, and what should not be but is.

use proptest::prelude::*;
use proptest::sample::select;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// One question to an adapter.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Case {
    /// Spans as the package's own JSON.
    pub(crate) spans: Vec<TestSpan>,
    /// `None`: the adapter's own.
    pub(crate) llm_call_match: Option<&'static str>,
    pub(crate) agent_match: Option<&'static str>,
    pub(crate) reward_match: &'static str,
    pub(crate) final_reward: Option<f64>,
    pub(crate) proxy: bool,
}

/// A span as the package's model has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TestSpan {
    pub(crate) rollout_id: &'static str,
    pub(crate) attempt_id: &'static str,
    pub(crate) sequence_id: u32,
    pub(crate) trace_id: &'static str,
    pub(crate) span_id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) name: &'static str,
    pub(crate) status: Value,
    #[serde(serialize_with = "in_order")]
    pub(crate) attributes: Vec<(&'static str, Value)>,
    pub(crate) events: [(); 0],
    pub(crate) links: [(); 0],
    pub(crate) start_time: Option<f64>,
    pub(crate) end_time: Option<f64>,
    pub(crate) context: (),
    pub(crate) parent: (),
    pub(crate) resource: Value,
}

/// A name that comes twice does so in the JSON too.
fn in_order<S: Serializer>(attributes: &[(&'static str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(attributes.iter().map(|(name, value)| (name, value)))
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let options = (
        prop_oneof![3 => Just(None), 1 => Just(Some("chat")), 1 => Just(Some(r"^openai\.|virtual|task$"))],
        prop_oneof![3 => Just(None), 1 => Just(Some("plan")), 1 => Just(Some("^(planner|writer)$"))],
        select(vec!["first_occurrence", "first_sibling"]),
        prop_oneof![4 => Just(None), 1 => Just(Some(0.25)), 1 => Just(Some(-3.0))],
    );
    let trace =
        (any::<bool>(), any::<bool>()).prop_flat_map(|(proxy, spoilt)| (Just(proxy), trace(proxy, spoilt)));
    (trace, options).prop_map(
        |((proxy, spans), (llm_call_match, agent_match, reward_match, final_reward))| Case {
            spans,
            llm_call_match,
            agent_match,
            reward_match,
            final_reward: final_reward.filter(|_| !proxy),
            proxy,
        },
    )
}

/// `spoilt`: with things over which Python may trip.
fn trace(proxy: bool, spoilt: bool) -> impl Strategy<Value = Vec<TestSpan>> {
    prop::collection::vec(span(proxy, spoilt), 1..14)
        .prop_map(|spans| spans.into_iter().enumerate().map(|(at, span)| span.at(at)).collect())
}

#[derive(Debug, Clone)]
struct Random {
    parent: Parent,
    same_id_as: Option<usize>,
    start: u32,
    length: u32,
    finer: bool,
    no_start: bool,
    no_end: bool,
    sequence: u32,
    kind: (&'static str, Vec<(&'static str, Value)>),
    more: Vec<(&'static str, Value)>,
}

#[derive(Debug, Clone)]
enum Parent {
    None,
    /// One of those before it.
    Earlier(usize),
    /// Any, itself too.
    Any(usize),
    /// One that isn't there.
    Missing(usize),
}

fn id(number: usize) -> String {
    format!("{:016x}", number + 1)
}

impl Random {
    fn at(self, at: usize) -> TestSpan {
        // Tenths of seconds are no binary fractions, and around now a float has a quarter of a microsecond.
        let time = |tenths: u32| 1_700_000_000.0 + f64::from(tenths) * if self.finer { 1e-7 } else { 0.1 };
        TestSpan {
            rollout_id: "ro-1",
            attempt_id: "at-1",
            sequence_id: self.sequence,
            trace_id: "000000000000000000000000000000aa",
            span_id: id(self.same_id_as.unwrap_or(at)),
            parent_id: match self.parent {
                Parent::None => None,
                Parent::Earlier(back) => (at > 0).then(|| id(back % at.max(1))),
                Parent::Any(other) => Some(id(other)),
                Parent::Missing(other) => Some(id(100 + other)),
            },
            name: self.kind.0,
            status: json!({ "status_code": "OK", "description": null }),
            attributes: self.kind.1.into_iter().chain(self.more).collect(),
            events: [],
            links: [],
            start_time: (!self.no_start).then(|| time(self.start)),
            end_time: (!self.no_end).then(|| time(self.start + self.length)),
            context: (),
            parent: (),
            resource: json!({ "attributes": {}, "schema_url": "" }),
        }
    }
}

fn span(proxy: bool, spoilt: bool) -> impl Strategy<Value = Random> {
    let parent = prop_oneof![
        3 => Just(Parent::None),
        12 => (0..14usize).prop_map(Parent::Earlier),
        u32::from(spoilt) => (0..14usize).prop_map(Parent::Any),
        1 => (0..2usize).prop_map(Parent::Missing),
    ];
    let never = if spoilt { 0.02 } else { 0.0 };
    let kind = if proxy { proxy_kind().boxed() } else { kind(spoilt).boxed() };
    (
        (parent, prop::option::weighted(if spoilt { 0.04 } else { 0.001 }, 0..14usize)),
        (0..12u32, 0..12u32, prop::bool::weighted(0.1)),
        (prop::bool::weighted(never), prop::bool::weighted(never), 0..10u32),
        kind,
        prop::collection::vec(attribute(spoilt), 0..4),
    )
        .prop_map(
            |((parent, same_id_as), (start, length, finer), (no_start, no_end, sequence), kind, more)| {
                Random { parent, same_id_as, start, length, finer, no_start, no_end, sequence, kind, more }
            },
        )
}

type Kind = (&'static str, Vec<(&'static str, Value)>);

fn kind(spoilt: bool) -> impl Strategy<Value = Kind> {
    let call =
        (select(vec!["openai.chat.completion", "openai.chat.completion", "chat gpt-4"]), response_id())
            .prop_map(|(name, id)| {
                let mut attributes = vec![
                    ("gen_ai.prompt.0.role", json!("user")),
                    ("gen_ai.prompt.0.content", json!("hello")),
                    ("gen_ai.completion.0.content", json!("hi")),
                    ("gen_ai.request.model", json!("gpt-4")),
                ];
                attributes.extend(id.map(|id| ("gen_ai.response.id", json!(id))));
                (name, attributes)
            });
    let operation = select(vec![
        ("session.session", vec![]),
        ("do.task", vec![]),
        ("openai.chat.completion", vec![]),
        ("agent.agent", vec![("agentops.span.kind", json!("agent")), ("operation.name", json!("planner"))]),
        ("agent.agent", vec![("agent.name", json!("writer"))]),
        ("langchain.Chain.x", vec![("lc_name", json!("planner 2"))]),
        ("x", vec![("type", json!("agent")), ("agentlightning.operation.input.name", json!("critic"))]),
        ("agentlightning.operation", vec![("agentlightning.operation.name", json!("agentlightning.reward"))]),
    ]);
    prop_oneof![5 => call, 4 => operation, 4 => reward(spoilt)]
}

fn response_id() -> impl Strategy<Value = Option<String>> {
    prop_oneof![1 => Just(None), 3 => (0..8u32).prop_map(|id| Some(format!("chatcmpl-{id}")))]
}

fn reward(spoilt: bool) -> impl Strategy<Value = Kind> {
    const FIRST: &str = "agentlightning.reward.0.value";
    let good = (-4..5i32).prop_flat_map(|quarters| {
        let value = f64::from(quarters) / 4.0;
        select(vec![
            (
                "agentlightning.annotation",
                vec![("agentlightning.reward.0.name", json!("primary")), (FIRST, json!(value))],
            ),
            (
                "agentlightning.annotation",
                vec![
                    ("agentlightning.reward.1.name", json!("speed")),
                    ("agentlightning.reward.1.value", json!(9)),
                    ("agentlightning.reward.0.name", json!("primary")),
                    (FIRST, json!(quarters)),
                ],
            ),
            (
                "score.task",
                vec![("agentops.task.output", json!(json!({"type": "reward", "value": value}).to_string()))],
            ),
            (
                "score.task",
                vec![(
                    "agentops.entity.output",
                    json!(json!({"type": "reward", "value": quarters}).to_string()),
                )],
            ),
            ("agentlightning.annotation", vec![("reward", json!(value))]),
            (
                "agentlightning.annotation",
                vec![("agentlightning.reward.0.name", json!("p")), (FIRST, json!(" 1.5 "))],
            ),
            (
                "agentlightning.annotation",
                vec![("agentlightning.reward.0.name", json!("p")), (FIRST, json!("0_1.5"))],
            ),
        ])
    });
    let bad = select(vec![
        ("agentlightning.annotation", vec![("agentlightning.reward", json!(1.0))]),
        ("agentlightning.annotation", vec![(FIRST, json!(1.0))]),
        (
            "agentlightning.annotation",
            vec![("agentlightning.reward.1.name", json!("p")), ("agentlightning.reward.1.value", json!(1.0))],
        ),
        (
            "agentlightning.annotation",
            vec![("agentlightning.reward.0.name", json!("p")), (FIRST, json!("x"))],
        ),
        ("agentlightning.annotation", vec![("agentlightning.reward.00.name", json!("p"))]),
        ("x", vec![("agentlightning.reward_model", json!("m"))]),
        ("score.task", vec![("agentops.task.output", json!("5"))]),
        ("score.task", vec![("agentops.task.output", json!("[1]"))]),
    ]);
    let odd = select(vec![
        ("score.task", vec![("agentops.task.output", json!("no JSON"))]),
        (
            "score.task",
            vec![
                ("agentops.task.output", json!("0")),
                ("agentops.entity.output", json!("{\"type\":\"reward\",\"value\":true}")),
            ],
        ),
        ("score.task", vec![("agentops.task.output", json!("{\"type\":\"reward\",\"value\":null}"))]),
        ("score.task", vec![("agentops.task.output", json!("{\"type\":\"reward\",\"value\":\"good\"}"))]),
        ("score.task", vec![("agentops.task.output", json!("{\"type\":\"reward\",\"value\":NaN}"))]),
        ("score.task", vec![("agentops.task.output", json!("{\"type\":\"text\"}"))]),
        ("agentlightning.annotation", vec![("reward", json!(true))]),
        ("agentlightning.annotation", vec![("reward", json!([1, 2]))]),
        ("agentlightning.annotation", vec![("reward", json!(7))]),
    ]);
    prop_oneof![60 => good, u32::from(spoilt) => bad, 8 => odd]
}

/// More attributes of any span.
fn attribute(spoilt: bool) -> impl Strategy<Value = (&'static str, Value)> {
    let usual = select(vec![
        ("prompt_token_ids", json!([1, 2, 3])),
        ("response_token_ids", json!([4])),
        ("response_token_ids", json!([])),
        ("prompt_token_ids", json!([true, false])),
        ("prompt_token_ids", json!([1, true])),
        ("prompt_token_ids", json!([1, 2.5])),
        ("prompt_token_ids", json!("[1, 2]")),
        ("agentlightning.operation.output.prompt_token_ids", json!([7, 8])),
        ("agentlightning.operation.output.response_token_ids.0", json!([9])),
        ("agentlightning.operation.output.choices.0.token_ids", json!([10, 11])),
        ("agentlightning.operation.output.choices.0.message.content", json!("weave")),
        ("agentlightning.operation.output.choices.0.provider_specific_fields.token_ids", json!([12])),
        ("agentlightning.operation.output.id", json!("chatcmpl-3")),
        ("agentlightning.operation.output.model", json!("m")),
        ("agentlightning.operation.input.messages.0.content", json!("weave prompt")),
        ("agentlightning.operation.input.temperature", json!(0.5)),
        (
            "gen_ai.prompt.1.content",
            json!("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://i/1\"}},{\"type\":\"text\"}]"),
        ),
        (
            "gen_ai.prompt.0.content",
            json!("[{\"type\":\"image_url\",\"image_url\":{\"url\":[1.0,2e0,null]}},7]"),
        ),
        ("gen_ai.prompt.3.content", json!("{\"type\":\"image_url\"}")),
        ("gen_ai.prompt.10.content", json!("[{\"type\":\"image_url\",\"image_url\":\"x\"}]")),
        ("gen_ai.prompt.2.content.0.text", json!("parts")),
        ("gen_ai.prompt.2.content.1.text", json!("parts")),
        ("gen_ai.prompt.prompt_filter_results", json!("[{}]")),
        ("gen_ai.prompt.0", json!("flat")),
        ("gen_ai.completion.0.tool_calls.0.name", json!("search")),
        ("gen_ai.completion.0.finish_reason", json!("stop")),
        ("gen_ai.completion.x", json!(1)),
        ("gen_ai.request.messages", json!("gone")),
        ("gen_ai.request.temperature", json!(1.0)),
        ("gen_ai.response.choices", json!("gone")),
        ("gen_ai.response.model", json!("gpt-4-0613")),
        ("gen_ai.response.id", json!("chatcmpl-1")),
        ("gen_ai.response.id", json!("")),
        ("gen_ai.response.id", json!(5)),
        ("logprobs.content", json!("[{\"token\":\"a\",\"logprob\":-0.5,\"big\":1180591620717411303424}]")),
        ("logprobs.content", json!("NaN")),
        ("logprobs.content", json!([0.5])),
        ("agent.name", json!("planner")),
        ("recipient_agent_type", json!("writer")),
        ("langchain.chain.type", json!("plan")),
        ("executor.id", json!("critic")),
        ("operation.name", json!("planner")),
    ]);
    let proxy = select(vec![
        ("llm.hosted_vllm.id", json!("chatcmpl-2")),
        ("llm.hosted_vllm.prompt_token_ids", json!("[1, 2, 3]")),
        ("llm.hosted_vllm.response_token_ids", json!("[[4, 5], [6]]")),
        ("llm.hosted_vllm.response_token_ids", json!("[(4, 5)]")),
        ("llm.hosted_vllm.choices", json!("[{'index': 0, 'message': None, 'token_ids': [0x10, 1_0]}]")),
        ("llm.hosted_vllm.choices", json!("[{'token_ids': [1, 'a']}]")),
    ]);
    let bad = select(vec![
        ("gen_ai.prompt", json!("[]")),
        ("gen_ai.response", json!("x")),
        ("gen_ai.prompt.01.content", json!("x")),
        ("gen_ai.prompt.².content", json!("x")),
        ("gen_ai.prompt.٣.content", json!("x")),
        ("gen_ai.completion.00.content", json!("x")),
        ("logprobs.content", json!("no JSON")),
        ("logprobs.content", json!("[\"\\ud800\"]")),
        ("agent.name", json!(7)),
        ("agent.name", json!(true)),
        ("executor.id", json!(["planner"])),
        ("nothing", Value::Null),
        ("object", json!({"a": 1})),
        ("mixed", json!([1, "a"])),
        ("agentlightning.reward.0.value", json!(1)),
    ]);
    prop_oneof![60 => usual, 10 => proxy, u32::from(spoilt) => bad]
}

fn proxy_kind() -> impl Strategy<Value = Kind> {
    let tokens = |name: &'static str, prompt: &'static str, response: &'static str| {
        response_id().prop_map(move |id| {
            let mut attributes = vec![
                ("llm.hosted_vllm.prompt_token_ids", json!(prompt)),
                ("llm.hosted_vllm.response_token_ids", json!(response)),
                ("prompt_token_ids", json!([1])),
                ("response_token_ids", json!([2])),
            ];
            attributes.extend(id.map(|id| ("gen_ai.response.id", json!(id))));
            (name, attributes)
        })
    };
    prop_oneof![
        4 => tokens("raw_gen_ai_request", "[1, 2]", "[[3]]"),
        1 => tokens("raw_gen_ai_request", "[]", "[[3]]"),
        1 => tokens("raw_gen_ai_request", "[1, ]", "no literal"),
        2 => tokens("litellm_request", "", ""),
        1 => kind(false),
        3 => reward(true),
    ]
}
