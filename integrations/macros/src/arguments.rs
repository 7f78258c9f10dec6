//! A function's arguments: how each is recorded, and how it moves into the closure or future that holds the body.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::visit_mut::{VisitMut, visit_pat_ident_mut};
use syn::{Attribute, FnArg, Pat, PatIdent, Path, Signature, Token, Type};

use crate::tokens::generated;

/// A name that an argument's pattern binds.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    mutability: Option<Token![mut]>,
    /// `#[cfg(…)]` on the argument: what mentions it needs them too.
    conditions: Vec<Attribute>,
    shown: Shown,
}

/// How an argument becomes an attribute.
#[derive(Clone, Copy)]
enum Shown {
    /// A number or a truth value behind so many references.
    Number(usize),
    /// Text behind so many references.
    Text(usize),
    Debug,
}

/// The names that arguments bind. They lose their `mut`, which goes to where they are bound again.
pub(crate) fn take(signature: &mut Signature) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for argument in &mut signature.inputs {
        let FnArg::Typed(argument) = argument else { continue };
        let shown = match &*argument.pat {
            Pat::Ident(PatIdent { by_ref: None, subpat: None, .. }) => Shown::by_type(&argument.ty),
            _ => Shown::Debug,
        };
        let conditions =
            argument.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
        let mut names = Names { found: &mut arguments, conditions, shown };
        names.visit_pat_mut(&mut argument.pat);
    }
    arguments
}

struct Names<'a> {
    found: &'a mut Vec<Argument>,
    conditions: Vec<Attribute>,
    shown: Shown,
}

impl VisitMut for Names<'_> {
    fn visit_pat_ident_mut(&mut self, pattern: &mut PatIdent) {
        // Each side of an or-pattern binds the same names.
        let is_known = self.found.iter().any(|known| known.name == pattern.ident);
        let mutability = if pattern.by_ref.is_none() { pattern.mutability.take() } else { None };
        if !is_known {
            self.found.push(Argument {
                name: pattern.ident.clone(),
                mutability,
                conditions: self.conditions.clone(),
                shown: self.shown,
            });
        }
        visit_pat_ident_mut(self, pattern);
    }
}

impl Shown {
    fn by_type(declared: &Type) -> Self {
        let mut references = 0;
        let mut declared = declared;
        while let Type::Reference(reference) = declared {
            references += 1;
            declared = &reference.elem;
        }
        let Type::Path(path) = declared else { return Shown::Debug };
        let Some(name) = path.path.get_ident().map(Ident::to_string) else { return Shown::Debug };
        match name.as_str() {
            "bool" | "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "f32"
            | "f64" => Shown::Number(references),
            "str" | "String" => Shown::Text(references),
            _ => Shown::Debug,
        }
    }
}

impl Argument {
    /// Sets the attribute of this name, unless the span is not recorded.
    pub(crate) fn record(&self, span: &Ident, private: &Path) -> TokenStream {
        let Self { name, conditions, .. } = self;
        let key = name.unraw().to_string();
        let stars = |references| std::iter::repeat_n(quote!(*), references);
        let here = generated(name.span());
        let value = match self.shown {
            Shown::Number(references) => {
                let stars = stars(references);
                quote_spanned!(here=> #(#stars)* #name)
            }
            Shown::Text(references) => {
                let stars = stars(references);
                quote_spanned!(here=> &#(#stars)* #name)
            }
            Shown::Debug => quote_spanned!(here=> #private::debug(&#name)),
        };
        quote_spanned!(here=> #(#conditions)* #span.set_attribute_with(#key, || #value);)
    }

    /// Binds it again where the body is, so that it is dropped in its turn: after what the body declares, the last
    /// argument first.
    pub(crate) fn bind_again(&self, is_used: bool) -> TokenStream {
        let Self { name, mutability, conditions, .. } = self;
        // Used already, even when the body does not mention it.
        let allow = is_used.then(|| quote!(#[allow(unused_variables)]));
        quote_spanned!(generated(name.span())=> #(#conditions)* #allow let #mutability #name = #name;)
    }
}
