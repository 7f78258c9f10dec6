//! The same rules a second time: recursive, slow, and with nothing of the crate in it.

use std::collections::{HashMap, HashSet};

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::random::{Case, TestSpan};

/// Where the package raises. What it says then doesn't matter here.
#[derive(Debug)]
pub(crate) struct Raised;

type Answer<T> = Result<T, Raised>;

/// Stands for NaN, which `Value` can't hold; it is written as null.
const NAN: &str = "\u{0}NaN";

pub(crate) fn adapt(case: &Case) -> Answer<Value> {
    let spans = case.spans.iter().map(Span::of).collect::<Answer<Vec<_>>>()?;
    let mut triplets = if case.proxy { proxy(&spans)? } else { tracer(&spans, case)? };
    if let (Some(reward), Some(last)) = (case.final_reward, triplets.last_mut()) {
        last["reward"] = json!(reward);
    }
    let mut triplets = Value::Array(triplets);
    without_nan(&mut triplets);
    Ok(triplets)
}

fn without_nan(value: &mut Value) {
    match value {
        Value::String(text) if text == NAN => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(without_nan),
        Value::Object(fields) => fields.values_mut().for_each(without_nan),
        _ => {}
    }
}

fn loads(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(&text.replace("NaN", "\"\\u0000NaN\""))
}

struct Span {
    id: String,
    parent: Option<String>,
    name: String,
    attributes: Vec<(String, Value)>,
    start: Option<f64>,
    end: Option<f64>,
    sequence: u32,
}

impl Span {
    fn of(span: &TestSpan) -> Answer<Self> {
        let mut attributes: Vec<(String, Value)> = Vec::new();
        for (name, value) in &span.attributes {
            let value = model(value)?;
            match attributes.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => *old = value,
                None => attributes.push(((*name).to_owned(), value)),
            }
        }
        Ok(Self {
            id: span.span_id.clone(),
            parent: span.parent_id.clone(),
            name: span.name.to_owned(),
            attributes,
            start: span.start_time,
            end: span.end_time,
            sequence: span.sequence_id,
        })
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    fn response_id(&self) -> Option<&str> {
        self.text("gen_ai.response.id").or_else(|| self.text("agentlightning.operation.output.id"))
    }

    fn unflatten(&self, prefix: &str) -> Answer<Value> {
        let mut root = Vec::new();
        for (name, value) in &self.attributes {
            if name == prefix {
                return Err(Raised);
            }
            if let Some(path) = name.strip_prefix(&format!("{prefix}.")) {
                insert(&mut root, path, value);
            }
        }
        lists(root)
    }

    fn first_below(&self, prefixes: [&str; 2]) -> Answer<Value> {
        for prefix in prefixes {
            let found = self.unflatten(prefix)?;
            if found != json!({}) {
                return Ok(found);
            }
        }
        Ok(Value::Null)
    }

    fn tokens(&self, names: &[&str]) -> Value {
        let whole = |item: &Value| item.is_i64() || item.is_boolean();
        let fit = |value: &&Value| value.as_array().is_some_and(|items| items.iter().all(whole));
        names.iter().filter_map(|name| self.get(name)).find(fit).cloned().unwrap_or(json!([]))
    }

    fn agent(&self) -> Option<&Value> {
        if let Some(name) = self.get("agent.name") {
            return Some(name);
        }
        if self.text("agentops.span.kind") == Some("agent") && self.get("operation.name").is_some() {
            return self.get("operation.name");
        }
        for name in ["recipient_agent_type", "langchain.chain.type", "executor.id"] {
            if self.get(name).is_some() {
                return self.get(name);
            }
        }
        let weave = "agentlightning.operation.input.name";
        if self.text("type") == Some("agent") && self.get(weave).is_some() {
            return self.get(weave);
        }
        if self.name.starts_with("langchain.Chain.") { self.get("lc_name") } else { None }
    }

    fn reward(&self) -> Answer<Option<Value>> {
        if self.attributes.iter().any(|(name, _)| name.starts_with("agentlightning.reward")) {
            let list = self.unflatten("agentlightning.reward")?;
            let mut values = Vec::new();
            for dimension in list.as_array().ok_or(Raised)? {
                if !dimension["name"].is_string() {
                    return Err(Raised);
                }
                values.push(number(&dimension["value"])?);
            }
            return Ok(Some(json!(values[0])));
        }
        for name in ["agentops.task.output", "agentops.entity.output"] {
            let Some(Ok(output)) = self.text(name).map(loads) else { continue };
            if [json!(null), json!(false), json!(0), json!(""), json!([]), json!({})].contains(&output) {
                continue;
            }
            let output = output.as_object().ok_or(Raised)?;
            if output.get("type") == Some(&json!("reward")) {
                return Ok(output.get("value").filter(|value| !value.is_null()).cloned());
            }
        }
        Ok(if self.name == "agentlightning.annotation" { self.get("reward").cloned() } else { None })
    }
}

