//! The code that takes the place of a traced function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, Path, Result, parse_quote};

use crate::arguments::{self, Argument};
use crate::function::Function;
use crate::options::{ErrorCapture, ErrorForm, Options, Parent};
use crate::return_type;
use crate::tokens::generated;

/// A function that runs in a span. `default_name` is its span's name unless the options have one.
pub(crate) fn function(function: &Function, options: &Options, default_name: &str) -> Result<TokenStream> {
    if options.ignore {
        return Ok(function.with_body(&function.body));
    }
    function.check()?;
    if let Some(err) = &options.err
        && function.returns_nothing()
    {
        return Err(Error::new(err.span, "`err` is for functions that return a `Result`"));
    }
    let mut signature = function.signature.clone();
    let arguments = arguments::take(&mut signature);
    let names: Vec<_> = arguments.iter().map(|argument| argument.name.clone()).collect();
    options.check_skipped(&names)?;
    let expansion = Expansion::new(function, options, &arguments, default_name);
    let inside = if function.is_async() {
        expansion.future()
    } else if function.tracks_caller() {
        // The arguments stay where they are, with their `mut`.
        return Ok(function.with_body(&expansion.inline()?));
    } else {
        expansion.closure()
    };
    let mut attributes = function.attributes.clone();
    // The body's block stands in a block of ours, under the arguments' names.
    attributes.push(parse_quote!(#[allow(unused_braces, clippy::shadow_same)]));
    Ok(Function { attributes, signature, ..function.clone() }.with_body(&inside))
}

struct Expansion<'a> {
    function: &'a Function,
    options: &'a Options,
    arguments: &'a [Argument],
    name: Expr,
    /// `::tracer_factory::__private`.
    private: Path,
    /// The variable that holds the scope or the manual span.
    span: Ident,
}

impl<'a> Expansion<'a> {
    fn new(
        function: &'a Function,
        options: &'a Options,
        arguments: &'a [Argument],
        default_name: &str,
    ) -> Self {
        let krate = options.krate.clone().unwrap_or_else(|| parse_quote!(::tracer_factory));
        Self {
            function,
            options,
            arguments,
            name: options.name.clone().unwrap_or_else(|| parse_quote!(#default_name)),
            private: parse_quote!(#krate::__private),
            span: Ident::new("span", Span::mixed_site()),
        }
    }

    /// A scope; the body in a closure, so that the text of a panic can be caught and early returns pass through.
    fn closure(&self) -> TokenStream {
        let Self { private, span, .. } = self;
        let open = self.open("scope");
        let record = self.record();
        let returns = return_type::of(&self.function.signature.output);
        let body = self.moved_body();
        let (result, check) = self.check_result(span);
        quote_spanned! {Span::mixed_site()=>
            let #span = #open;
            #record
            #private::run(#span, move || -> #returns #body, |#span, #result| #check)
        }
    }

    /// A scope around a body that stays where it is.
    fn inline(&self) -> Result<TokenStream> {
        if let Some(err) = &self.options.err {
            let message = "`err` does not go with `#[track_caller]`: seeing the result takes a closure, \
                           in which the caller's location is lost";
            return Err(Error::new(err.span, message));
        }
        let Self { span, function, .. } = self;
        let open = self.open("scope");
        let record = self.record();
        let body = &function.body;
        Ok(quote_spanned! {Span::mixed_site()=>
            let #span = #open;
            #record
            #body
        })
    }

    /// A manual span that is current whenever the body is polled.
    fn future(&self) -> TokenStream {
        let Self { private, span, .. } = self;
        let open = self.open("span");
        let record = self.record();
        let body = self.moved_body();
        // An async block cannot declare what it returns; a return that is never reached does.
        let returns = return_type::of(&self.function.signature.output);
        let is_told = !matches!(returns, syn::Type::Infer(_) | syn::Type::Never(_));
        let told = is_told.then(|| {
            quote_spanned! {generated(returns.span())=>
                #[allow(unreachable_code, clippy::all)]
                if false {
                    let returned: #returns = loop {};
                    return returned;
                }
            }
        });
        let future = quote_spanned!(Span::mixed_site()=> async move { #told #body });
        let future = if self.options.err.is_some() {
            let current = Ident::new("current", Span::mixed_site());
            let (result, check) = self.check_result(&current);
            quote_spanned! {Span::mixed_site()=>
                #private::on_output(#future, |#result| #private::Scope::with_current(|#current| #check))
            }
        } else {
            future
        };
        quote_spanned! {Span::mixed_site()=>
            #[allow(unused_mut)]
            let mut #span = #open;
            #record
            #private::TraceFuture::in_span(#future, #span).await
        }
    }

    /// Starts a `scope` or a `span`.
    fn open(&self, what: &str) -> TokenStream {
        let Self { private, name, options, .. } = self;
        let settings = quote_spanned!(Span::mixed_site()=> #private::SpanOptions::new(#name));
        let kind = options
            .kind
            .as_ref()
            .map(|kind| quote_spanned!(Span::mixed_site()=> .kind(#private::SpanKind::#kind)));
        let parent = Ident::new("parent", Span::mixed_site());
        let place = match &options.parent {
            None => None,
            Some(Parent::None) => Some(quote_spanned!(Span::mixed_site()=> .new_trace())),
            Some(Parent::Context(context)) => {
                let parent = Ident::new("parent", generated(context.span()));
                Some(quote_spanned!(Span::mixed_site()=> .parent_context(#parent)))
            }
        };
        let settings = quote_spanned!(Span::mixed_site()=> &#settings #kind #place);
        let open = match &options.tracer {
            None => {
                let open = Ident::new(what, Span::mixed_site());
                quote_spanned!(Span::mixed_site()=> #private::#open(#settings))
            }
            Some(tracer) => {
                let start = format_ident!("start_{what}", span = generated(tracer.span()));
                // `match`, so that what the expression borrows from lives as long as it is needed.
                quote_spanned! {Span::mixed_site()=>
                    match &(#tracer) {
                        tracer => {
                            #[allow(unused_imports)]
                            use #private::BaseTracer as _;
                            tracer.#start(#settings)
                        }
                    }
                }
            }
        };
        match &options.parent {
            Some(Parent::Context(context)) => {
                quote_spanned!(Span::mixed_site()=> match &(#context) { #parent => #open })
            }
            _ => open,
        }
    }

    fn is_recorded(&self, argument: &Argument) -> bool {
        let is_replaced = self.options.attributes.iter().any(|(key, _)| argument.name == key.value());
        !is_replaced && !self.options.skips(&argument.name)
    }

    /// Sets the attributes, unless the span is not recorded.
    fn record(&self) -> TokenStream {
        let Self { private, span, .. } = self;
        let recorded = self.arguments.iter().filter(|argument| self.is_recorded(argument));
        let arguments = recorded.map(|argument| argument.record(span, private));
        let attributes = self.options.attributes.iter().map(|(key, value)| {
            let set = Ident::new("set_attribute_with", generated(value.span()));
            quote_spanned!(Span::mixed_site()=> #span.#set(#key, || #value);)
        });
        let event_type = self.options.event_type.iter().map(|[event_type, kind]| {
            quote_spanned! {Span::mixed_site()=>
                #span.set_attribute("event_type", #event_type);
                #span.set_attribute("agentops.span.kind", #kind);
            }
        });
        quote!(#(#event_type)* #(#arguments)* #(#attributes)*)
    }

    /// The body and its arguments, as they are to be dropped.
    fn moved_body(&self) -> TokenStream {
        let block = self.function.block();
        let receiver = self.function.signature.receiver().map(|receiver| {
            let this = receiver.self_token;
            // All of it, not only the fields that the body mentions.
            quote_spanned!(Span::mixed_site()=> let _ = &#this;)
        });
        let arguments = self.arguments.iter().map(|argument| {
            let is_used = self.is_recorded(argument) || self.options.mention(&argument.name);
            argument.bind_again(is_used)
        });
        quote_spanned!(Span::mixed_site()=> { #receiver #(#arguments)* #block })
    }

    /// A name for the result, and what is done when it is an `Err`.
    fn check_result(&self, span: &Ident) -> (Ident, TokenStream) {
        let Some(ErrorCapture { span: at, by }) = &self.options.err else {
            return (Ident::new("_result", Span::mixed_site()), quote!({}));
        };
        let private = &self.private;
        let at = generated(*at);
        let result = Ident::new("result", at);
        let error = Ident::new("error", at);
        let record = match by {
            ErrorForm::Error => quote_spanned! {at=>
                use #private::RecordError as _;
                #error.record_error_in(#span);
            },
            ErrorForm::Debug => quote_spanned! {at=>
                if #span.is_recording() {
                    #span.record_error_message(&#private::debug(#error));
                }
            },
            ErrorForm::Display => quote_spanned! {at=>
                if #span.is_recording() {
                    #span.record_error_message(&::std::string::ToString::to_string(#error));
                }
            },
        };
        let check = quote_spanned! {at=>
            {
                if let ::core::result::Result::Err(#error) = #result {
                    #record
                }
            }
        };
        (result, check)
    }
}
