//! Nothing: the measurement is `benches/ingest.rs`, a package of its own because it needs few of the others' dependencies.