/// Pydantic's float.
fn number(value: &Value) -> Answer<f64> {
    match value {
        Value::Bool(truth) => Ok(if *truth { 1.0 } else { 0.0 }),
        Value::String(text) if text == NAN => Ok(f64::NAN),
        Value::String(text) => {
            text.trim().parse().or_else(|_| text.replace('_', "").parse()).map_err(|_| Raised)
        }
        _ => value.as_f64().ok_or(Raised),
    }
}

/// An attribute as the package's model has it.
fn model(value: &Value) -> Answer<Value> {
    let Value::Array(items) = value else {
        return if value.is_null() || value.is_object() { Err(Raised) } else { Ok(value.clone()) };
    };
    let all = |kinds: &[fn(&Value) -> bool]| items.iter().all(|item| kinds.iter().any(|kind| kind(item)));
    if all(&[Value::is_string]) || all(&[Value::is_boolean]) || all(&[Value::is_i64]) {
        return Ok(value.clone());
    }
    if all(&[Value::is_number]) {
        return Ok(items.iter().map(|item| json!(item.as_f64())).collect());
    }
    if all(&[Value::is_boolean, Value::is_i64]) {
        let truth =
            |item: &Value| item.as_bool().or(item.as_i64().filter(|n| (0..2).contains(n)).map(|n| n == 1));
        let truths: Option<Vec<bool>> = items.iter().map(truth).collect();
        let whole = |item: &Value| json!(item.as_i64().unwrap_or_else(|| i64::from(item == true)));
        return Ok(truths.map_or_else(|| items.iter().map(whole).collect(), |truths| json!(truths)));
    }
    Err(Raised)
}

enum Tree {
    Leaf(Value),
    Inner(Vec<(String, Tree)>),
}

fn insert(fields: &mut Vec<(String, Tree)>, path: &str, value: &Value) {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    if !fields.iter().any(|(name, _)| name == step) {
        fields.push((step.to_owned(), Tree::Inner(Vec::new())));
    }
    let (_, tree) = fields.iter_mut().find(|(name, _)| name == step).unwrap();
    match rest {
        None => *tree = Tree::Leaf(value.clone()),
        Some(rest) => {
            if let Tree::Leaf(_) = tree {
                *tree = Tree::Inner(Vec::new());
            }
            if let Tree::Inner(inner) = tree {
                insert(inner, rest, value);
            }
        }
    }
}

/// Python's `int` of a digit string, for the digits that random traces have.
fn index(text: &str) -> Answer<usize> {
    text.replace('٣', "3").parse().map_err(|_| Raised)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '²' || c == '٣')
}

fn lists(fields: Vec<(String, Tree)>) -> Answer<Value> {
    let mut object = Map::new();
    for (name, tree) in fields {
        object.insert(
            name,
            match tree {
                Tree::Leaf(value) => value,
                Tree::Inner(inner) => lists(inner)?,
            },
        );
    }
    if object.is_empty() || !object.keys().all(|name| is_digits(name)) {
        return Ok(Value::Object(object));
    }
    let mut indices = object.keys().map(|name| index(name)).collect::<Answer<Vec<_>>>()?;
    indices.sort_unstable();
    if indices != (0..object.len()).collect::<Vec<_>>() {
        return Ok(Value::Object(object));
    }
    (0..object.len()).map(|i| object.get(&i.to_string()).cloned().ok_or(Raised)).collect()
}

fn images(content: &Value) -> Answer<Vec<Value>> {
    let messages: Vec<Value> = match content {
        Value::Array(items) => items.clone(),
        Value::Object(fields) => {
            let mut numbered = Vec::new();
            for (name, message) in fields.iter().filter(|(name, _)| is_digits(name)) {
                numbered.push((index(name)?, message.clone()));
            }
            numbered.sort_by_key(|(number, _)| *number);
            if numbered.is_empty() {
                vec![content.clone()]
            } else {
                numbered.into_iter().map(|(_, m)| m).collect()
            }
        }
        _ => vec![],
    };
    let mut urls = Vec::new();
    for message in messages {
        let parts = match message.get("content") {
            Some(Value::String(text)) => match loads(text) {
                Ok(parts) => parts,
                Err(_) => continue,
            },
            Some(parts) => parts.clone(),
            None => continue,
        };
        for part in parts.as_array().into_iter().flatten().filter(|part| part["type"] == "image_url") {
            urls.extend(part["image_url"].get("url").cloned());
        }
    }
    Ok(urls)
}

