//! Each law is silent about a sound vendor and speaks about one defect of it; every vendor that
//! ships obeys them all.

mod tiny;

use std::collections::BTreeSet;
use std::path::Path;

use super::{Fixtures, LAWS, check};
use crate::contract::Vendor;
use tiny::Defect;

fn broken_laws(vendor: &Vendor, fixtures: &Fixtures) -> BTreeSet<&'static str> {
    let violations = check(vendor, fixtures);
    violations.iter().map(|violation| violation.law).collect()
}

#[test]
fn a_sound_vendor_breaks_no_law() {
    let violations = check(&tiny::vendor(Defect::None), &tiny::fixtures());
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn each_defect_breaks_its_law_and_no_other() {
    let mut wrong = Vec::new();
    for (law, defect) in tiny::DEFECTS {
        let violations = check(&tiny::vendor(*defect), &tiny::fixtures());
        let laws: BTreeSet<_> = violations.iter().map(|violation| violation.law).collect();
        if laws != [*law].into() {
            wrong.push(format!("{defect:?}, not only {law}: {violations:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_law_has_a_defect_that_breaks_it() {
    let tried: BTreeSet<_> = tiny::DEFECTS.iter().map(|(law, _)| *law).collect();
    let laws: BTreeSet<_> = LAWS.iter().map(|law| law.name).collect();
    assert_eq!(tried, laws);
}

#[test]
fn fixtures_that_show_too_little_are_no_proof() {
    let vendor = tiny::vendor(Defect::None);
    for file in ["fetch.toml", "cancel.toml", "callbacks.toml", "place.toml"] {
        let files: Vec<_> = tiny::FIXTURES
            .iter()
            .copied()
            .filter(|(name, _)| *name != file)
            .collect();
        let fixtures = Fixtures::parse(&files).unwrap();
        let laws = broken_laws(&vendor, &fixtures);
        assert!(laws.contains("complete_fixtures"), "{file}: {laws:?}");
    }
}

#[test]
fn a_look_up_that_does_not_exist_settles_nothing() {
    let mut vendor = tiny::vendor(Defect::None);
    vendor.finds_ours = false;
    let laws = broken_laws(&vendor, &tiny::fixtures());
    assert_eq!(laws, ["complete_fixtures", "reference"].into());
}

#[test]
fn what_the_fixtures_allow_is_no_violation() {
    let with = |vendor_toml: &str| {
        let mut files = vec![("vendor.toml", vendor_toml)];
        files.extend(
            tiny::FIXTURES
                .iter()
                .filter(|(name, _)| *name != "vendor.toml"),
        );
        Fixtures::parse(&files).unwrap()
    };
    let plain = tiny::FIXTURES[0].1.to_owned();
    let query = with(&(plain.clone() + "personal_query = ['email']\n"));
    let laws = broken_laws(&tiny::vendor(Defect::PersonalQuery), &query);
    assert!(laws.is_empty(), "{laws:?}");
    let absent = with(&(plain + "absent_may_pass = ['partial']\n"));
    let laws = broken_laws(&tiny::vendor(Defect::MissingPartialPasses), &absent);
    assert!(laws.is_empty(), "{laws:?}");
}

#[test]
fn every_shipped_vendor_obeys_every_law() {
    let vendors = crate::shipped();
    // Vendors know nothing of each other, so each is tried on a thread of its own.
    let broken: Vec<String> = std::thread::scope(|scope| {
        let tried: Vec<_> = vendors
            .iter()
            .map(|vendor| scope.spawn(|| violations_of(vendor)))
            .collect();
        let found = tried.into_iter().map(|one| one.join().unwrap());
        found.flatten().collect()
    });
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

fn violations_of(vendor: &Vendor) -> Vec<String> {
    match shipped_fixtures(&vendor.name) {
        Ok(fixtures) => {
            let violations = check(vendor, &fixtures).into_iter();
            violations
                .map(|violation| format!("{}: {violation}", vendor.name))
                .collect()
        }
        Err(mistakes) => mistakes,
    }
}

#[test]
fn what_is_compiled_in_is_what_the_folders_hold() {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for vendor in crate::shipped() {
        let compiled = crate::vendors::fixtures(&vendor.name).expect("it ships");
        let compiled: BTreeSet<_> = compiled
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let folder = std::fs::read_dir(folders.join(&vendor.name)).unwrap();
        let files = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(compiled, files.collect(), "{}", vendor.name);
    }
}

#[test]
fn a_vendor_ships_once() {
    let mut names: Vec<_> = crate::shipped()
        .iter()
        .map(|one| one.name.clone())
        .collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_vendor_without_fixtures_does_not_ship() {
    assert!(shipped_fixtures("nobody").is_err());
}

fn shipped_fixtures(name: &str) -> Result<Fixtures, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    let lacking = |error| {
        vec![format!(
            "{name}: needs the folder {}: {error}",
            folder.display()
        )]
    };
    let mut files: Vec<(String, String)> = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(lacking)? {
        let path = entry.map_err(lacking)?.path();
        let text = std::fs::read_to_string(&path).map_err(lacking)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        files.push((file.into_owned(), text));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Fixtures::parse(&files).map_err(|mistakes| {
        mistakes
            .iter()
            .map(|text| format!("{name}/{text}"))
            .collect()
    })
}
