//! What the attribute was told, and what of it concerns a method when it was told to a whole block.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Error, Expr, LitStr, Path, Result};

/// The options of one `#[traced(…)]`.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<Expr>,
    /// A variant of `SpanKind`.
    pub(crate) kind: Option<Ident>,
    /// The values of `event_type` and `agentops.span.kind`.
    pub(crate) event_type: Option<[LitStr; 2]>,
    pub(crate) attributes: Vec<(LitStr, Expr)>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) skip_all: bool,
    pub(crate) err: Option<ErrorCapture>,
    pub(crate) tracer: Option<Expr>,
    pub(crate) parent: Option<Parent>,
    pub(crate) krate: Option<Path>,
    pub(crate) ignore: bool,
}

/// How an `Err` becomes part of the span.
#[derive(Clone)]
pub(crate) struct ErrorCapture {
    pub(crate) span: Span,
    pub(crate) by: ErrorForm,
}

/// What an error is read by.
#[derive(Clone, Copy)]
pub(crate) enum ErrorForm {
    Error,
    Debug,
    Display,
}

/// What the span is part of, when it is not what is current.
#[derive(Clone)]
pub(crate) enum Parent {
    Context(Box<Expr>),
    None,
}

impl Options {
    /// A block's options under those of one of its methods.
    pub(crate) fn or(self, block: &Options) -> Self {
        let block = block.clone();
        let mut attributes = block.attributes;
        attributes.retain(|(key, _)| self.attributes.iter().all(|(own, _)| own.value() != key.value()));
        attributes.extend(self.attributes);
        Self {
            name: self.name,
            kind: self.kind.or(block.kind),
            event_type: self.event_type.or(block.event_type),
            attributes,
            skip: [self.skip, block.skip].concat(),
            skip_all: self.skip_all || block.skip_all,
            err: self.err.or(block.err),
            tracer: self.tracer.or(block.tracer),
            parent: self.parent.or(block.parent),
            krate: self.krate.or(block.krate),
            ignore: self.ignore || block.ignore,
        }
    }

    /// Refuses a skipped argument that does not exist.
    pub(crate) fn check_skipped(&self, arguments: &[Ident]) -> Result<()> {
        let unknown = self.skip.iter().filter(|skipped| *skipped != "self" && !arguments.contains(skipped));
        let errors = unknown.map(|skipped| {
            Error::new(skipped.span(), format!("there is no argument `{skipped}` that could be skipped"))
        });
        errors
            .reduce(|mut all, error| {
                all.combine(error);
                all
            })
            .map_or(Ok(()), Err)
    }

    /// Whether an expression among the options uses the argument.
    pub(crate) fn mention(&self, argument: &Ident) -> bool {
        let parent = match &self.parent {
            Some(Parent::Context(context)) => Some(&**context),
            _ => None,
        };
        let attributes = self.attributes.iter().map(|(_, value)| value);
        let expressions = self.name.iter().chain(&self.tracer).chain(parent).chain(attributes);
        expressions.into_iter().any(|expression| tokens_mention(expression.to_token_stream(), argument))
    }

    pub(crate) fn skips(&self, argument: &Ident) -> bool {
        self.skip_all || self.skip.contains(argument)
    }
}

fn tokens_mention(tokens: TokenStream, argument: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => tokens_mention(group.stream(), argument),
        TokenTree::Ident(ident) => ident == *argument,
        // As in `format!("{argument}")`.
        TokenTree::Literal(literal) => literal.to_string().contains(&format!("{{{argument}")),
        TokenTree::Punct(_) => false,
    })
}