fn triplet(span: Option<&Span>, agent: &Value) -> Answer<Value> {
    let Some(span) = span else {
        return Ok(json!({
            "prompt": { "token_ids": [], "raw_content": null, "image_urls": [] },
            "response": { "token_ids": [], "raw_content": null },
            "reward": null,
            "metadata": { "request": null, "response": null, "response_id": null, "agent_name": agent },
        }));
    };
    let mut request = span.first_below(["gen_ai.request", "agentlightning.operation.input"])?;
    let mut response = span.first_below(["gen_ai.response", "agentlightning.operation.output"])?;
    request.as_object_mut().map(|fields| fields.remove("messages"));
    for name in ["choices", "prompt_token_ids", "response_token_ids"] {
        response.as_object_mut().map(|fields| fields.remove(name));
    }
    let prompt = span.first_below(["gen_ai.prompt", "agentlightning.operation.input.messages"])?;
    let completion = span.first_below(["gen_ai.completion", "agentlightning.operation.output.choices"])?;
    let output = "agentlightning.operation.output";
    let mut answer = json!({
        "token_ids": span.tokens(&[
            "response_token_ids",
            &format!("{output}.response_token_ids.0"),
            &format!("{output}.choices.0.token_ids"),
            &format!("{output}.choices.0.provider_specific_fields.token_ids"),
        ]),
        "raw_content": completion,
    });
    if let Some(text) = span.text("logprobs.content") {
        answer["logprobs"] = loads(text).map_err(|_| Raised)?;
    }
    Ok(json!({
        "prompt": {
            "token_ids": span.tokens(&["prompt_token_ids", &format!("{output}.prompt_token_ids")]),
            "image_urls": images(&prompt)?,
            "raw_content": prompt,
        },
        "response": answer,
        "reward": null,
        "metadata": {
            "request": request, "response": response, "response_id": span.response_id(), "agent_name": agent,
        },
    }))
}

#[derive(Debug)]
struct Node {
    id: String,
    name: String,
    span: Option<usize>,
    start: Option<f64>,
    end: Option<f64>,
    children: Vec<usize>,
}

struct World<'s> {
    spans: &'s [Span],
    nodes: Vec<Node>,
}

