//! The attribute as a whole: its options and its item, parsed and handed on.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse2;

use crate::expand::function;
use crate::impl_block;
use crate::item::Item;
use crate::options::Options;
use crate::tokens::with_error;

/// The attribute's expansion. When it cannot be done, the item stays, so that the one error causes no others.
pub(crate) fn traced(options: TokenStream, item: TokenStream) -> TokenStream {
    let (options, parsed) = match (parse2::<Options>(options), parse2::<Item>(item.clone())) {
        (Ok(options), Ok(parsed)) => (options, parsed),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => return with_error(&error, &item),
        (Err(mut error), Err(second)) => {
            error.combine(second);
            return with_error(&error, &item);
        }
    };
    match parsed {
        Item::Function(traced) => {
            let name = traced.signature.ident.unraw().to_string();
            function(&traced, &options, &name).unwrap_or_else(|error| with_error(&error, &item))
        }
        Item::ImplBlock(block) => impl_block::expand(*block, &options),
    }
}
