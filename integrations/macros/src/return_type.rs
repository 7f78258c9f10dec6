//! The return type as the inside of the function is told it.

use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{ReturnType, Type, TypeInfer, TypeTuple, token};

use proc_macro2::Span;

/// The declared type, with `_` for each `impl Trait`, which cannot be written inside a body.
pub(crate) fn of(output: &ReturnType) -> Type {
    match output {
        ReturnType::Default => Type::Tuple(TypeTuple {
            attrs: Vec::new(),
            paren_token: token::Paren(Span::mixed_site()),
            elems: syn::punctuated::Punctuated::new(),
        }),
        ReturnType::Type(_, declared) => {
            let mut declared = Type::clone(declared);
            EraseImplTrait.visit_type_mut(&mut declared);
            declared
        }
    }
}

/// Whether it is called `Result`, whatever its path and arguments.
pub(crate) fn is_called_result(output: &ReturnType) -> bool {
    match output {
        ReturnType::Type(_, declared) => match &**declared {
            Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Result"),
            _ => false,
        },
        ReturnType::Default => false,
    }
}

struct EraseImplTrait;

impl VisitMut for EraseImplTrait {
    fn visit_type_mut(&mut self, part: &mut Type) {
        if let Type::ImplTrait(found) = part {
            *part = Type::Infer(TypeInfer {
                attrs: Vec::new(),
                underscore_token: token::Underscore(found.impl_token.span),
            });
            return;
        }
        visit_type_mut(self, part);
    }
}
