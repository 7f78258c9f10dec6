//! The `#[traced]` attribute of `tracer-factory`, which re-exports it; depend on that crate, not on this one.

mod arguments;
mod attribute;
mod expand;
mod function;
mod impl_block;
mod item;
mod option_syntax;
mod options;
mod return_type;
mod tokens;

use proc_macro::TokenStream;

/// Runs a function, or every method of an `impl` block, in a span of its own.
///
/// ```
/// use tracer_factory::traced;
///
/// # struct Token;
/// #[traced(kind = "client", skip(token), attributes(peer.service = "billing"), err)]
/// async fn charge(account: &str, cents: u64, token: &Token) -> Result<u64, std::num::ParseIntError> {
///     # let _ = (cents, token);
///     account.parse()
/// }
///
/// struct Ledger {
///     entries: Vec<u64>,
/// }
///
/// #[traced(err)]
/// impl Ledger {
///     /// Runs in the span `Ledger::open`.
///     fn open(path: &str) -> std::io::Result<Self> {
///         Ok(Self { entries: std::fs::read(path)?.into_iter().map(u64::from).collect() })
///     }
///
///     #[traced(name = "append", kind = "server", skip_all, attributes(added = entries.len()))]
///     fn append(&mut self, entries: &[u64]) {
///         self.entries.extend(entries);
///     }
///
///     #[traced(ignore)]
///     const fn len(&self) -> usize {
///         self.entries.len()
///     }
/// }
/// ```
///
/// # Options
///
/// | option | does |
/// |---|---|
/// | `name = "…"` | the span's name; otherwise the function's, or `Type::method` in a traced `impl` block. A constant will do too. On a block it takes the place of `Type` |
/// | `kind = "…"` | `internal` (the default), `server`, `client`, `producer` or `consumer` |
/// | `event_type = "…"` | what an agent does: `session`, `agent`, `task`, `operation`, `workflow`, `tool`, `model`, `chain` or `guardrail`; recorded as `event_type` and `agentops.span.kind` |
/// | `attributes(key = expr, …)` | more attributes. Keys are `word`, `dotted.words` or `"any text"`; values are what `AttrValue` can be made from, and may use the arguments |
/// | `skip(arg, …)`, `skip_all` | arguments that are not recorded |
/// | `err` | an `Err` is recorded by `record_error`. It needs a `std::error::Error`, or what leads to one as `Box<dyn Error>` and `anyhow::Error` do |
/// | `err(Display)`, `err(Debug)` | the same for any other error, as text |
/// | `tracer = expr` | the tracer, or anything that leads to one, such as `self.tracer`; otherwise that of the innermost scope on the thread, then the current one |
/// | `parent = expr` | a `Context`, or a reference to one, to be a part of; otherwise what is current |
/// | `new_trace` | begins a trace of its own |
/// | `crate = "path"` | where `tracer-factory` is, when it is not `::tracer_factory` |
/// | `ignore` | leaves the function as it is: for methods in a traced block |
///
/// The options on a method of a traced block come before those of the block. A block's `err` concerns the methods whose
/// return type is called `Result`, and its `skip` those that have such an argument.
///
/// # Arguments
///
/// **Every argument except `self` is recorded, unless it is skipped: skip what is secret or large.** Numbers, truth
/// values and text keep their type, everything else is shown by its `Debug`; an argument without `Debug` has to be
/// skipped. An attribute with an argument's name takes its place. Neither arguments nor attributes are evaluated when
/// the span is not recorded.
///
/// # What changes in the function
///
/// Nothing that its callers see: signature, result, order of drops, early returns and panics stay. A panic makes the
/// span an error with the panic's text, and goes on. (Under `#[track_caller]` without the text: reading it would take a
/// closure, in which callers' locations are lost.)
///
/// The span of an `async fn` lasts from its first poll until it returns or is dropped, and is current only while it is
/// polled. Its future is `Send` if it was before.
///
/// # Where it cannot go
///
/// On `const fn`, on functions without a body, and below `#[async_trait]` (put it above): these are errors. A function
/// that is not `async` and returns a future is traced only until it has made that future.
#[proc_macro_attribute]
pub fn traced(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::traced(options.into(), item.into()).into()
}
