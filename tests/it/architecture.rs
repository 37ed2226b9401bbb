//! Imports point down. The tables here are the rules; the rest reads `src` and holds them against
//! it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every module of `src` and the modules it may use, from the top down. `http` and `background`
/// reach the outside world through `app` alone and are strangers to each other; what is below
/// them gets its section of the settings, never the whole; values and rules know no settings.
const MODULES: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    (
        "cli",
        &[
            "startup",
            "sandbox",
            "app",
            "store",
            "cache",
            "vendors",
            "egress",
            "telemetry",
            "config",
            "domain",
            "clock",
            "seal",
            "error",
        ],
    ),
    (
        "startup",
        &[
            "http",
            "background",
            "app",
            "store",
            "cache",
            "vendors",
            "egress",
            "telemetry",
            "config",
            "domain",
            "clock",
            "seal",
            "error",
        ],
    ),
    ("sandbox", &["clock"]),
    (
        "http",
        &["trace", "app", "config", "domain", "clock", "seal", "error"],
    ),
    (
        "background",
        &["trace", "app", "config", "domain", "clock", "seal", "error"],
    ),
    (
        "app",
        &[
            "trace", "vendors", "store", "cache", "egress", "config", "domain", "clock", "seal",
            "error",
        ],
    ),
    (
        "vendors",
        &[
            "trace", "store", "cache", "egress", "config", "domain", "clock", "seal", "error",
        ],
    ),
    ("store", &["config", "domain", "clock", "seal", "error"]),
    ("cache", &["config", "domain", "clock", "seal", "error"]),
    ("egress", &["config", "domain", "clock", "error"]),
    ("telemetry", &["config", "error"]),
    ("config", &["error"]),
    ("domain", &["clock", "error"]),
    ("seal", &["error"]),
    ("clock", &["error"]),
    ("trace", &["error"]),
    ("error", &[]),
];

/// Crates that belong to one part of the program, and the modules they may be named in.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("redis", &["cache"]),
    ("reqwest", &["vendors", "egress", "cli", "sandbox"]),
    ("axum", &["http", "startup", "cli", "sandbox"]),
    ("clap", &["cli", "main", "sandbox"]),
];

/// The one vendor the gateway may name: it is ours.
const OWN_VENDOR: &str = "sandbox";

/// A source file: its path under `src`, and its text.
struct Source {
    path: String,
    text: String,
}

