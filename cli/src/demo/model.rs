//! A stand-in for a language model: a chain over word pairs of a few sentences. No network, no key, and the same
//! response to the same prompt every time.

use std::collections::HashSet;

/// Whose model it is.
pub(super) const PROVIDER: &str = "local";
/// What it is called where a real model's name would be.
pub(super) const NAME: &str = "word-pairs-stand-in";

/// All that it knows.
const SENTENCES: &str = "\
    Distributed tracing is a method to follow one request through every service that works on it . \
    Distributed tracing shows which service was slow and which one failed . \
    Each service records spans , and every span names its parent . \
    Each service passes the context on , so that the next service continues the same trace . \
    A span is a piece of work with a name , a start and an end . \
    A span carries attributes , which say what the work was about . \
    A trace is a tree of spans , with the first service at its root . \
    The context travels in a header of every request , so that the next one finds its parent . \
    The longest span of the tree is where the time went . \
    An error marks the span that failed , and every span above it shows the way there . \
    A model turns a prompt into a response , and its span counts the tokens of both . \
    Propagation is how the context crosses from one service to the next one .";

/// A response goes on to another sentence until it has this many tokens.
const ENOUGH_TOKENS: usize = 12;
/// Tokens that are taken from a sentence as they are, so that it stays with its subject. Every sentence has more.
const BEGINNING: usize = 5;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) text: String,
    pub(super) input_tokens: usize,
    pub(super) output_tokens: usize,
    /// `stop` at the end of a sentence, `length` when cut at the most tokens allowed.
    pub(super) finish_reason: &'static str,
}

/// Continues from the sentence that has most in common with `prompt`.
pub(super) fn complete(prompt: &str, max_tokens: usize) -> Completion {
    let known: Vec<&str> = SENTENCES.split_whitespace().collect();
    let asked = tokens(prompt);
    let mut dice = Dice::of(prompt);
    let mut response: Vec<&str> = Vec::new();
    let mut finish_reason = "length";
    let mut sentence = nearest_sentence(&known, &asked, &mut dice);
    let mut begun = 0;
    while response.len() < max_tokens {
        let next = match response.as_slice() {
            [.., "."] if begun > 0 && response.len() >= ENOUGH_TOKENS => {
                finish_reason = "stop";
                break;
            }
            [.., "."] if begun > 0 => {
                sentence = *dice.choose(&starts(&known));
                begun = 0;
                continue;
            }
            [.., before, last] if begun >= BEGINNING => dice.choose(&followers(&known, before, last)),
            _ => known[sentence + begun],
        };
        response.push(next);
        begun += 1;
    }
    if response.last() == Some(&".") {
        finish_reason = "stop";
    }
    Completion {
        text: join(&response),
        input_tokens: asked.len(),
        output_tokens: response.len(),
        finish_reason,
    }
}

/// Words and single marks, in lower case.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_word = false;
    for c in text.chars() {
        let is_word = c.is_alphanumeric();
        match tokens.last_mut() {
            Some(token) if is_word && in_word => token.extend(c.to_lowercase()),
            _ if !c.is_whitespace() => tokens.push(c.to_lowercase().collect()),
            _ => {}
        }
        in_word = is_word;
    }
    tokens
}

/// Where sentences begin.
fn starts(known: &[&str]) -> Vec<usize> {
    let after = |at: &usize| *at == 0 || known[at - 1] == ".";
    (0..known.len()).filter(after).collect()
}

fn nearest_sentence(known: &[&str], asked: &[String], dice: &mut Dice) -> usize {
    let asked: HashSet<String> = asked.iter().filter_map(|word| stem(word)).collect();
    let starts = starts(known);
    let in_common = |start: &usize| {
        let sentence = known[*start..].iter().take_while(|word| **word != ".");
        sentence.filter_map(|word| stem(&word.to_lowercase())).filter(|stem| asked.contains(stem)).count()
    };
    let most = starts.iter().map(in_common).max().unwrap_or(0);
    let nearest: Vec<_> = starts.into_iter().filter(|start| in_common(start) == most).collect();
    *dice.choose(&nearest)
}

/// By which `carry` finds `carries`; nothing for short words, which say little about the subject.
fn stem(word: &str) -> Option<String> {
    (word.len() > 3).then(|| word.chars().take(4).collect())
}

/// Every word that stands somewhere after this pair. The pair stands somewhere, and never at the end: that is a full stop.
fn followers<'a>(known: &[&'a str], before: &str, last: &str) -> Vec<&'a str> {
    known.windows(3).filter(|words| words[0] == before && words[1] == last).map(|words| words[2]).collect()
}

fn join(words: &[&str]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() && !matches!(*word, "." | ",") {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// Throws that depend on the prompt alone (FNV-1a, then xorshift).
struct Dice(u64);

impl Dice {
    fn of(prompt: &str) -> Self {
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(prompt.bytes().fold(0xcbf2_9ce4_8422_2325, hash) | 1)
    }

    /// One of `options`, which is not empty.
    fn choose<'a, T>(&mut self, options: &'a [T]) -> &'a T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        &options[(self.0 % options.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_prompt_has_the_same_response_and_others_differ() {
        let one = complete("Explain distributed tracing", 60);
        assert_eq!(one, complete("Explain distributed tracing", 60));
        assert!(one.text.starts_with("Distributed tracing "), "{}", one.text);
        let texts: HashSet<_> = (0..20).map(|n| complete(&format!("Question {n}"), 60).text).collect();
        assert!(texts.len() > 5, "{texts:?}");
    }

    #[test]
    fn tokens_are_counted_and_bounded() {
        let completion = complete("What is a span, really?", 60);
        assert_eq!(completion.input_tokens, 7);
        assert_eq!(tokens(&completion.text).len(), completion.output_tokens);
        assert_eq!(completion.finish_reason, "stop");
        assert!(completion.text.ends_with('.'), "{}", completion.text);

        let cut = complete("What is a span, really?", 5);
        assert_eq!((cut.output_tokens, cut.finish_reason), (5, "length"));
        assert_eq!(complete("x", 0).output_tokens, 0);
    }

    #[test]
    fn any_prompt_has_a_response() {
        for number in 0..2000 {
            let prompt = "é\0 \u{1f600} ".repeat(number % 7) + &number.to_string();
            assert!(complete(&prompt, 60).output_tokens > ENOUGH_TOKENS / 2, "{prompt:?}");
        }
        complete("", 60);
    }
}
