//! Catalogs: packages and add-ons from a list step's answer.

use super::condition::When;
use super::expression::Expression;
use super::functions::{clean, flat};
use super::loader::Loader;
use super::path::Lists;
use super::reading::is_offer;
use super::scope::{Scope, Sight};
use super::source::Section;
use super::steps::{End, SO_FAR};
use super::template::Template;
use crate::contract::{Fault, Turn};
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

/// How one kind of offer is read from its list.
#[derive(Clone, Debug)]
struct OfferForm {
    lists: Lists,
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
        for item in self
            .packages
            .iter()
            .flat_map(|form| form.wanted_items(scope))
        {
            let form = self.packages.as_ref();
            catalog
                .packages
                .extend(form.and_then(|form| form.package(&item)));
        }
        for item in self
            .add_ons
            .iter()
            .flat_map(|form| form.wanted_items(scope))
        {
            let form = self.add_ons.as_ref();
            catalog
                .add_ons
                .extend(form.and_then(|form| form.add_on(&item)));
        }
    }
}

/// The end of a list step: the catalog, or the next page with what was gathered so far.
pub(super) fn gathered(end: &End<'_>) -> Result<Turn<Catalog>, Fault> {
    let so_far = end.before.get(SO_FAR);
    let mut catalog: Catalog = so_far
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    if let Some(form) = &end.step.catalog {
        form.gather(&end.scope, &mut catalog);
    }
    let Some(page) = end.step.next_page(&end.scope) else {
        return Ok(Turn::Done(catalog));
    };
    let mut memo = end.step.again(end.before, page?);
    let text = serde_json::to_string(&catalog)
        .map_err(|_| Fault::Unclear("the catalog cannot be carried to its next page".to_owned()))?;
    memo.values.insert(SO_FAR.to_owned(), text);
    Ok(Turn::Next(memo))
}

impl OfferForm {
    fn load(loader: &Loader<'_>, section: &Section<'_>, package: bool) -> Option<Self> {
        let sight = Sight {
            answer: true,
            ..Sight::default()
        };
        section.need("in", "say where the list is: in = \".data\"");
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
        let (lists, id, name) = (
            loader.lists_at(section, "in"),
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
            lists: lists?,
            id: id?,
            name: name?,
            only_with,
            screenings,
        })
    }

    fn wanted_items<'a>(&self, scope: &Scope<'a>) -> Vec<Scope<'a>> {
        let items = scope.answer.and_then(|answer| self.lists.items(answer));
        let scopes = items.unwrap_or_default().iter().map(|item| Scope {
            answer: Some(item),
            ..*scope
        });
        scopes.filter(|scope| self.wanted.holds(scope)).collect()
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

    fn add_on(&self, item: &Scope<'_>) -> Option<AddOn> {
        let only_with = self.only_with.as_ref().and_then(|one| one.read(item));
        let ids = only_with.as_deref().and_then(|list| list.as_array());
        Some(AddOn {
            vendor_id: self.id(item)?,
            name: self.name(item)?,
            price: self.price.as_ref().and_then(|price| price.read_text(item)),
            description: self.description(item),
            only_with: ids.into_iter().flatten().map(flat).collect(),
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
