//! What all commands have in common: exit codes, help, listings.

use super::imported;
use crate::support::program::Program;

#[test]
fn a_wrong_command_line_is_64_and_help_is_not_an_error() {
    let program = Program::new();
    program.fails(&["nope"], 64, "nope");
    program.fails(
        &["sandbox", "--vendor", "nope"],
        64,
        "one of sandbox, checkr",
    );
    program.fails(
        &["tenant", "rotate", "A", "--overlap", "5"],
        64,
        "needs a unit",
    );
    program.fails(
        &["order", "resolve", "ord_1", "--not-placed"],
        64,
        "--place-again",
    );
    assert!(program.done(&["--help"]).contains("serve"));
}

/// The commands at the ends of all paths, as the help tells them.
fn commands(program: &Program, path: &[String]) -> Vec<Vec<String>> {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = program.done(&arguments);
    let Some((_, below)) = help.split_once("\nCommands:\n") else {
        return vec![path.to_vec()];
    };
    let below = below.lines().take_while(|line| line.starts_with("  "));
    let names = below.filter(|line| !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    let paths = names.filter(|name| *name != "help").map(|name| {
        let name = name.to_owned();
        path.iter().cloned().chain([name]).collect::<Vec<_>>()
    });
    paths.flat_map(|path| commands(program, &path)).collect()
}

#[test]
fn every_listing_prints_a_list_of_json_and_every_help_fits_a_terminal() {
    let (program, _sandbox, _running) = imported();
    let commands = commands(&program, &[]);
    assert!(commands.len() > 20, "{commands:?}");
    let mut listings = 0;
    for path in commands {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let help = program.done(&[&path[..], &["--help"]].concat());
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{path:?}: {line}");
        }
        if matches!(path.last(), Some(&("list" | "waiting"))) {
            assert!(program.json(&path).is_array(), "{path:?}");
            let columns = program.done(&path);
            assert!(
                columns
                    .lines()
                    .next()
                    .is_some_and(|line| line == line.to_uppercase())
            );
            listings += 1;
        }
    }
    assert_eq!(listings, 6);
}
