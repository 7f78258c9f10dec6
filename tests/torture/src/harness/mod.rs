//! What the bars share: workers and what they say, measurements, small disks, system calls, and verdicts.

mod bench;
mod disk;
mod finding;
mod law;
mod need;
mod process;
mod setup;
mod strace;
mod tests_elsewhere;
mod worker;

pub use bench::{Bench, Effort};
pub use disk::{SmallDisk, directory_bytes};
pub use finding::Finding;
pub use law::Law;
pub use need::Need;
pub use process::{Usage, Watch, cpu_time, usage};
pub use setup::{Protocol, Setup};
pub use strace::{Calls, Injection, Waits, strace_missing};
pub use tests_elsewhere::run_tests;
pub use worker::{Dead, Load, Worker};
