//! Moves what hangs below the first branching span under the tightest span that encloses it in time.
//!
//! The order of comparisons is the package's: it decides ties, and which missing time Python trips over.

use super::tree::{NodeIndex, Tree};
use crate::error::Error;

pub(super) fn repair(tree: &mut Tree<'_>) -> Result<(), Error> {
    let mut top = tree.root;
    while let [only] = tree.node(top).children.as_slice() {
        top = *only;
    }
    let mut order = tree.preorder(top);
    for child in tree.node(top).children.clone() {
        if tree.node(top).children.len() == 1 {
            break;
        }
        let Some(parent) = tightest(tree, top, child, &order)? else { continue };
        tree.node_mut(top).children.retain(|other| *other != child);
        tree.node_mut(parent).children.push(child);
        // Below its own descendant a span is out of reach from here on, as it is in the package.
        order = tree.preorder(top);
    }
    Ok(())
}

fn tightest(
    tree: &Tree<'_>,
    top: NodeIndex,
    child: NodeIndex,
    order: &[NodeIndex],
) -> Result<Option<NodeIndex>, Error> {
    let inner = tree.node(child);
    let missing = |node, which| Error::MissingTime { span: tree.span(node), which };
    let (mut closest, mut slack) = (None, f64::INFINITY);
    for &index in order {
        let outer = tree.node(index);
        if index == top || outer.id == inner.id {
            continue;
        }
        let outer_start = outer.start.ok_or_else(|| missing(index, "start"))?;
        let inner_start = inner.start.ok_or_else(|| missing(child, "start"))?;
        // Not the same as `>`: neither holds for a time that is no number.
        let starts_before = outer_start <= inner_start;
        if !starts_before {
            continue;
        }
        let outer_end = outer.end.ok_or_else(|| missing(index, "end"))?;
        let inner_end = inner.end.ok_or_else(|| missing(child, "end"))?;
        if outer_end >= inner_end {
            let difference = outer_end - inner_end + inner_start - outer_start;
            if difference > 0.0 && difference < slack {
                (closest, slack) = (Some(index), difference);
            }
        }
    }
    Ok(closest)
}
