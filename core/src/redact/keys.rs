//! Which names hold secrets: words that stand for credentials, what the user adds, and the user's exceptions.

use super::words::{self, Meaning, for_each_word, meaning};
use crate::config::{RedactConfig, RedactMode, UrlQuery};

/// Names that identify the sender, or that the recorder itself sets; no list takes their values.
const OWN: [&str; 4] = ["service.*", "telemetry.sdk.*", "tracer.*", "worker.id"];

/// How sure a name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Secret {
    /// Whatever its value is.
    Surely,
    /// `token` and nothing else known: in running text a value has to look like a credential as well.
    Likely,
}

/// The rules for names, in a form that is quick to apply.
#[derive(Clone, Debug)]
pub(super) struct KeyRules {
    mode: RedactMode,
    /// The user's additions, each as its words.
    added: Vec<Vec<Vec<u8>>>,
    allowed: Vec<Pattern>,
    /// `url.query` is nothing but a query.
    hide_query: bool,
}

/// A whole name in lower case, or its beginning.
#[derive(Clone, Debug)]
struct Pattern {
    text: String,
    is_prefix: bool,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase();
        match text.strip_suffix('*') {
            Some(prefix) => Self { text: prefix.to_owned(), is_prefix: true },
            None => Self { text, is_prefix: false },
        }
    }

    fn fits(&self, name: &str) -> bool {
        let begins = |part: &[u8]| part.eq_ignore_ascii_case(self.text.as_bytes());
        match name.as_bytes().get(..self.text.len()) {
            Some(part) => begins(part) && (self.is_prefix || part.len() == name.len()),
            None => false,
        }
    }
}

impl KeyRules {
    pub(super) fn new(config: &RedactConfig) -> Self {
        let added = config.keys.iter().map(|key| split(key)).filter(|words| !words.is_empty());
        let own = OWN.iter().filter(|_| config.mode == RedactMode::AllowList);
        let allowed = config.allow_keys.iter().map(String::as_str).chain(own.copied());
        Self {
            mode: config.mode,
            added: added.collect(),
            allowed: allowed.map(Pattern::new).collect(),
            hide_query: config.url_query == UrlQuery::All,
        }
    }

    /// Whether the value of an attribute of this name goes, whatever it is.
    pub(super) fn hides(&self, name: &str) -> bool {
        match self.mode {
            RedactMode::Off => false,
            RedactMode::AllowList => !self.is_allowed(name),
            RedactMode::Credentials => self.secret(name).is_some(),
        }
    }

    /// The same for a name inside a value: what stands under an allowed name is allowed too, but for credentials.
    pub(super) fn hides_inside(&self, name: &str) -> bool {
        self.mode != RedactMode::Off && self.secret(name).is_some()
    }

    /// Whether a name stands for a credential.
    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.decide(name, Verdict::secret)
    }

    /// The same for a parameter of a URL, where signatures count as well.
    pub(super) fn secret_parameter(&self, name: &str) -> Option<Secret> {
        self.decide(name, |verdict| verdict.secret().or(verdict.signs().then_some(Secret::Surely)))
    }

    fn decide(&self, name: &str, of: impl FnOnce(&Verdict) -> Option<Secret>) -> Option<Secret> {
        let is_added = self.is_added(name) || self.hide_query && name == "url.query";
        let secret = if is_added { Some(Secret::Surely) } else { of(&judge(name)) };
        secret.filter(|_| !self.is_allowed(name))
    }

    /// Whether names of the user's are secret besides those that [`words`] knows.
    #[inline(always)]
    pub(super) fn has_additions(&self) -> bool {
        !self.added.is_empty()
    }

    fn is_allowed(&self, name: &str) -> bool {
        self.allowed.iter().any(|pattern| pattern.fits(name))
    }

    fn is_added(&self, name: &str) -> bool {
        !self.added.is_empty() && {
            let words = split(name);
            self.added.iter().any(|added| words.windows(added.len()).any(|window| window == added))
        }
    }
}

fn split(name: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    for_each_word(name, |word| words.push(word.to_vec()));
    words
}

/// What the words of one name came to.
#[derive(Default)]
struct Verdict {
    strong: bool,
    /// A `token` whose next word is still to come, or was none that takes it back.
    token: bool,
    key: bool,
    count: usize,
    last: Meaning,
}

fn judge(name: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut before_is_token = false;
    for_each_word(name, |word| {
        let (this, before) = (meaning(word), verdict.last);
        verdict.strong |= this & words::STRONG != 0
            || this & words::PASS != 0 && before & words::BEFORE_PASS != 0
            || this & words::TOKENS != 0 && before & words::BEFORE_TOKENS != 0;
        verdict.key |= this & words::KEY != 0 && before & words::BEFORE_KEY != 0;
        if before_is_token && this & words::AFTER_TOKEN != 0 {
            verdict.token = false;
        }
        before_is_token = this & words::TOKEN != 0 && before & words::MEASURE == 0;
        verdict.token |= before_is_token;
        verdict.last = this;
        verdict.count += 1;
    });
    verdict
}

impl Verdict {
    fn secret(&self) -> Option<Secret> {
        let strong = self.strong || self.count == 1 && self.last & words::PASS != 0;
        let describes = self.last & words::DESCRIPTION != 0;
        let identifies = self.last & words::IDENTITY != 0;
        if strong && !describes || self.key && !describes && !identifies {
            Some(Secret::Surely)
        } else if self.token && !describes && !identifies {
            Some(if self.count == 1 { Secret::Likely } else { Secret::Surely })
        } else {
            None
        }
    }

