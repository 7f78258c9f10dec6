//! A function to be traced. Its body stays unparsed: what it says is the compiler's business.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::ParseStream;
use syn::{
    AttrStyle, Attribute, Error, ImplItemFn, Result, ReturnType, Signature, Token, Visibility, braced, token,
};

/// A free function or a method.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) default: Option<Token![default]>,
    pub(crate) signature: Signature,
    /// `#![…]` at the beginning of the body.
    pub(crate) inner_attributes: Vec<Attribute>,
    pub(crate) brace: token::Brace,
    /// What stands between the braces.
    pub(crate) body: TokenStream,
}

impl Function {
    pub(crate) fn parse(attributes: Vec<Attribute>, input: ParseStream<'_>) -> Result<Self> {
        let visibility = input.parse()?;
        let default = input.parse()?;
        let signature: Signature = input.parse()?;
        if input.peek(Token![;]) {
            let message = "there is no body to trace: put `#[traced]` on the implementation";
            return Err(Error::new_spanned(signature, message));
        }
        let content;
        let brace = braced!(content in input);
        let inner_attributes = content.call(Attribute::parse_inner)?;
        let body = content.parse()?;
        Ok(Self { attributes, visibility, default, signature, inner_attributes, brace, body })
    }

    /// Why it cannot be traced, if so.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(constness) = &self.signature.constness {
            let message = "a `const fn` cannot be traced, since it may run at compile time; \
                           in a traced `impl` block, leave it out with `#[traced(ignore)]`";
            return Err(Error::new_spanned(constness, message));
        }
        if let Some(variadic) = &self.signature.variadic {
            return Err(Error::new_spanned(variadic, "a variadic function cannot be traced"));
        }
        // What `#[async_trait]` leaves behind: the span would end before the future has begun.
        if self.signature.generics.lifetimes().any(|of| of.lifetime.ident == "async_trait") {
            let message =
                "put `#[traced]` on the block, above `#[async_trait]`, which leaves no `async fn` to trace";
            return Err(Error::new(self.signature.ident.span(), message));
        }
        Ok(())
    }

    pub(crate) fn is_async(&self) -> bool {
        self.signature.asyncness.is_some()
    }

    pub(crate) fn tracks_caller(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.path().is_ident("track_caller"))
    }

    pub(crate) fn returns_nothing(&self) -> bool {
        match &self.signature.output {
            ReturnType::Default => true,
            ReturnType::Type(_, of) => matches!(&**of, syn::Type::Tuple(tuple) if tuple.elems.is_empty()),
        }
    }

    /// The function around another body, which stands in the braces of the old one.
    pub(crate) fn with_body(&self, body: &TokenStream) -> TokenStream {
        let Self { attributes, visibility, default, signature, inner_attributes, brace, .. } = self;
        let mut tokens = TokenStream::new();
        for attribute in attributes {
            attribute.to_tokens(&mut tokens);
        }
        visibility.to_tokens(&mut tokens);
        default.to_tokens(&mut tokens);
        signature.to_tokens(&mut tokens);
        brace.surround(&mut tokens, |tokens| {
            for attribute in inner_attributes {
                attribute.to_tokens(tokens);
            }
            body.to_tokens(tokens);
        });
        tokens
    }

    /// The old body as a block.
    pub(crate) fn block(&self) -> TokenStream {
        let mut tokens = TokenStream::new();
        self.brace.surround(&mut tokens, |tokens| self.body.to_tokens(tokens));
        tokens
    }
}

impl From<ImplItemFn> for Function {
    fn from(method: ImplItemFn) -> Self {
        let is_inner = |attribute: &Attribute| matches!(attribute.style, AttrStyle::Inner(_));
        let (inner_attributes, attributes) = method.attrs.into_iter().partition(is_inner);
        let mut body = TokenStream::new();
        for statement in &method.block.stmts {
            statement.to_tokens(&mut body);
        }
        Self {
            attributes,
            visibility: method.vis,
            default: method.modifiers.defaultness,
            signature: method.sig,
            inner_attributes,
            brace: method.block.brace_token,
            body,
        }
    }
}
