//! Catalogs: packages and add-ons from a list step's answer.

use serde_json::Value;

use super::condition::When;
use super::expression::Expression;
use super::functions::{clean, flat};
use super::loader::Loader;
use super::path::{Lists, Path};
use super::reading::is_offer;
use super::scope::{Scope, Sight};
use super::source::Section;
use super::steps::{End, SO_FAR};
use super::template::Template;
use crate::contract::{Fault, Memo, Turn};
use crate::vocabulary::{AddOn, Catalog, Package};

/// The longest name, and the longest description, in characters.
const LONGEST_NAME: usize = 200;
const LONGEST_DESCRIPTION: usize = 2000;

/// How a catalog is read.
#[derive(Clone, Debug)]
pub(super) struct CatalogForm {
    packages: Option<OfferForm>,
    add_ons: Option<OfferForm>,
}

/// Where offers stand: in a list, or in one of every item of a list.
#[derive(Clone, Debug)]
struct Shelf {
    around: Option<Path>,
    lists: Lists,
}

/// How one kind of offer is read from its list.
#[derive(Clone, Debug)]
struct OfferForm {
    shelf: Shelf,
    wanted: When,
    id: Expression,
    name: Expression,
    price: Option<Expression>,
    description: Option<Expression>,
    only_with: Option<Expression>,
    screenings: Option<ScreeningForm>,
}

/// How a package's screenings are read: for each item the first of the texts that is whole.
#[derive(Clone, Debug)]
struct ScreeningForm {
    lists: Lists,
    texts: Vec<Template>,
}

impl CatalogForm {
    /// Loads how the list step in `section` reads its answer.
    pub(super) fn load(loader: &Loader<'_>, section: &Section<'_>) -> Option<Self> {
        let offers = |key: &'static str| {
            let section = section.section(key, format!("`{key}`"))?;
            OfferForm::load(loader, &section, key == "packages")
        };
        let form = Self {
            packages: offers("packages"),
            add_ons: offers("add_ons"),
        };
        (form.packages.is_some() || form.add_ons.is_some()).then_some(form)
    }

    /// Adds what the answer offers. An item without an id or a name cannot be offered to anybody
    /// and is passed over.
    fn gather(&self, scope: &Scope<'_>, catalog: &mut Catalog) {
        if let Some(form) = &self.packages {
            let items = form.wanted_items(scope).into_iter();
            let packages = items.filter_map(|(item, _)| form.package(&item));
            catalog.packages.extend(packages);
        }
        if let Some(form) = &self.add_ons {
            for (item, around) in form.wanted_items(scope) {
                if let Some(add_on) = form.add_on(&item, &around) {
                    offer(add_on, form.shelf.around.is_some(), catalog);
                }
            }
        }
    }
}

/// Adds an add-on. One that stands within several packages goes with each of them.
fn offer(add_on: AddOn, within: bool, catalog: &mut Catalog) {
    let mut known = catalog.add_ons.iter_mut();
    match known.find(|known| within && known.vendor_id == add_on.vendor_id) {
        None => catalog.add_ons.push(add_on),
        Some(known) => {
            for package in add_on.only_with {
                if !known.only_with.contains(&package) {
                    known.only_with.push(package);
                }
            }
        }
    }
}

impl Shelf {
    fn load(loader: &Loader<'_>, section: &Section<'_>) -> Option<Self> {
        section.need("in", "say where the list is: in = \".data\"");
        let lists = match section.texts("in").as_slice() {
            [(text, line)] if text.contains("[*]") => {
                let (around, list) = text.split_once("[*]")?;
                return Some(Self {
                    around: Some(loader.list_path(around, *line)?),
                    lists: Lists(vec![loader.list_path(list, *line)?]),
                });
            }
            _ => loader.lists_at(section, "in"),
        };
        Some(Self {
            around: None,
            lists: lists?,
        })
    }

    /// The items, each with what it stands in.
    fn items<'a>(&self, answer: &'a Value) -> Vec<(&'a Value, &'a Value)> {
        let around = match &self.around {
            None => std::slice::from_ref(answer),
            Some(path) => path.items(answer).unwrap_or_default(),
        };
        let within = |around: &'a Value| {
            let items = self.lists.items(around).unwrap_or_default().iter();
            items.map(move |item| (item, around))
        };
        around.iter().flat_map(within).collect()
    }
}

/// The end of a list step: the catalog, or the next page or step with what was gathered so far.
pub(super) fn gathered(end: &End<'_>) -> Result<Turn<Catalog>, Fault> {
    let so_far = end.before.get(SO_FAR);
    let mut catalog: Catalog = so_far
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    if let Some(form) = &end.step.catalog {
        form.gather(&end.scope, &mut catalog);
    }
    let mut memo = match (end.step.next_page(&end.scope), end.next) {
        (Some(page), _) => end.step.again(end.before, page?),
        (None, Some(next)) => Memo {
            step: next.name.clone(),
            values: end.scope.memo.clone(),
        },
        (None, None) => return Ok(Turn::Done(catalog)),
    };
    let text = serde_json::to_string(&catalog)
        .map_err(|_| Fault::Unclear("the catalog cannot be carried on".to_owned()))?;
    memo.values.insert(SO_FAR.to_owned(), text);
    Ok(Turn::Next(memo))
}