impl World<'_> {
    fn grow(&mut self, id: &str, depth: usize) -> Answer<usize> {
        if depth > 100 {
            return Err(Raised);
        }
        let mut children = Vec::new();
        for span in self.spans.iter().filter(|span| span.parent.as_deref() == Some(id)) {
            children.push(self.grow(&span.id, depth + 1)?);
        }
        let span = self.spans.iter().rposition(|span| span.id == id);
        let (name, start, end) = match span {
            Some(at) => (self.spans[at].name.clone(), self.spans[at].start, self.spans[at].end),
            None => {
                let starts = children.iter().filter_map(|child| self.nodes[*child].start);
                let ends = children.iter().filter_map(|child| self.nodes[*child].end);
                let (start, end) =
                    (starts.reduce(f64::min).ok_or(Raised)?, ends.reduce(f64::max).ok_or(Raised)?);
                ("agentlightning.virtual".to_owned(), Some(start), Some(end))
            }
        };
        self.nodes.push(Node { id: id.to_owned(), name, span, start, end, children });
        Ok(self.nodes.len() - 1)
    }

    fn root(&mut self) -> Answer<usize> {
        let mut roots: Vec<&str> =
            self.spans.iter().filter(|span| span.parent.is_none()).map(|span| &*span.id).collect();
        for parent in self.spans.iter().filter_map(|span| span.parent.as_deref()) {
            if !self.spans.iter().any(|span| span.id == parent) && !roots.contains(&parent) {
                roots.push(parent);
            }
        }
        let roots = roots.into_iter().map(|id| self.grow(id, 0)).collect::<Answer<Vec<_>>>()?;
        if roots.len() < 2 {
            return roots.first().copied().ok_or(Raised);
        }
        let (start, end) = (self.nodes[roots[0]].start, self.nodes[roots[roots.len() - 1]].end);
        let name = "virtual-root".to_owned();
        self.nodes.push(Node { id: name.clone(), name, span: None, start, end, children: roots });
        Ok(self.nodes.len() - 1)
    }

    fn traverse(&self, from: usize) -> Vec<usize> {
        let mut all = vec![from];
        for child in &self.nodes[from].children {
            all.extend(self.traverse(*child));
        }
        all
    }

    fn repair(&mut self, top: usize) -> Answer<()> {
        if let [only] = self.nodes[top].children[..] {
            return self.repair(only);
        }
        for child in self.nodes[top].children.clone() {
            if self.nodes[top].children.len() == 1 {
                break;
            }
            let inner = &self.nodes[child];
            let mut best: Option<(f64, usize)> = None;
            for other in self.traverse(top) {
                let outer = &self.nodes[other];
                if outer.id == inner.id || other == top {
                    continue;
                }
                if outer.start.ok_or(Raised)? <= inner.start.ok_or(Raised)?
                    && outer.end.ok_or(Raised)? >= inner.end.ok_or(Raised)?
                {
                    let (a, b) = (outer.start.unwrap(), outer.end.unwrap());
                    let slack = b - inner.end.unwrap() + inner.start.unwrap() - a;
                    if slack > 0.0 && best.is_none_or(|(least, _)| slack < least) {
                        best = Some((slack, other));
                    }
                }
            }
            if let Some((_, parent)) = best {
                self.nodes[top].children.retain(|other| *other != child);
                self.nodes[parent].children.push(child);
            }
        }
        Ok(())
    }

    fn span(&self, node: usize) -> Option<&Span> {
        self.nodes[node].span.map(|at| &self.spans[at])
    }

    fn reward(&self, node: usize) -> Answer<Option<Value>> {
        self.span(node).map_or(Ok(None), Span::reward)
    }

    fn calls(
        &self,
        node: usize,
        search: &Search,
        above: Above,
        seen: &mut HashSet<String>,
    ) -> Answer<Vec<(usize, Value)>> {
        let Above { mut agent, mut reward, mut call } = above;
        let mut found = Vec::new();
        let span = self.span(node);
        let response = span.and_then(Span::response_id);
        let wanted = search.name.is_match(&self.nodes[node].name) && !reward;
        if let Some(agent) = agent.clone().filter(|_| wanted) {
            let known = response.is_some_and(|id| seen.contains(id));
            if !known && (response.is_some() || !call) {
                found.push((node, agent));
                seen.extend(response.map(str::to_owned));
                call = true;
            }
        }
        if let Some(name) = span.and_then(Span::agent) {
            let matches = match &search.agent {
                None => true,
                Some(pattern) => pattern.is_match(name.as_str().ok_or(Raised)?),
            };
            agent = matches.then(|| name.clone());
        }
        let operation = span.is_some_and(|span| {
            span.name == "agentlightning.operation"
                && span.text("agentlightning.operation.name") == Some("agentlightning.reward")
        });
        reward = reward || self.reward(node)?.is_some() || operation;
        for child in &self.nodes[node].children {
            let above = Above { agent: agent.clone(), reward, call };
            found.extend(self.calls(*child, search, above, seen)?);
        }
        Ok(found)
    }

    fn assign(
        &self,
        nodes: &[usize],
        calls: &HashSet<&str>,
        given: &mut HashMap<String, Value>,
    ) -> Answer<()> {
        let mut before = Vec::new();
        for node in nodes {
            if calls.contains(&*self.nodes[*node].id) {
                before.push(*node);
            }
            let Some(reward) = self.reward(*node)? else { continue };
            for call in before.iter().rev() {
                let late = self.nodes[*call].end.ok_or(Raised)? > self.nodes[*node].start.ok_or(Raised)?;
                if !late && !given.contains_key(&self.nodes[*call].id) {
                    given.insert(self.nodes[*call].id.clone(), reward);
                    break;
                }
            }
        }
        Ok(())
    }
}

struct Search {
    name: Regex,
    agent: Option<Regex>,
}

struct Above {
    agent: Option<Value>,
    reward: bool,
    call: bool,
}

