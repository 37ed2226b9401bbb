//! What somebody has at hand who adds a vendor: the commands of `vendor`, tried as that person
//! tries them.

mod by_hand;
mod explaining;
mod extending;
mod ordering;
mod own_words;
mod showing;
mod starting;
mod trying;

use std::fs;

use crate::support::program::Program;

/// A program whose own sheets are in `sheets`.
fn with_sheets(sheets: &[(&str, &str)]) -> Program {
    let program = Program::new();
    fs::create_dir(program.path("sheets")).unwrap();
    for (name, text) in sheets {
        program.write(&format!("sheets/{name}"), text);
    }
    let settings = fs::read_to_string(program.path("settings.toml")).unwrap();
    let settings = settings.replace("[vendors]\n", "[vendors]\ndir = \"sheets\"\n");
    program.write("settings.toml", &settings);
    program
}

/// The sheet that `vendor new` begins with.
fn begun(name: &str) -> String {
    Program::new().done(&["vendor", "new", name])
}
