//! The tracer that code finds without being handed one: of the environment, of the program, of a thread.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use tracer_factory_core::PerProcess;
use tracer_factory_core::config::TracerConfig;
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::manual::Span;
use tracer_factory_core::scope::Scope;
use tracer_factory_core::tracer::{BaseTracer, SpanOptions};
use tracer_factory_noop::NoOpTracer;

type AnyTracer = Arc<dyn BaseTracer>;

/// A tracer that others hold.
type Known = Option<Weak<dyn BaseTracer>>;

/// Weak, so that dropping the program's last handle ends the tracer and flushes it.
static FROM_ENV: PerProcess<Mutex<Known>> = PerProcess::new();
static GLOBAL: PerProcess<RwLock<Known>> = PerProcess::new();

thread_local! {
    static OF_THREAD: RefCell<Vec<AnyTracer>> = const { RefCell::new(Vec::new()) };
}

/// A child begins with its parent's tracer, unless another thread was just making or replacing that.
fn from_env() -> MutexGuard<'static, Known> {
    let own = FROM_ENV.get(|parents| {
        Mutex::new(parents.and_then(|parents| parents.try_lock().ok().and_then(|known| known.clone())))
    });
    own.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for the global one.
fn global_cell() -> &'static RwLock<Known> {
    GLOBAL.get(|parents| {
        RwLock::new(parents.and_then(|parents| parents.try_read().ok().and_then(|known| known.clone())))
    })
}

/// The tracer that the environment describes: the same one on every call, until it is torn down or its last handle is
/// dropped. It also becomes the [global](set_global_tracer) one when there is none.
///
/// # Errors
/// Names every variable that is wrong, what it got (never a secret) and what is allowed.
pub fn get_tracer_from_env() -> Result<AnyTracer, ConfigError> {
    let mut known = from_env();
    let alive = known.as_ref().and_then(Weak::upgrade).filter(|tracer| tracer.init().is_ok());
    if let Some(tracer) = alive {
        return Ok(tracer);
    }
    let tracer = crate::factory::create_from_process()?;
    *known = Some(Arc::downgrade(&tracer));
    drop(known);
    if global().is_none() {
        set_global_tracer(&tracer);
    }
    Ok(tracer)
}

/// Makes `tracer` the one that code without a handle uses, as long as somebody holds it.
pub fn set_global_tracer(tracer: &AnyTracer) {
    *global_cell().write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(tracer));
}

fn global() -> Option<AnyTracer> {
    let known = global_cell().read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
    // One that was torn down is as good as none, whoever still holds it.
    known.filter(|tracer| tracer.init().is_ok())
}

/// Makes `tracer` the one that code without a handle uses on this thread, until the guard is dropped: for tests.
pub fn use_tracer(tracer: &AnyTracer) -> DefaultTracer {
    OF_THREAD.with_borrow_mut(|tracers| tracers.push(Arc::clone(tracer)));
    DefaultTracer { _this_thread: std::marker::PhantomData }
}

/// Ends what [`use_tracer`] began. Stays on its thread.
#[must_use = "the tracer is the thread's only as long as the guard lives"]
#[derive(Debug)]
pub struct DefaultTracer {
    _this_thread: std::marker::PhantomData<*const ()>,
}

impl Drop for DefaultTracer {
    fn drop(&mut self) {
        // The tracer may flush as it goes; the thread's list must not be borrowed meanwhile.
        let tracer = OF_THREAD.try_with(|tracers| tracers.borrow_mut().pop());
        drop(tracer);
    }
}

/// The thread's tracer, else the global one, else one that does nothing.
pub fn current_tracer() -> AnyTracer {
    let of_thread = OF_THREAD.try_with(|tracers| tracers.borrow().last().cloned()).ok().flatten();
    of_thread.or_else(global).unwrap_or_else(nothing)
}

fn nothing() -> AnyTracer {
    static NOTHING: PerProcess<AnyTracer> = PerProcess::new();
    let made = NOTHING.get(|parents| match parents {
        Some(same) => Arc::clone(same),
        None => Arc::new(NoOpTracer::passing_on(&TracerConfig::default().propagators)),
    });
    Arc::clone(made)
}

/// Opens a scope of the tracer whose scope is innermost on this thread, else of the [current](current_tracer) one.
pub fn scope(options: &SpanOptions<'_>) -> Scope {
    Scope::beside_current(options).unwrap_or_else(|| current_tracer().start_scope(options))
}

/// Starts a manual span of the tracer whose scope is innermost on this thread, else of the [current](current_tracer) one.
pub fn span(options: &SpanOptions<'_>) -> Span {
    Span::beside_current(options).unwrap_or_else(|| current_tracer().start_span(options))
}
