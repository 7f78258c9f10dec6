//! What the attribute stands on: a function or an `impl` block.

use syn::parse::{Parse, ParseStream};
use syn::{Attribute, ItemImpl, Result, Token, Visibility};

use crate::function::Function;

/// What can be traced.
pub(crate) enum Item {
    Function(Box<Function>),
    ImplBlock(Box<ItemImpl>),
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        if begins_impl(input)? {
            let mut block: ItemImpl = input.parse()?;
            block.attrs.splice(0..0, attributes);
            return Ok(Item::ImplBlock(Box::new(block)));
        }
        let ahead = input.fork();
        ahead.parse::<Visibility>()?;
        ahead.parse::<Option<Token![default]>>()?;
        let begins_function = ahead.peek(Token![fn])
            || ahead.peek(Token![async])
            || ahead.peek(Token![unsafe])
            || ahead.peek(Token![extern])
            || ahead.peek(Token![const]);
        if !begins_function {
            return Err(ahead.error("`#[traced]` goes on functions and `impl` blocks"));
        }
        Ok(Item::Function(Box::new(Function::parse(attributes, input)?)))
    }
}

fn begins_impl(input: ParseStream<'_>) -> Result<bool> {
    let ahead = input.fork();
    ahead.parse::<Option<Token![default]>>()?;
    ahead.parse::<Option<Token![unsafe]>>()?;
    Ok(ahead.peek(Token![impl]))
}
