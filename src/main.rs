//! The `cleargate` program.

fn main() {}
