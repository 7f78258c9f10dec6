//! What LLM agents do, as spans: sessions, kinds of work, model calls, rewards, messages, objects.
//!
//! Attribute names are those of OpenTelemetry's gen_ai conventions, of AgentOps and of agent-lightning, so that their
//! readers, the embedded trace server and its triplets understand what is recorded. Works over any `BaseTracer`; over
//! `noop` nothing is recorded and nothing is built.

mod annotation;
mod emit;
mod event_type;
mod message;
mod model_call;
mod model_request;
mod model_response;
pub mod names;
mod price;
mod session;

pub use annotation::{Annotation, AnnotationError};
pub use emit::AgentTracer;
pub use event_type::{EventType, UnknownEventType};
pub use message::{Message, Part};
pub use model_call::ModelCall;
pub use model_request::{ModelRequest, Operation};
pub use model_response::{ModelResponse, Usage};
pub use price::{Price, PriceError};
pub use session::{EndState, Session, SessionOptions};
