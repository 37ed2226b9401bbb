//! Families: a sheet that says `extends = "NAME"` is another sheet with changes.
//!
//! Tables are joined, so that one word or one setting may be changed; anything else, a list of
//! steps for instance, takes the place of the base's.

use super::source::{self, Mistakes, Raw, Spot};

/// How long a chain of sheets may be: a family that is larger cannot be read any more.
const LONGEST: usize = 4;

/// The tree of a sheet together with those it extends; `None` where one of them cannot be had.
pub(super) fn parse(
    text: &str,
    sheet_of: &dyn Fn(&str) -> Option<String>,
    mistakes: &Mistakes,
) -> Option<Spot> {
    let mut tree = source::parse(text, 0, mistakes);
    let mut chain: Vec<String> = own_name(&tree).into_iter().collect();
    let mut link = take_extends(&mut tree);
    while let Some((base, line)) = link.take() {
        let wrong = if chain.contains(&base) || chain.len() > LONGEST {
            chain.push(base);
            let wrong = format!("sheets extend each other: {}", chain.join(", "));
            Some((wrong, "a sheet extends one that does not lead back to it"))
        } else {
            match sheet_of(&base) {
                None => {
                    let wrong = format!("`extends` names `{base}`, and there is no such sheet");
                    Some((wrong, "name a vendor that has one"))
                }
                Some(text) => {
                    let first = mistakes.another_file(&format!("{base}.toml"), &text);
                    let mut below = source::parse(&text, first, mistakes);
                    link = take_extends(&mut below);
                    tree = tree.over(below);
                    chain.push(base);
                    None
                }
            }
        };
        if let Some((wrong, right)) = wrong {
            mistakes.add(line, wrong, right);
            return None;
        }
    }
    Some(tree)
}

fn own_name(tree: &Spot) -> Option<String> {
    let Raw::Table(entries) = &tree.raw else {
        return None;
    };
    entries.iter().find_map(|(key, spot)| match &spot.raw {
        Raw::Text(name) if key == "name" => Some(name.clone()),
        _ => None,
    })
}

/// Takes `extends` out of a tree.
fn take_extends(tree: &mut Spot) -> Option<(String, usize)> {
    let Raw::Table(entries) = &mut tree.raw else {
        return None;
    };
    let at = entries
        .iter()
        .position(|(key, spot)| key == "extends" && matches!(&spot.raw, Raw::Text(_)))?;
    match entries.remove(at) {
        (
            _,
            Spot {
                raw: Raw::Text(name),
                line,
            },
        ) => Some((name, line)),
        _ => None,
    }
}
