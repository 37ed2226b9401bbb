//! The commands of the real program: what they print, what they change in a gateway that serves
//! beside them, and how they fail.

mod callbacks;
mod connections;
mod conventions;
mod deliveries;
mod offline;
mod orders;
mod serving;
mod tenants;

use serde_json::Value;

use crate::support::program::{ACCOUNT, Program, Running, Sandbox, until};

/// A program that serves, with a sandbox whose tenant was imported.
fn imported() -> (Program, Sandbox, Running) {
    let program = Program::new();
    let sandbox = program.sandbox();
    let running = program.serve();
    program.done(&["tenant", "import", "sandbox-import.toml"]);
    until("the tenant is known", || {
        let (status, _) = running.ask("GET", "/v1/packages", &program.api_secret(), None);
        (status == 200).then_some(())
    });
    (program, sandbox, running)
}

/// Places an order; its internal way of being named by commands.
fn place(
    (program, sandbox, running): &(Program, Sandbox, Running),
    id: &str,
    last_name: &str,
) -> String {
    let order = sandbox.order(id, last_name);
    let (status, body) = running.ask("POST", "/v1/orders", &program.api_secret(), Some(&order));
    assert_eq!(status, 201, "{body}");
    format!("{ACCOUNT}/{id}")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect("a text")
}
