//! Which traces a question is about, as far as their facts can say.

use std::sync::Arc;

use super::facts::Facts;
use super::view::{ReadError, Row};
use crate::api::TraceQuery;

/// A [`TraceQuery`], prepared for many traces.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    query: &'a TraceQuery,
    /// In lower case.
    q: Option<String>,
}

/// What the facts say to a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Yes,
    No,
    /// Only the names of the spans can say.
    AskNames,
}

impl<'a> Filter<'a> {
    pub(super) fn new(query: &'a TraceQuery) -> Self {
        Self { query, q: query.q.as_deref().filter(|q| !q.is_empty()).map(str::to_lowercase) }
    }

    pub(super) fn verdict(&self, row: &Row<'_>) -> Verdict {
        let (query, facts) = (self.query, row.facts);
        let has = |texts: &[Arc<str>], wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| texts.iter().any(|text| **text == **wanted))
        };
        let sure = has(&facts.services, &query.service)
            && has(facts.tags(), &query.tag)
            && query.project.as_ref().is_none_or(|project| facts.project() == project)
            && query.session_id.as_ref().is_none_or(|session| row.is_of_session(session))
            && query.kind.as_ref().is_none_or(|kind| facts.kinds.has(kind))
            && query.errors.is_none_or(|errors| errors == (facts.errors > 0))
            && query.reward.is_none_or(|reward| reward == facts.reward().is_some())
            && query.min_duration_nanos.is_none_or(|least| facts.duration() >= least)
            && query.max_duration_nanos.is_none_or(|most| facts.duration() <= most);
        if !sure {
            return Verdict::No;
        }
        let name = query.name.as_ref().is_none_or(|_| facts.names.iter().any(|name| self.is_name(name)));
        let q = self.q.as_ref().is_none_or(|q| {
            let text = |text: &Arc<str>| contains(text, q);
            facts.names.iter().any(text)
                || facts.services.iter().any(text)
                || row.id.to_string().starts_with(q.as_str())
        });
        match (name && q, facts.more_names) {
            (true, _) => Verdict::Yes,
            (false, true) => Verdict::AskNames,
            (false, false) => Verdict::No,
        }
    }

    /// The whole answer, when it needs the spans' names: `visit_names` calls with each of them.
    pub(super) fn by_names(
        &self,
        row: &Row<'_>,
        visit_names: impl FnOnce(&mut dyn FnMut(&str)) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        let mut name = self.query.name.is_none();
        let mut q = self.q.is_none();
        if let Some(wanted) = &self.q {
            q = row.id.to_string().starts_with(wanted.as_str())
                || row.facts.services.iter().any(|text| contains(text, wanted));
        }
        visit_names(&mut |text| {
            name |= self.is_name(text);
            q |= self.q.as_ref().is_some_and(|wanted| contains(text, wanted));
        })?;
        Ok(name && q)
    }

    fn is_name(&self, name: &str) -> bool {
        self.query.name.as_ref().is_none_or(|part| name.contains(part.as_str()))
    }
}

/// Whether a session's facts have `q`, which is in lower case.
pub(super) fn mentions(facts: &Facts, q: &str) -> bool {
    facts.names.iter().chain(&facts.services).any(|text| contains(text, q))
}

/// Whether `text` has `part`, which is in lower case, in whatever case.
pub(super) fn contains(text: &str, part: &str) -> bool {
    if part.is_ascii() && text.is_ascii() {
        return part.is_empty()
            || text
                .as_bytes()
                .windows(part.len())
                .any(|window| window.eq_ignore_ascii_case(part.as_bytes()));
    }
    text.to_lowercase().contains(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter() {
        for (text, part, expected) in [
            ("GET /Users", "get /u", true),
            ("get", "get ", false),
            ("ÄRGER", "ärg", true),
            ("ÄRGER x", "r x", true),
            ("", "", true),
            ("a", "", true),
        ] {
            assert_eq!(contains(text, part), expected, "{text} {part}");
        }
    }
}
