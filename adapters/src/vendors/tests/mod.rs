//! Shipped sheets load, and each vendor's traps are played between its sheet and its fake.

mod accio;
mod accurate;
mod certn;
mod checkr;
mod ibr;
mod no_false_pass;
mod pair;
mod persona;
mod sterling;
mod tazworks;
mod tazworks_xml;
mod yardstik;

use super::{SHEETS, shipped};
use crate::sheet;

#[test]
fn only_where_a_look_up_goes_by_person_do_orders_for_one_person_wait_for_each_other() {
    let by_person = shipped().into_iter().filter(|one| one.finds_by_person);
    let names: Vec<_> = by_person.map(|one| one.name.clone()).collect();
    assert_eq!(names, ["sterling", "certn"]);
}

#[test]
fn every_shipped_sheet_loads_and_is_called_like_its_file() {
    for (file, text) in SHEETS {
        let vendor = sheet::load(file, text).unwrap_or_else(|mistakes| {
            let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"));
        });
        assert_eq!(format!("{}.toml", vendor.name), *file);
        let failures = crate::sample::failures(&vendor);
        assert!(failures.is_empty(), "{file}: {failures:?}");
    }
    assert_eq!(shipped().len(), SHEETS.len());
}
