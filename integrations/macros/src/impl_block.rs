//! `impl` blocks: every method is traced, as `Type::method`.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, ImplItem, ImplItemFn, ItemImpl, Lit, Meta, Pat, Result, Type,
    parse2,
};

use crate::expand::function;
use crate::function::Function;
use crate::options::Options;
use crate::return_type;
use crate::tokens::with_error;

/// The block with its methods traced; on an error, the block without, so that the one error causes no others.
pub(crate) fn expand(mut block: ItemImpl, options: &Options) -> TokenStream {
    let mut first_error: Option<Error> = None;
    let mut fail = |error: Error| match &mut first_error {
        Some(first) => first.combine(error),
        none => *none = Some(error),
    };
    let prefix = prefix(&block.self_ty, options.name.as_ref()).unwrap_or_else(|error| {
        fail(error);
        String::new()
    });
    let mut traced = Vec::with_capacity(block.items.len());
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else {
            traced.push(item.clone());
            continue;
        };
        let expanded = take_options(method).and_then(|own| expand_method(method, own, options, &prefix));
        match expanded {
            Ok(tokens) => traced.push(ImplItem::Verbatim(tokens)),
            Err(error) => fail(error),
        }
    }
    if let Some(error) = first_error {
        return with_error(&error, &block.into_token_stream());
    }
    block.items = traced;
    block.into_token_stream()
}

fn expand_method(method: &ImplItemFn, own: Options, block: &Options, prefix: &str) -> Result<TokenStream> {
    let mut of_block = block.clone();
    if !return_type::is_called_result(&method.sig.output) {
        of_block.err = None;
    }
    let arguments = argument_names(method);
    of_block.skip.retain(|skipped| arguments.contains(skipped));
    let name = format!("{prefix}::{}", method.sig.ident.unraw());
    function(&Function::from(method.clone()), &own.or(&of_block), &name)
}

/// The options that the method has of its own. The attribute is taken away: its work is done here.
fn take_options(method: &mut ImplItemFn) -> Result<Options> {
    let is_ours =
        |attribute: &Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "traced");
    let (ours, others): (Vec<_>, Vec<_>) = std::mem::take(&mut method.attrs).into_iter().partition(is_ours);
    method.attrs = others;
    let mut ours = ours.into_iter();
    let Some(first) = ours.next() else { return Ok(Options::default()) };
    if let Some(second) = ours.next() {
        return Err(Error::new_spanned(second, "`#[traced]` is given twice"));
    }
    match first.meta {
        Meta::Path(_) => Ok(Options::default()),
        Meta::List(list) => parse2(list.tokens),
        Meta::NameValue(_) => Err(Error::new_spanned(first, "write `#[traced(…)]`")),
    }
}

/// What stands before `::method`.
fn prefix(self_type: &Type, name: Option<&Expr>) -> Result<String> {
    match name {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => return Ok(text.value()),
        Some(other) => {
            let message = "on an `impl` block the name is text, which takes the place of the type's";
            return Err(Error::new_spanned(other, message));
        }
        None => {}
    }
    let named = match self_type {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.unraw().to_string()),
        _ => None,
    };
    Ok(named.unwrap_or_else(|| self_type.to_token_stream().to_string().replace(' ', "")))
}

/// The names of arguments that are only a name; `skip` on a block concerns the methods that have such an argument.
fn argument_names(method: &ImplItemFn) -> Vec<Ident> {
    let names = method.sig.inputs.iter().filter_map(|argument| match argument {
        FnArg::Typed(argument) => match &*argument.pat {
            Pat::Ident(pattern) => Some(pattern.ident.clone()),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    names.collect()
}
