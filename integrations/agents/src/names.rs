//! Names of attributes and spans. The gen_ai ones are our own constants: OpenTelemetry moved them out of its crate.

/// What kind of work a span is, in the words of [`EventType`](crate::EventType).
pub const EVENT_TYPE: &str = "event_type";
/// The same in AgentOps' words.
pub const SPAN_KIND: &str = "agentops.span.kind";
/// Labels, an array of texts.
pub const TAGS: &str = "agentops.tags";
/// How a session ended: `Success`, `Fail` or `Indeterminate`.
pub const END_STATE: &str = "agentops.session.end_state";
/// The operation's name without its kind.
pub const OPERATION_NAME: &str = "operation.name";
/// The session that spans of any trace belong to.
pub const SESSION_ID: &str = "session.id";
/// The project that spans are filed under.
pub const PROJECT: &str = "openinference.project.name";

/// agent-lightning's names.
pub mod lightning {
    /// The rollout: one run of an agent on one task.
    pub const ROLLOUT_ID: &str = "agentlightning.rollout_id";
    /// One attempt at a rollout.
    pub const ATTEMPT_ID: &str = "agentlightning.attempt_id";
    /// The order of spans within an attempt, whatever clocks say.
    pub const SEQUENCE_ID: &str = "agentlightning.span_sequence_id";
    /// The span of an annotation, rewards among them.
    pub const ANNOTATION: &str = "agentlightning.annotation";
    /// The span of a message.
    pub const MESSAGE: &str = "agentlightning.message";
    /// Its text.
    pub const MESSAGE_BODY: &str = "agentlightning.message.body";
    /// The span of an object.
    pub const OBJECT: &str = "agentlightning.object";
    /// What the object is.
    pub const OBJECT_TYPE: &str = "agentlightning.object.type";
    /// A plain value.
    pub const OBJECT_LITERAL: &str = "agentlightning.object.literal";
    /// Anything else, as JSON.
    pub const OBJECT_JSON: &str = "agentlightning.object.json";
    /// The first of an annotation's rewards when nobody names it.
    pub const PRIMARY: &str = "primary";
}

/// OpenTelemetry's gen_ai conventions.
pub mod gen_ai {
    /// `chat`, `text_completion`, `embeddings`, …
    pub const OPERATION_NAME: &str = "gen_ai.operation.name";
    /// Who runs the model.
    pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
    /// The conversation that a call belongs to.
    pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
    /// The model that was asked for.
    pub const REQUEST_MODEL: &str = "gen_ai.request.model";
    /// Sampling temperature.
    pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
    /// Nucleus sampling.
    pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
    /// The most tokens to be made.
    pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
    /// The seed that was asked for.
    pub const REQUEST_SEED: &str = "gen_ai.request.seed";
    /// How many answers were asked for, when not one.
    pub const REQUEST_CHOICE_COUNT: &str = "gen_ai.request.choice.count";
    /// Texts that end an answer.
    pub const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
    /// Tools that the model may call, as JSON.
    pub const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
    /// The model that answered.
    pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
    /// The answer's identifier.
    pub const RESPONSE_ID: &str = "gen_ai.response.id";
    /// Why each answer ended.
    pub const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
    /// What went in, as JSON.
    pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
    /// What came out, as JSON.
    pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
    /// Tokens that went in.
    pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    /// Tokens that came out.
    pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    /// Of the former, those read from a cache.
    pub const CACHED_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
    /// US dollars.
    pub const COST: &str = "gen_ai.usage.cost";
}
