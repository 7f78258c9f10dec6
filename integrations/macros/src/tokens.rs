//! Tokens of ours beside the user's: how they are marked, and how errors go with them.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Error;

/// The item as it was, and why it is not traced.
pub(crate) fn with_error(error: &Error, item: &TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #item)
}

/// Points at what the user wrote, yet is ours by its hygiene, its edition and the lints that apply.
pub(crate) fn generated(at: Span) -> Span {
    at.resolved_at(Span::mixed_site())
}
