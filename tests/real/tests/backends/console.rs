//! The console's lines of JSON.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracer_factory::config::ConsoleFormat;
use tracer_factory::console::{ConsoleDestination, Style};
use tracer_factory::delivery::{Connected, Plan};
use tracer_factory::{RecordingTracer, TracerConfig, TracerType};
use tracer_factory_real_tests::projection::console::{of, shown};
use tracer_factory_real_tests::rich::record_with;

use crate::{assert_delivered, assert_shown};

/// In place of standard output.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_of_json() {
    let paper = Paper::default();
    let [gateway, model] = ["console-Gateway", "console-Model"].map(|service| {
        let out = paper.clone();
        let connect = move || {
            let style = Style::default();
            Ok(Connected::new(ConsoleDestination::new(out, "paper", ConsoleFormat::Json, style)))
        };
        let mut config = TracerConfig::new(TracerType::Console);
        config.service_name = service.to_owned();
        RecordingTracer::with_plans(&config, vec![Plan::new("console", "paper", connect)]).unwrap()
    });
    let sent = record_with([&gateway, &model], "console-Model", &[]).unwrap();
    assert_delivered(&sent);
    let printed = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert_shown(&of(&sent.spans()), &shown(&printed).unwrap(), "console");
}
