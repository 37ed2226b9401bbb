//! The `cleargate` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    cleargate::cli::main()
}
