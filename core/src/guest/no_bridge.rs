//! The bridge without OpenTelemetry: nothing is ever installed.

use crate::context::Context;
use crate::ids::{SpanContext, SpanId};
use crate::recorder::{FrameContext, Parent, SlotRef};

pub(crate) const fn current_context(_native: Option<SpanId>) -> Option<SpanContext> {
    None
}

pub(crate) const fn parent_for(_parent: &Parent<'_>) -> Option<Context> {
    None
}

pub(crate) const fn attach_slot(_slot: SlotRef) {}

pub(crate) const fn attach(_slot: SlotRef, _frame: &FrameContext) {}

pub(crate) const fn detach(_slot: SlotRef) {}