fn tracer(spans: &[Span], case: &Case) -> Answer<Vec<Value>> {
    let mut world = World { spans, nodes: Vec::new() };
    let root = world.root()?;
    world.repair(root)?;
    let search = Search {
        name: Regex::new(case.llm_call_match.unwrap_or(r"openai\.chat\.completion")).unwrap(),
        agent: case.agent_match.map(|pattern| Regex::new(pattern).unwrap()),
    };
    let any = case.agent_match.is_none().then(|| json!("*"));
    let calls =
        world.calls(root, &search, Above { agent: any, reward: false, call: false }, &mut HashSet::new())?;
    let mut triplets = Vec::new();
    for (node, agent) in &calls {
        triplets.push(triplet(world.span(*node), agent)?);
    }
    let ids: HashSet<&str> = calls.iter().map(|(node, _)| &*world.nodes[*node].id).collect();
    let (mut all, mut given) = (world.traverse(root), HashMap::new());
    if case.reward_match == "first_sibling" {
        for node in all {
            world.assign(&world.nodes[node].children, &ids, &mut given)?;
        }
    } else {
        if all.len() > 1 && all.iter().any(|node| world.nodes[*node].start.is_none()) {
            return Err(Raised);
        }
        all.sort_by(|a, b| world.nodes[*a].start.partial_cmp(&world.nodes[*b].start).unwrap());
        world.assign(&all, &ids, &mut given)?;
    }
    for ((node, _), triplet) in calls.iter().zip(&mut triplets) {
        let reward = given.get(&world.nodes[*node].id).cloned().unwrap_or_default();
        // Written by a field that is declared a float.
        triplet["reward"] = match &reward {
            Value::Bool(_) | Value::Number(_) => json!(number(&reward)?),
            _ => reward,
        };
    }
    Ok(triplets)
}

/// Python's literals, as far as random traces have them.
fn literal(value: Option<&Value>) -> Value {
    match value {
        Some(Value::String(text)) => match text.as_str() {
            "[1, 2]" | "[1, 2, 3]" | "[[3]]" | "[[4, 5], [6]]" | "[]" => serde_json::from_str(text).unwrap(),
            "[1, ]" => json!([1]),
            "[{'index': 0, 'message': None, 'token_ids': [0x10, 1_0]}]" => json!([{ "token_ids": [16, 10] }]),
            "[{'token_ids': [1, 'a']}]" => json!([{ "token_ids": [1, "a"] }]),
            _ => json!(text),
        },
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn whole(value: &Value) -> Vec<Value> {
    let items = value.as_array().cloned().unwrap_or_default();
    if items.iter().all(|item| item.is_i64() || item.is_boolean()) { items } else { vec![] }
}

fn proxy(spans: &[Span]) -> Answer<Vec<Value>> {
    let mut order: Vec<&Span> = spans.iter().collect();
    for a in spans {
        if spans.iter().any(|b| a.sequence == b.sequence && a.start.is_some() != b.start.is_some()) {
            return Err(Raised);
        }
    }
    order.sort_by(|a, b| (a.sequence, a.start).partial_cmp(&(b.sequence, b.start)).unwrap());
    let mut calls: Vec<(&Span, Value)> = Vec::new();
    let mut seen = HashSet::new();
    for span in &order {
        let (prompt, response) = if span.name == "raw_gen_ai_request" {
            let read = |name: &str| literal(span.get(&format!("llm.hosted_vllm.{name}")));
            let mut response = whole(&read("response_token_ids")[0]);
            if response.is_empty() {
                response = whole(&read("choices")[0]["token_ids"]);
            }
            (whole(&read("prompt_token_ids")), response)
        } else if span.name == "litellm_request" {
            (whole(&literal(span.get("prompt_token_ids"))), whole(&literal(span.get("response_token_ids"))))
        } else {
            continue;
        };
        if prompt.is_empty() || response.is_empty() {
            continue;
        }
        let falsy = |value: &&Value| *value != "" && *value != 0;
        let id = span.get("gen_ai.response.id").filter(falsy).or_else(|| span.get("llm.hosted_vllm.id"));
        let id = id.and_then(Value::as_str);
        if id.is_some_and(|id| !seen.insert(id)) {
            continue;
        }
        let triplet = json!({
            "prompt": { "token_ids": prompt }, "response": { "token_ids": response },
            "metadata": { "response_id": id },
        });
        calls.push((span, triplet));
    }
    let mut given: HashMap<&str, Value> = HashMap::new();
    for span in &order {
        let Some(reward) = span.reward()? else { continue };
        let call = calls
            .iter()
            .rev()
            .find(|(call, _)| call.sequence < span.sequence && !given.contains_key(&*call.id));
        if let Some((call, _)) = call {
            given.insert(&call.id, reward);
        }
    }
    let mut triplets = Vec::new();
    for (span, mut triplet) in calls {
        triplet["reward"] =
            given.get(&*span.id).map_or(Ok(Value::Null), |reward| number(reward).map(|n| json!(n)))?;
        triplets.push(triplet);
    }
    Ok(triplets)
}
