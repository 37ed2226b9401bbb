//! The `cleargate` program.

use std::process::ExitCode;

/// A request allocates a few dozen times; the C library's allocator made that a tenth of its cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cleargate::cli::main()
}
