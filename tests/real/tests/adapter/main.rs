//! Strict triplets against agent-lightning's own adapter, in a Python process, on random traces.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../../integrations/triplets/tests/strict/random.rs"]
mod random;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use random::Case;
use serde_json::Value;
use tracer_factory::triplets::{Options, agl};
use tracer_factory_testkit::layout::{Backend, cache_root};

const CASES: usize = 600;
const ADAPTER: &str = include_str!("adapter.py");

/// The package's adapter. It ends with its input, so with this process at the latest.
struct Adapter {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Adapter {
    fn start() -> Self {
        let backend = Backend::AgentLightning;
        let python = backend.dir(&cache_root().unwrap()).join(backend.program());
        assert!(python.is_file(), "{} is not there: cargo xtask provision {backend}", python.display());
        let mut child = Command::new(python)
            .args(["-c", ADAPTER])
            .env_clear()
            // Nothing that calls out.
            .envs([("LITELLM_LOCAL_MODEL_COST_MAP", "True"), ("PYTHONWARNINGS", "ignore")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, questions, answers }
    }

    fn ask(&mut self, case: &Case) -> Result<Value, String> {
        let questions = self.questions.as_mut().unwrap();
        writeln!(questions, "{}", serde_json::to_string(case).unwrap()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let mut answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|_| panic!("not an answer: {answer:?}"));
        match answer["raised"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["triplets"].take()),
        }
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.child.wait();
    }
}

fn ours(case: &Case) -> Result<Value, String> {
    let mut builder = Options::builder().strict(true).proxy(case.proxy);
    builder = builder.reward_match(case.reward_match.parse().unwrap());
    if let Some(pattern) = case.llm_call_match {
        builder = builder.llm_call_match(pattern);
    }
    if let Some(pattern) = case.agent_match {
        builder = builder.agent_match(pattern);
    }
    if let Some(reward) = case.final_reward {
        builder = builder.final_reward(reward);
    }
    let spans = agl::read_spans(&serde_json::to_string(&case.spans).unwrap()).unwrap();
    let extraction = agl::extract(&spans, &builder.build().unwrap()).map_err(|error| error.to_string())?;
    Ok(serde_json::from_str(&serde_json::to_string(&extraction.triplets).unwrap()).unwrap())
}

#[test]
fn strict_triplets_are_agent_lightnings() {
    let mut adapter = Adapter::start();
    let mut runner = TestRunner::deterministic();
    let (mut triplets, mut rewards, mut raised) = (0, 0, 0);
    for _ in 0..CASES {
        let case = random::cases().new_tree(&mut runner).unwrap().current();
        match (adapter.ask(&case), ours(&case)) {
            (Ok(theirs), Ok(ours)) => {
                assert_eq!(ours, theirs, "{}", serde_json::to_string(&case).unwrap());
                let list = theirs.as_array().unwrap();
                triplets += list.len();
                rewards += list.iter().filter(|triplet| !triplet["reward"].is_null()).count();
            }
            (Err(_), Err(_)) => raised += 1,
            (theirs, ours) => {
                panic!("theirs {theirs:?}, ours {ours:?}: {}", serde_json::to_string(&case).unwrap())
            }
        }
    }
    // The comparison is worth nothing when there is nothing to compare.
    assert!(triplets > CASES && rewards > CASES / 4 && raised > CASES / 50, "{triplets} {rewards} {raised}");
}
