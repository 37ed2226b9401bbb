//! Sheets that extend others.

use crate::sheet::{Mistake, load, load_among};
use crate::vocabulary::Standing;

fn among(text: &str) -> Result<crate::Vendor, Vec<Mistake>> {
    load_among("child.toml", text, &|name| {
        let one = |base: &str| Some(format!("name = \"{name}\"\nextends = \"{base}\"\n"));
        match name {
            "left" => one("right"),
            "right" => one("left"),
            "back" => one("child"),
            "long" => one("sandbox"),
            _ => crate::vendors::sheet(name).map(str::to_owned),
        }
    })
}

fn first(text: &str) -> Mistake {
    among(text).expect_err("it is wrong").swap_remove(0)
}

#[test]
fn a_sheet_that_extends_another_is_that_one_with_changes() {
    let text = "name = \"child\"\ntitle = \"Child\"\nextends = \"long\"\n\
                [policy]\nlook_first = \"7s\"\n[read.order.statuses]\nlost = \"on_hold\"\n";
    let child = among(text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let base = load(
        "sandbox.toml",
        crate::vendors::sheet("sandbox").expect("it ships"),
    );
    let base = base.expect("it loads");
    assert_eq!(
        (child.name.as_str(), child.title.as_str()),
        ("child", "Child")
    );
    assert_eq!(child.policy.look_first.as_secs(), 7);
    assert_eq!(child.policy.look_at_most, base.policy.look_at_most);
    let read = |vendor: &crate::Vendor| {
        let fetch = vendor.fetch.clone().expect("it fetches");
        let op = crate::FetchOrder::Theirs(crate::vocabulary::TheirRef("1".into()));
        let reply = crate::Reply {
            status: 200,
            headers: Vec::new(),
            body: b"{\"id\": \"1\", \"status\": \"lost\"}".to_vec(),
        };
        let settings = std::collections::BTreeMap::new();
        let cx = crate::Context {
            settings: &settings,
            key: "",
            base_url: "",
        };
        match fetch.decode(&op, &crate::Memo::default(), &cx, &reply) {
            Ok(crate::Turn::Done(crate::Found::One(progress))) => progress.standing,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((read(&child), read(&base)), (Some(Standing::OnHold), None));
}

#[test]
fn families_that_go_in_circles_or_lead_nowhere_are_refused() {
    let extends = |base: &str| format!("title = \"C\"\nname = \"child\"\nextends = \"{base}\"\n");
    for circle in ["left", "back", "child"] {
        let told = first(&extends(circle));
        assert!(told.wrong.contains("extend each other"), "{circle}: {told}");
    }
    let told = first(&extends("nobody"));
    assert!(told.wrong.contains("there is no such sheet"), "{told}");
    assert_eq!((told.file.as_str(), told.line), ("child.toml", 3));
}

#[test]
fn a_mistake_names_the_file_of_the_family_in_which_it_stands() {
    let text = "name = \"child\"\nextends = \"bad\"\n[policy]\nlook_first = \"7 seconds\"\n";
    let sheet = crate::vendors::sheet("sandbox").expect("it ships");
    let bad = sheet
        .replace("retry", "rety")
        .replace("is = \"busy\"", "is = \"bussy\"");
    let told = load_among("child.toml", text, &|_| Some(bad.clone())).expect_err("it is wrong");
    let at: Vec<_> = told
        .iter()
        .map(|one| (one.file.as_str(), one.line))
        .collect();
    let line = bad
        .lines()
        .position(|line| line.contains("bussy"))
        .expect("it is there")
        + 1;
    assert_eq!(at, [("child.toml", 4), ("bad.toml", line)], "{told:?}");
}