#[test]
fn the_program_keeps_its_layers() {
    // Cargo runs tests in the package's folder. The folder it was compiled in may be another one,
    // where several clones share what was built.
    let sources = sources(Path::new("src"), "");
    assert!(!sources.is_empty(), "there is nothing under src");
    let complaints = complaints(&sources, &vendors(Path::new("adapters/sheets")));
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_rules_point_down() {
    for (position, (module, may_use)) in MODULES.iter().enumerate() {
        for used in *may_use {
            let below = MODULES[position..].iter().any(|(name, _)| name == used);
            assert!(below, "{module} may use {used}, which stands above it");
        }
    }
}

#[test]
fn an_import_that_points_up_is_told() {
    complains(
        "store/orders.rs",
        "use std::fmt;\nuse crate::app::Orders;",
        "src/store/orders.rs, line 2: `store` may not use `app`; \
         it may use config, domain, clock, seal, error",
    );
}

#[test]
fn strangers_do_not_meet() {
    complains(
        "http/mod.rs",
        "use crate::background::wake;",
        "`http` may not use `background`",
    );
    complains(
        "background/mod.rs",
        "use crate::http::ats;",
        "`background` may not use `http`",
    );
    complains(
        "http/ats.rs",
        "use crate::store::Store;",
        "`http` may not use `store`",
    );
}

#[test]
fn every_way_to_write_an_import_is_read() {
    let told = "`domain` may not use `store`";
    complains("domain.rs", "let x = crate::store::open();", told);
    complains("domain.rs", "use crate::{error::Error, store};", told);
    complains(
        "domain.rs",
        "use crate::{\n    error::{A, B},\n    store::{C},\n};",
        told,
    );
    complains("domain/order.rs", "use super::super::store::Store;", told);
    complains("domain/mod.rs", "pub(in crate::store) fn x() {}", told);
    complains(
        "main.rs",
        "cleargate::store::open();",
        "`main` may not use `store`",
    );
}

#[test]
fn what_points_down_or_aside_within_a_module_is_left_alone() {
    for (path, text) in [
        (
            "app/orders.rs",
            "use crate::store::Store;\nuse crate::app::catalog;",
        ),
        (
            "http/mod.rs",
            "use super::ats;\n// crate::store stays out of here.\nmod ats;",
        ),
        ("store/mod.rs", "use sqlx::Any; // crate::http"),
        ("config/mod.rs", "use config_reader::crate_store;"),
    ] {
        assert_eq!(complaints(&[source(path, text)], &[]), [""; 0], "{text}");
    }
}

#[test]
fn a_module_without_a_layer_is_told() {
    complains(
        "utils.rs",
        "",
        "`utils` has no layer: give it a line in tests/it/architecture.rs",
    );
}

#[test]
fn sql_and_clients_stay_where_they_belong() {
    complains(
        "app/orders.rs",
        "sqlx::query(\"\")",
        "`sqlx` belongs to store",
    );
    complains("http/ats.rs", "use sqlx as db;", "`sqlx` belongs to store");
    complains(
        "app/orders.rs",
        "use reqwest::Client;",
        "`reqwest` belongs to vendors, egress, cli, sandbox",
    );
}

#[test]
fn no_vendor_is_named() {
    let told = "names the vendor `checkr`: what is known about it belongs into `adapters`";
    complains("app/orders.rs", "if vendor == \"checkr\" {", told);
    complains("app/orders.rs", "fn place_at_checkr() {}", told);
    complains("vendors/mod.rs", "struct CheckrClient;", told);
    let comment = source(
        "app/mod.rs",
        "/// Such as checkr.\nuse crate::domain::checkroom;",
    );
    assert_eq!(complaints(&[comment], &["checkr".to_owned()]), [""; 0]);
}

fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[track_caller]
fn complains(path: &str, text: &str, told: &str) {
    let complaints = complaints(&[source(path, text)], &["checkr".to_owned()]);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(complaints[0].contains(told), "{}", complaints[0]);
}

/// Everything that is against the rules, in sentences.
fn complaints(sources: &[Source], vendors: &[String]) -> Vec<String> {
    let judged = sources.iter().map(|source| {
        let code = without_comments(&source.text);
        let mut complaints = wrong_imports(&source.path, &code);
        complaints.extend(wrong_words(&source.path, &code, vendors));
        complaints
    });
    judged.flatten().collect()
}

fn wrong_imports(path: &str, code: &str) -> Vec<String> {
    let module = module(path);
    let Some((_, may_use)) = MODULES.iter().find(|(name, _)| *name == module) else {
        let rule = "has no layer: give it a line in tests/it/architecture.rs";
        return vec![format!("src/{path}: `{module}` {rule}")];
    };
    let wrong = imports(path, code).into_iter().filter(|(_, used)| {
        let known = MODULES.iter().any(|(name, _)| name == used);
        known && used != module && !may_use.contains(&used.as_str())
    });
    wrong
        .map(|(line, used)| {
            let allowed = may_use.join(", ");
            format!(
                "src/{path}, line {line}: `{module}` may not use `{used}`; it may use {allowed}"
            )
        })
        .collect()
}

fn wrong_words(path: &str, code: &str, vendors: &[String]) -> Vec<String> {
    let module = module(path);
    let mut complaints = BTreeSet::new();
    for (number, line) in (1..).zip(code.lines()) {
        let place = format!("src/{path}, line {number}");
        for (name, homes) in CRATES.iter().filter(|(_, homes)| !homes.contains(&module)) {
            if names_crate(line, name) {
                complaints.insert(format!("{place}: `{name}` belongs to {}", homes.join(", ")));
            }
        }
        for vendor in vendors.iter().filter(|vendor| names_vendor(line, vendor)) {
            let rule = "what is known about it belongs into `adapters`";
            complaints.insert(format!("{place} names the vendor `{vendor}`: {rule}"));
        }
    }
    complaints.into_iter().collect()
}

/// The top-level modules that `code` names, each with its line, however the path is written.
fn imports(path: &str, code: &str) -> Vec<(usize, String)> {
    let root = if path == "main.rs" {
        "cleargate::"
    } else {
        "crate::"
    };
    let up = "super::".repeat(depth(path));
    let mut found = Vec::new();
    for start in [root, &up].into_iter().filter(|start| !start.is_empty()) {
        for (at, _) in code.match_indices(start) {
            if is_word(code[..at].chars().next_back()) || code[..at].ends_with("super::") {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let named = heads(&code[at + start.len()..]);
            found.extend(named.into_iter().map(|name| (line, name)));
        }
    }
    found
}

/// The first names of the paths in `rest`: `a` of `a::b`, `a` and `c` of `{a::{b}, c}`.
fn heads(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut depth = 1;
    let mut heads = vec![word(group.trim_start())];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => heads.push(word(group[at + 1..].trim_start())),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| is_word(Some(*c))).collect()
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// Whether `line` uses the crate `name`.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + name.len()..];
        let inner = is_word(before) || line[..at].ends_with("::");
        let imported = line[..at].trim_end().ends_with("use") && !is_word(after.chars().next());
        !inner && (after.starts_with("::") || imported)
    })
}

/// Whether `line` has the name of `vendor`, alone or as a part of an identifier in either case.
fn names_vendor(line: &str, vendor: &str) -> bool {
    let camel: String = vendor
        .split('_')
        .map(|part| part[..1].to_uppercase() + &part[1..])
        .collect();
    let named = |name: &str, ends: fn(Option<char>) -> bool| {
        line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + name.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && ends(after)
        })
    };
    named(vendor, |after| !after.is_some_and(char::is_alphanumeric))
        || named(&camel, |after| !after.is_some_and(char::is_lowercase))
}

/// Comments may speak of anything; lines keep their numbers.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| match line.trim_start() {
        comment if comment.starts_with("//") => "",
        _ => line.split(" // ").next().unwrap_or_default(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The top-level module a file belongs to.
fn module(path: &str) -> &str {
    let top = path.split('/').next().unwrap_or(path);
    top.trim_end_matches(".rs")
}

/// How many steps up from a file's module the crate's root is.
fn depth(path: &str) -> usize {
    let steps = path.split('/').count();
    match path {
        "main.rs" | "lib.rs" => 0,
        _ if path.ends_with("/mod.rs") => steps - 1,
        _ => steps,
    }
}

fn sources(folder: &Path, under: &str) -> Vec<Source> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            found.extend(sources(&path, &format!("{under}{name}/")));
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).expect("a source");
            found.push(Source {
                path: format!("{under}{name}"),
                text,
            });
        }
    }
    found
}

/// The vendors that there are sheets of.
fn vendors(sheets: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(sheets) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let sheets = paths.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let stems = sheets.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    stems.filter(|stem| stem != OWN_VENDOR).collect()
}
