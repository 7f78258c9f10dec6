//! How the options are written.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, LitStr, Result, Token, parenthesized, token};

use crate::options::{ErrorCapture, ErrorForm, Options, Parent};

const KNOWN: &str = "`name`, `kind`, `event_type`, `attributes`, `skip`, `skip_all`, `err`, `tracer`, `parent`, `new_trace`, `crate`, `ignore`";

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            if input.peek(Lit) {
                return Err(input.error("write `name = \"…\"` to name the span"));
            }
            let option = input.call(Ident::parse_any)?;
            if seen.contains(&option) {
                return Err(Error::new(option.span(), format!("`{option}` is given twice")));
            }
            options.parse_option(&option, input)?;
            seen.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn parse_option(&mut self, option: &Ident, input: ParseStream<'_>) -> Result<()> {
        match option.to_string().as_str() {
            "name" => self.name = Some(parse_name(input)?),
            "kind" => self.kind = Some(parse_kind(input)?),
            "event_type" => self.event_type = Some(parse_event_type(input)?),
            "attributes" => {
                let content;
                parenthesized!(content in input);
                let attributes = Punctuated::<Entry, Token![,]>::parse_terminated(&content)?;
                self.attributes = distinct(attributes)?;
            }
            "skip" => {
                let content;
                parenthesized!(content in input);
                let arguments = content.parse_terminated(Ident::parse_any, Token![,])?;
                self.skip = arguments.into_iter().collect();
            }
            "skip_all" => self.skip_all = true,
            "err" => self.err = Some(ErrorCapture { span: option.span(), by: parse_err(input)? }),
            "tracer" => self.tracer = Some(parse_value(input)?),
            "parent" => self.set_parent(option.span(), Parent::Context(Box::new(parse_value(input)?)))?,
            "new_trace" => self.set_parent(option.span(), Parent::None)?,
            "crate" => self.krate = Some(parse_value::<LitStr>(input)?.parse()?),
            "ignore" => self.ignore = true,
            _ => {
                let message = format!("`{option}` is not an option of `#[traced]`: there are {KNOWN}");
                return Err(Error::new(option.span(), message));
            }
        }
        Ok(())
    }

    fn set_parent(&mut self, span: Span, parent: Parent) -> Result<()> {
        if self.parent.is_some() {
            return Err(Error::new(span, "a span with a `parent` does not begin a `new_trace`: choose one"));
        }
        self.parent = Some(parent);
        Ok(())
    }
}

fn parse_value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn parse_name(input: ParseStream<'_>) -> Result<Expr> {
    let name: Expr = parse_value(input)?;
    match &name {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.value().is_empty() => {
            Err(Error::new(text.span(), "a span needs a name"))
        }
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => Ok(name),
        Expr::Lit(other) => Err(Error::new_spanned(other, "a span's name is text")),
        _ => Ok(name),
    }
}

fn parse_kind(input: ParseStream<'_>) -> Result<Ident> {
    let kind: LitStr = parse_value(input)?;
    let variant = match kind.value().as_str() {
        "internal" => "Internal",
        "server" => "Server",
        "client" => "Client",
        "producer" => "Producer",
        "consumer" => "Consumer",
        other => {
            let message = format!(
                "`{other}` is not a kind of span: there are `internal`, `server`, `client`, `producer`, `consumer`"
            );
            return Err(Error::new(kind.span(), message));
        }
    };
    Ok(Ident::new(variant, Span::mixed_site()))
}

/// The value of `event_type`, and in AgentOps' words that of `agentops.span.kind`.
fn parse_event_type(input: ParseStream<'_>) -> Result<[LitStr; 2]> {
    const KNOWN: [&str; 9] =
        ["session", "agent", "task", "operation", "workflow", "tool", "model", "chain", "guardrail"];
    let given: LitStr = parse_value(input)?;
    let word = given.value();
    if !KNOWN.contains(&word.as_str()) {
        let known = KNOWN.map(|known| format!("`{known}`")).join(", ");
        return Err(Error::new(given.span(), format!("`{word}` is not an event type: there are {known}")));
    }
    let kind = if word == "model" { "llm" } else { &word };
    Ok([given.clone(), LitStr::new(kind, given.span())])
}

fn parse_err(input: ParseStream<'_>) -> Result<ErrorForm> {
    if !input.peek(token::Paren) {
        return Ok(ErrorForm::Error);
    }
    let content;
    parenthesized!(content in input);
    let form: Ident = content.parse()?;
    if !content.is_empty() {
        return Err(content.error("expected `)`"));
    }
    match form.to_string().as_str() {
        "Debug" => Ok(ErrorForm::Debug),
        "Display" => Ok(ErrorForm::Display),
        _ => Err(Error::new(form.span(), "expected `Debug` or `Display`")),
    }
}

/// `key = value`.
struct Entry {
    key: LitStr,
    value: Expr,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = if input.peek(LitStr) { input.parse()? } else { parse_dotted(input)? };
        if key.value().is_empty() {
            return Err(Error::new(key.span(), "an attribute needs a name"));
        }
        Ok(Self { key, value: parse_value(input)? })
    }
}

fn parse_dotted(input: ParseStream<'_>) -> Result<LitStr> {
    let first = input.call(Ident::parse_any)?;
    let mut key = first.unraw().to_string();
    while input.parse::<Option<Token![.]>>()?.is_some() {
        key.push('.');
        key.push_str(&input.call(Ident::parse_any)?.unraw().to_string());
    }
    Ok(LitStr::new(&key, first.span()))
}

fn distinct(entries: Punctuated<Entry, Token![,]>) -> Result<Vec<(LitStr, Expr)>> {
    let mut attributes: Vec<(LitStr, Expr)> = Vec::new();
    for Entry { key, value } in entries {
        if attributes.iter().any(|(known, _)| known.value() == key.value()) {
            return Err(Error::new(key.span(), format!("the attribute `{}` is given twice", key.value())));
        }
        attributes.push((key, value));
    }
    Ok(attributes)
}
