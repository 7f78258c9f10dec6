//! What of a span's contents is taken out before it is recorded.

/// Which values are taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RedactMode {
    /// Credentials and card numbers: by the attribute's name, and by what a text looks like.
    #[default]
    Credentials,
    /// Every value but those of the named attributes; in those, what looks like a credential.
    AllowList,
    /// None.
    Off,
}

/// What is kept of a URL's query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UrlQuery {
    /// All but the values of parameters whose names stand for credentials.
    #[default]
    Secrets,
    /// Nothing.
    All,
    /// Everything that does not look like a credential by itself.
    Keep,
}

/// What of a span's contents is taken out before it is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedactConfig {
    /// Which values are taken out.
    pub mode: RedactMode,
    /// More names whose values are secret; they are looked for word by word.
    pub keys: Vec<String>,
    /// Whole names whose values are kept, `*` at the end for any rest: exceptions, or in
    /// [`RedactMode::AllowList`] the list.
    pub allow_keys: Vec<String>,
    /// What is kept of a URL's query.
    pub url_query: UrlQuery,
}
