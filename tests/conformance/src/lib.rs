//! What every tracer must do, whatever its backend: a suite of functions over `&dyn BaseTracer`.
//!
//! A backend's own tests call [`conformance_tests!`] once, which makes a `#[test]` of every check:
//!
//! ```
//! use std::sync::Arc;
//! use tracer_factory_conformance::Capabilities;
//! use tracer_factory_core::capture::Capture;
//! use tracer_factory_core::config::TracerConfig;
//! use tracer_factory_core::tracer::BaseTracer;
//!
//! fn tracer() -> (Arc<dyn BaseTracer>, Capabilities) {
//!     let (tracer, _spans) = Capture::with_config(&TracerConfig::default()).expect("a tracer");
//!     (tracer, Capabilities::RECORDING)
//! }
//!
//! tracer_factory_conformance::conformance_tests!(tracer());
//!
//! // Or all of them from one function, or one of them by its name:
//! tracer_factory_conformance::run_all(tracer);
//! ```
//!
//! The tracer is to be one whose receiver is healthy. Each check gets a new one and tears it down; a tracer that does
//! not conform makes it panic with what was expected.

pub mod behaviour;
pub mod content;
pub mod current;
pub mod delivery;
pub mod futures;
pub mod hostile;
pub mod last_trace;
pub mod nesting;
pub mod propagation;
mod subject;
pub mod threads;
pub mod verbs;

use std::sync::Arc;

use tracer_factory_core::report::Report;
use tracer_factory_core::tracer::BaseTracer;

pub use subject::{Capabilities, PATIENCE, Subject};

/// One check of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The function's name.
    pub name: &'static str,
    /// The function. It panics when the tracer does not conform.
    pub run: fn(&Subject<'_>),
    /// What is to become of its spans.
    pub volume: Volume,
}

/// How much a check records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// So little that all of it must be delivered, but for what ends after teardown.
    Small,
    /// So much, or so large, that a part may be given up if it is counted.
    Large,
}

/// The list of checks, the function that returns it and the macro that makes tests of it.
macro_rules! checks {
    ($d:tt $($module:ident { $($name:ident $volume:ident,)* })*) => {
        /// Every check.
        pub const fn all() -> &'static [Check] {
            &[$($(Check { name: stringify!($name), run: $module::$name, volume: Volume::$volume },)*)*]
        }

        /// Makes a `#[test]` of every check. Takes an expression that makes a new tracer each time it is evaluated,
        /// as `(Arc<dyn BaseTracer>, Capabilities)`; or, after `run:`, a function that is called with the check's name
        /// and calls [`run`] itself, to look at what has arrived afterwards.
        #[macro_export]
        macro_rules! conformance_tests {
            (run: $d run:expr) => {$($(
                #[test]
                fn $name() {
                    $d run(stringify!($name));
                }
            )*)*};
            ($d subject:expr) => {$($(
                #[test]
                fn $name() {
                    let (tracer, capabilities) = $d subject;
                    $crate::run(stringify!($name), &*tracer, capabilities);
                }
            )*)*};
        }
    };
}

checks! { $
    verbs {
        verbs_can_be_repeated Small,
        verbs_work_from_every_thread Small,
        it_says_what_it_is Small,
        use_after_teardown_is_harmless Small,
        scopes_that_outlive_teardown_are_counted Small,
    }
    nesting {
        scopes_nest Small,
        a_new_trace_has_no_parent Small,
        a_given_parent_wins_over_the_current_one Small,
        an_early_return_ends_the_scope Small,
        a_panic_ends_the_scope_as_an_error Small,
        scopes_close_in_any_order Small,
        identifiers_never_repeat Small,
        ten_thousand_deep Large,
    }
    current {
        nothing_is_current_outside_scopes Small,
        the_innermost_scope_is_current Small,
        a_context_can_be_made_current Small,
        what_is_current_can_be_hidden Small,
        guards_may_be_dropped_in_any_order Small,
    }
    content {
        attributes_of_every_type Small,
        the_tracer_s_verbs_reach_the_innermost_scope Small,
        events_and_links Small,
        a_status_follows_its_rules Small,
        errors_are_recorded_with_their_causes Small,
        lazy_values_cost_nothing_unless_recorded Small,
        names_kinds_and_times Small,
        an_open_span_shows_itself_as_json Small,
        callbacks_become_spans Small,
    }
    futures {
        a_future_keeps_its_span_between_polls Small,
        interleaved_futures_do_not_mix Small,
        a_future_moves_between_threads Small,
        a_cancelled_future_ends_its_span Small,
        a_future_s_panic_goes_on Small,
    }
    threads {
        a_context_crosses_threads Small,
        a_manual_span_crosses_threads Small,
        threads_do_not_share_what_is_current Small,
        many_threads_lose_nothing Small,
    }
    propagation {
        what_is_injected_can_be_extracted Small,
        a_remote_parent_is_continued Small,
        an_unsampled_parent_is_passed_on Small,
        nothing_current_injects_nothing Small,
        a_context_can_be_generated Small,
        hostile_headers_are_passed_over Small,
        hostile_baggage_breaks_nothing Small,
    }
    last_trace {
        finish_returns_exactly_its_trace Small,
        the_last_trace_is_the_newest_root Small,
        the_last_trace_is_the_worker_s Small,
        a_remote_parent_does_not_hide_the_root Small,
    }
    hostile {
        ten_thousand_attributes Large,
        ten_thousand_events_and_links Large,
        values_of_ten_megabytes Large,
        names_of_any_kind Small,
        numbers_of_any_kind Small,
        times_of_any_kind Small,
        deep_values Small,
        code_that_traces_while_it_is_traced Small,
    }
    behaviour {
        a_program_behaves_the_same Small,
        results_and_panics_pass_through Small,
    }
    delivery {
        every_span_is_counted_once Small,
        every_snapshot_adds_up Large,
        a_flush_keeps_to_any_deadline Small,
    }
}

/// The check of that name.
///
/// # Panics
/// When there is none.
pub fn check(name: &str) -> &'static Check {
    let found = all().iter().find(|check| check.name == name);
    found.unwrap_or_else(|| panic!("there is no check {name}"))
}

/// Runs one check on a new tracer, tears the tracer down, and returns its last report.
///
/// # Panics
/// When the tracer does not conform, or the check does not exist.
pub fn run(name: &str, tracer: &dyn BaseTracer, capabilities: Capabilities) -> Report {
    let (check, subject) = (check(name), Subject { tracer, capabilities });
    (check.run)(&subject);
    subject.settle(check.volume)
}

/// Runs every check, each on a tracer that `make` makes for it.
///
/// # Panics
/// When a tracer does not conform.
pub fn run_all(mut make: impl FnMut() -> (Arc<dyn BaseTracer>, Capabilities)) {
    for check in all() {
        let (tracer, capabilities) = make();
        run(check.name, &*tracer, capabilities);
    }
}