impl OfferForm {
    fn load(loader: &Loader<'_>, section: &Section<'_>, package: bool) -> Option<Self> {
        let sight = Sight {
            answer: true,
            ..Sight::default()
        };
        let shelf = Shelf::load(loader, section);
        section.need("id", "say what orders it: id = \".id\"");
        section.need("name", "say what people read: name = \".name\"");
        let screenings = if package {
            section
                .section("screenings", "`screenings`")
                .and_then(|section| ScreeningForm::load(loader, &section, sight))
        } else {
            None
        };
        let only_with = if package {
            None
        } else {
            loader.expression_at(section, "only_with", sight)
        };
        let (id, name) = (
            loader.expression_at(section, "id", sight),
            loader.expression_at(section, "name", sight),
        );
        let wanted = When::load(loader, section.section("where", "`where`"), sight);
        let price = loader.expression_at(section, "price", sight);
        let description = loader.expression_at(section, "description", sight);
        section.close();
        Some(Self {
            wanted,
            price,
            description,
            shelf: shelf?,
            id: id?,
            name: name?,
            only_with,
            screenings,
        })
    }

    /// What is wanted, each with what it stands in.
    fn wanted_items<'a>(&self, scope: &Scope<'a>) -> Vec<(Scope<'a>, Scope<'a>)> {
        let items = scope.answer.map(|answer| self.shelf.items(answer));
        let of = |answer: &'a Value| Scope {
            answer: Some(answer),
            ..*scope
        };
        let scopes = items.into_iter().flatten();
        let scopes = scopes.map(|(item, around)| (of(item), of(around)));
        scopes.filter(|(item, _)| self.wanted.holds(item)).collect()
    }

    fn package(&self, item: &Scope<'_>) -> Option<Package> {
        Some(Package {
            vendor_id: self.id(item)?,
            name: self.name(item)?,
            price: self.price.as_ref().and_then(|price| price.read_text(item)),
            description: self.description(item),
            screenings: self
                .screenings
                .as_ref()
                .map_or_else(Vec::new, |form| form.read(item)),
        })
    }

    fn add_on(&self, item: &Scope<'_>, around: &Scope<'_>) -> Option<AddOn> {
        // Where add-ons stand within packages, that is whom they go with.
        let packages = if self.shelf.around.is_some() {
            around
        } else {
            item
        };
        let only_with = self.only_with.as_ref().and_then(|one| one.read(packages));
        let ids = match only_with.as_deref() {
            Some(Value::Array(ids)) => ids.iter().map(flat).collect(),
            Some(id) => vec![flat(id)],
            None => Vec::new(),
        };
        Some(AddOn {
            vendor_id: self.id(item)?,
            name: self.name(item)?,
            price: self.price.as_ref().and_then(|price| price.read_text(item)),
            description: self.description(item),
            only_with: ids,
        })
    }

    fn id(&self, item: &Scope<'_>) -> Option<String> {
        self.id.read_text(item).filter(|id| is_offer(id))
    }

    fn name(&self, item: &Scope<'_>) -> Option<String> {
        let name = clean(&self.name.read_text(item)?, LONGEST_NAME);
        (!name.is_empty()).then_some(name)
    }

    fn description(&self, item: &Scope<'_>) -> Option<String> {
        let text = self.description.as_ref()?.read_text(item)?;
        Some(clean(&text, LONGEST_DESCRIPTION)).filter(|text| !text.is_empty())
    }
}

impl ScreeningForm {
    fn load(loader: &Loader<'_>, section: &Section<'_>, sight: Sight) -> Option<Self> {
        section.need("in", "say where the list is: in = \".screenings\"");
        section.need("text", "say what people read: text = \"{.name}\"");
        let lists = loader.lists_at(section, "in");
        let texts = section.texts("text");
        section.close();
        let texts = texts.iter();
        Some(Self {
            lists: lists?,
            texts: texts
                .filter_map(|(text, line)| loader.template(text, *line, sight))
                .collect(),
        })
    }

    fn read(&self, package: &Scope<'_>) -> Vec<String> {
        let items = package.answer.and_then(|answer| self.lists.items(answer));
        let texts = items.unwrap_or_default().iter().filter_map(|item| {
            let scope = Scope {
                answer: Some(item),
                ..*package
            };
            let whole = self
                .texts
                .iter()
                .find_map(|text| text.text(&scope).ok().flatten());
            whole.map(|text| clean(&text, LONGEST_NAME))
        });
        texts.filter(|text| !text.is_empty()).collect()
    }
}
