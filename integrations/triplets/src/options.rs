//! What a caller can choose, and regular expressions of users that can't run away.

use regex::{Regex, RegexBuilder};

/// A pattern that compiles to more than this is refused.
const PATTERN_BYTES: usize = 1 << 20;

/// Which calls a reward can go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RewardMatch {
    /// The latest call before it that has no reward yet.
    #[default]
    FirstOccurrence,
    /// The same, among its siblings in the tree only.
    FirstSibling,
}

/// Neither `first_occurrence` nor `first_sibling`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reward_match is first_occurrence or first_sibling, not {0:?}")]
pub struct UnknownRewardMatch(String);

impl std::str::FromStr for RewardMatch {
    type Err = UnknownRewardMatch;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "first_occurrence" => Ok(Self::FirstOccurrence),
            "first_sibling" => Ok(Self::FirstSibling),
            _ => Err(UnknownRewardMatch(text.to_owned())),
        }
    }
}

/// How triplets are extracted. [`Options::default`] tolerates what it can and knows every convention.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(crate) llm_call_match: Option<Regex>,
    pub(crate) agent_match: Option<Regex>,
    pub(crate) reward_match: RewardMatch,
    pub(crate) final_reward: Option<f64>,
    pub(crate) strict: bool,
    pub(crate) why: bool,
    pub(crate) proxy: bool,
}

impl Options {
    /// To choose one thing after another.
    pub fn builder() -> OptionsBuilder {
        OptionsBuilder::default()
    }

    /// agent-lightning 0.3.0's rules and nothing else.
    pub fn strict() -> Self {
        Self { strict: true, ..Self::default() }
    }
}

/// Makes [`Options`].
#[derive(Clone, Debug, Default)]
pub struct OptionsBuilder {
    llm_call_match: Option<String>,
    agent_match: Option<String>,
    options: Options,
}

impl OptionsBuilder {
    /// Calls are the spans whose *name* this regular expression matches somewhere. Without it: names with
    /// `openai.chat.completion` in them and, unless strict, every span that a convention says is a model call.
    pub fn llm_call_match(mut self, pattern: impl Into<String>) -> Self {
        self.llm_call_match = Some(pattern.into());
        self
    }

    /// Only calls below an agent whose name this regular expression matches somewhere.
    pub fn agent_match(mut self, pattern: impl Into<String>) -> Self {
        self.agent_match = Some(pattern.into());
        self
    }

    /// Which calls a reward can go to.
    pub fn reward_match(mut self, policy: RewardMatch) -> Self {
        self.options.reward_match = policy;
        self
    }

    /// The reward of the last triplet, whatever the trace says.
    pub fn final_reward(mut self, reward: f64) -> Self {
        self.options.final_reward = Some(reward);
        self
    }

    /// agent-lightning 0.3.0's rules and nothing else.
    pub fn strict(mut self, strict: bool) -> Self {
        self.options.strict = strict;
        self
    }

    /// Say of each span why it is a triplet or not.
    pub fn why(mut self, why: bool) -> Self {
        self.options.why = why;
        self
    }

    /// The spans of agent-lightning's LLM proxy instead of a tracer's: sequence numbers count, clocks don't.
    pub fn proxy(mut self, proxy: bool) -> Self {
        self.options.proxy = proxy;
        self
    }

    /// The options, or which pattern is unfit.
    pub fn build(self) -> Result<Options, PatternError> {
        let mut options = self.options;
        options.llm_call_match = compile("llm_call_match", self.llm_call_match)?;
        options.agent_match = compile("agent_match", self.agent_match)?;
        Ok(options)
    }
}

/// A regular expression that doesn't compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option} is no regular expression that can be used: {reason}")]
pub struct PatternError {
    /// `llm_call_match` or `agent_match`.
    pub option: &'static str,
    /// What the compiler of regular expressions says.
    pub reason: String,
}

fn compile(option: &'static str, pattern: Option<String>) -> Result<Option<Regex>, PatternError> {
    let Some(pattern) = pattern else { return Ok(None) };
    let built = RegexBuilder::new(&pattern).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
    built.map(Some).map_err(|error| PatternError { option, reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfit_pattern_is_named_by_its_option() {
        for pattern in ["(", r"(a)\1", "(?=x)", r"\w{1000}{1000}", "(((((a{100}){100}){100}){100}))"] {
            let error = Options::builder().agent_match(pattern).build().unwrap_err();
            assert_eq!(error.option, "agent_match", "{pattern}");
            assert!(error.to_string().starts_with("agent_match is no regular expression"), "{error}");
        }
        assert_eq!(Options::builder().llm_call_match("[").build().unwrap_err().option, "llm_call_match");
    }

    #[test]
    fn policies_have_the_names_of_the_package() {
        assert_eq!("first_sibling".parse(), Ok(RewardMatch::FirstSibling));
        assert_eq!("first_occurrence".parse(), Ok(RewardMatch::default()));
        assert!("first".parse::<RewardMatch>().unwrap_err().to_string().contains("\"first\""));
    }
}
