//! Callbacks that wait for their order.

use super::{imported, text};
use crate::support::program::{ACCOUNT, until};

#[test]
fn parked_callbacks_are_listed_and_tried_again_one_or_all() {
    let (program, _sandbox, running) = imported();
    let shown = program.json(&["connection", "show", ACCOUNT, "main"]);
    let url = text(&shown, "callback_url").to_owned();
    let parked = |number: usize| {
        until("the callbacks are parked", || {
            let parked = program.json(&["callback", "list"]);
            (parked.as_array().unwrap().len() == number).then_some(parked)
        })
    };
    for number in ["1", "2"] {
        let body = format!("{{\"event\":\"e\",\"order\":{{\"id\":\"sbx_nobodys_{number}\"}}}}");
        running.call_back(&url, &program.callback_secret(), &body);
    }
    let found = parked(2);
    let id = text(&found[0], "id").to_owned();
    let told = program.done(&["callback", "retry", &id]);
    assert_eq!(told, "the serving process applies 1 callbacks again\n");
    parked(2);
    let told = program.done(&["callback", "retry", "--all"]);
    assert_eq!(told, "the serving process applies 2 callbacks again\n");
    parked(2);
    let audited = program.audited();
    let retried = audited.iter().filter(|(what, _)| what == "callback retry");
    assert_eq!(
        retried
            .map(|(_, target)| target.as_str())
            .collect::<Vec<_>>(),
        [&id, "all"]
    );
}
