//! Tests against real servers, all in `tests/`. `cargo xtask test` provisions the servers and runs
//! them; `cargo xtask test --hermetic` leaves them out.