    /// A signature, or the identity of the key that signed.
    fn signs(&self) -> bool {
        self.last & words::SIGNATURE != 0 || self.key && self.last & words::IDENTITY != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(change: impl FnOnce(&mut RedactConfig)) -> KeyRules {
        let mut config = RedactConfig::default();
        change(&mut config);
        KeyRules::new(&config)
    }

    #[test]
    fn credentials_are_known_by_their_names() {
        let rules = rules(|_| {});
        for name in [
            "authorization",
            "http.request.header.authorization",
            "http.request.header.proxy-authorization",
            "rpc.request.metadata.authorization",
            "http.request.header.cookie",
            "http.response.header.set-cookie",
            "http.response.header.set_cookie",
            "token",
            "access_token",
            "accessToken",
            "refresh_tokens",
            "github_token",
            "HF_TOKEN",
            "id_token",
            "idToken",
            "csrf-token",
            "x-amz-security-token",
            "session.token",
            "token.value",
            "bot_token_2",
            "secret",
            "client_secret",
            "clientSecret",
            "secret_id",
            "aws_secret_access_key",
            "password",
            "db.password",
            "dbPassword",
            "userpassword",
            "PGPASSWORD",
            "password_hash",
            "passwd",
            "pwd",
            "db_pass",
            "pass",
            "auth",
            "x-auth",
            "api-key",
            "api_key",
            "apiKey",
            "APIKey",
            "apikey",
            "x-api-key",
            "dd-api-key",
            "openai.api_key",
            "access_key",
            "private_key",
            "privateKey",
            "ssh.private.key",
            "Ocp-Apim-Subscription-Key",
            "signing_key",
            "credential",
            "gcp.credentials",
            "jwt",
            "authorization_header",
            "JSESSIONID",
        ] {
            assert!(rules.hides(name), "{name}");
        }
    }

    #[test]
    fn names_of_the_conventions_keep_their_values() {
        let rules = rules(|_| {});
        for name in [
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.details.reasoning_tokens",
            "gen_ai.usage.prompt_tokens",
            "gen_ai.request.max_tokens",
            "gen_ai.token.type",
            "gen_ai.client.token.usage",
            "gen_ai.server.time_to_first_token",
            "gen_ai.server.time_per_output_token",
            "gen_ai.prompt",
            "gen_ai.prompt.0.content",
            "gen_ai.input.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.call.arguments",
            "gen_ai.response.id",
            "gen_ai.conversation.id",
            "llm.token_count.prompt",
            "llm.token_count.completion",
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.total",
            "llm.usage.total_tokens",
            "llm.invocation_parameters",
            "prompt_token_ids",
            "response_token_ids",
            "token_type",
            "token_count",
            "token_ids",
            "max_tokens",
            "maxTokens",
            "tokens",
            "tokens_per_second",
            "tokenizer",
            "tokenizer.name",
            "stop_token",
            "eos_token_id",
            "next_page_token",
            "session.id",
            "session.previous_id",
            "user.id",
            "enduser.id",
            "user.hash",
            "client.address",
            "aws.s3.key",
            "aws.secretsmanager.secret.arn",
            "db.query.text",
            "feature_flag.key",
            "messaging.kafka.message.key",
            "messaging.rabbitmq.destination.routing_key",
            "idempotency_key",
            "primary_key",
            "public_key",
            "cache.key",
            "key",
            "keys",
            "monkey",
            "android.os.api_level",
            "access",
            "tls.client.hash.sha256",
            "tls.cipher",
            "secretary",
            "author",
            "authority",
            "server.address",
            "url.query",
            "url.full",
            "http.route",
            "password.length",
            "cookie_count",
            "api_key_id",
            "token_expires_in",
            "authorization_endpoint",
            "test.pass",
            "bypass",
            "compass",
            "auth.method",
            "code.function.signature",
        ] {
            assert!(!rules.hides(name), "{name}");
        }
    }

    #[test]
    fn the_user_adds_names_and_takes_them_back() {
        let rules = rules(|c| {
            c.keys = vec!["customer.email".to_owned(), "SSN".to_owned(), " ".to_owned()];
            c.allow_keys = vec!["session.token".to_owned(), "internal.*".to_owned()];
        });
        for (name, hidden) in [
            ("customer.email", true),
            ("app.customerEmail.primary", true),
            ("customer.phone.email", false),
            ("email", false),
            ("user_ssn", true),
            ("ssnap", false),
            ("Session.Token", false),
            ("session.token.x", true),
            ("internal.password", false),
            ("db.password", true),
        ] {
            assert_eq!(rules.hides(name), hidden, "{name}");
        }
    }

    #[test]
    fn a_list_keeps_only_what_it_names() {
        let rules = rules(|c| {
            c.mode = RedactMode::AllowList;
            c.allow_keys = vec!["http.route".to_owned(), "gen_ai.usage.*".to_owned()];
        });
        for (name, hidden) in [
            ("http.route", false),
            ("gen_ai.usage.input_tokens", false),
            ("gen_ai.prompt", true),
            ("user.id", true),
            ("service.name", false),
            ("worker.id", false),
        ] {
            assert_eq!(rules.hides(name), hidden, "{name}");
        }
        assert!(rules.hides_inside("password") && !rules.hides_inside("city"));
    }

    #[test]
    fn off_hides_nothing() {
        assert!(!rules(|c| c.mode = RedactMode::Off).hides("password"));
    }

    #[test]
    fn signatures_of_urls_are_secret_there_only() {
        let rules = rules(|_| {});
        for name in ["sig", "X-Amz-Signature", "X-Goog-Signature", "AWSAccessKeyId", "X-Amz-Credential"] {
            assert!(rules.secret_parameter(name).is_some(), "{name}");
        }
        assert!(rules.secret("sig").is_none() && rules.secret_parameter("signal").is_none());
    }
}
