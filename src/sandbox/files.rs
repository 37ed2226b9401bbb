//! The two files that join a gateway to the sandbox: what to import and how to be set.
//!
//! Pure functions from values to text. The command prints them, `demo` and the tests start a
//! gateway on them, so they cannot fall behind what the gateway reads.

use std::fmt::Write;
use std::net::SocketAddr;

use adapters::contract::{Setting, SettingForm};
use adapters::simulator::Simulator;

/// The fake vendor's name. Its catalog is known here; that of others is their own.
const SANDBOX: &str = "sandbox";
/// The tenant of the ATS's own examples.
const ACCOUNT_ID: &str = "ACCT123";
/// Where the API Secret is read from.
const API_SECRET: &str = "ACCT123_SECRET";

/// A sandbox that listens, and what a gateway needs to use it.
#[derive(Clone)]
pub struct Scene {
    /// The vendor that is faked.
    pub vendor: VendorNeeds,
    /// Where the fake vendor listens: `http://127.0.0.1:8081`.
    pub vendor_url: String,
    /// Where the webhook receiver listens. Its port must be allowed, because webhooks go to 443
    /// and 8443 otherwise.
    pub receiver: SocketAddr,
    /// The tenant's API Secret: `cgs_` and 43 base64url characters.
    pub api_secret: String,
}

/// What a connection to a vendor must be given.
#[derive(Clone)]
pub struct VendorNeeds {
    /// The vendor, as sheets name it.
    pub name: String,
    /// Its secrets: the sheet's name for each, and what the fake accepts.
    pub credentials: Vec<(&'static str, String)>,
    /// Its settings; those with a default may be left out and are.
    pub settings: Vec<Setting>,
    /// What the fake's account has for some of them.
    pub given: Vec<(&'static str, serde_json::Value)>,
    /// Ids of packages to offer, where the vendor has no list.
    pub packages: Vec<&'static str>,
}

impl VendorNeeds {
    /// What this fake must be given. Settings are known for shipped vendors alone.
    pub fn of(simulator: &dyn Simulator) -> Self {
        let shipped = adapters::shipped();
        let vendor = shipped.iter().find(|it| it.name == simulator.name());
        Self {
            name: simulator.name().to_owned(),
            credentials: simulator.credentials(),
            settings: vendor.map_or_else(Vec::new, |it| it.settings.clone()),
            given: simulator.settings(),
            packages: simulator.packages(),
        }
    }

    /// The variable a secret is read from: `SANDBOX_API_KEY`.
    fn variable(&self, credential: &str) -> String {
        format!("{}_{credential}", self.name)
            .to_ascii_uppercase()
            .replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
    }
}

/// The variables that the import file refers to, with their values.
pub fn exports(scene: &Scene) -> Vec<(String, String)> {
    let vendor = &scene.vendor;
    let credentials = vendor.credentials.iter();
    let credentials = credentials.map(|(name, value)| (vendor.variable(name), value.clone()));
    std::iter::once((API_SECRET.to_owned(), scene.api_secret.clone()))
        .chain(credentials)
        .collect()
}

/// A file for `cleargate tenant import`: one tenant with one connection to the fake vendor, and
/// the ATS's own package list as its offers.
pub fn import_file(scene: &Scene) -> String {
    let mut file = String::from(
        "# One tenant for the sandbox: cleargate tenant import FILE\n\
         # Secrets are read from these variables, so copy the lines into your shell first:\n",
    );
    for (name, value) in exports(scene) {
        line(&mut file, format_args!("#   export {name}={value}"));
    }
    line(&mut file, format_args!("{}", tenant(scene)));
    if scene.vendor.name == SANDBOX {
        for offer in &OFFERS {
            line(&mut file, format_args!("{}", offer.table()));
        }
    }
    for id in &scene.vendor.packages {
        line(&mut file, format_args!("{}", named_offer(id)));
    }
    file
}

/// A file for `--config` with the settings that let a gateway reach the sandbox, and no others.
pub fn settings_file() -> String {
    "# Settings for the sandbox: cleargate serve --config FILE\n\
     # They loosen what protects a real deployment, so never use them for one.\n\
     # A key is needed too:\n\
     #   export CLEARGATE_KEY=\"$(cleargate key new)\"\n\
     \n\
     [security]\n\
     key = \"env:CLEARGATE_KEY\"\n\
     \n\
     [egress]\n\
     allow = [\"127.0.0.0/8\"]\n\
     allow_http = true\n\
     \n\
     [vendors]\n\
     allow_sandbox = true\n"
        .to_owned()
}

fn tenant(scene: &Scene) -> String {
    let vendor = &scene.vendor;
    let credentials = vendor.credentials.iter().map(|(name, _)| {
        let reference = format!("env:{}", vendor.variable(name));
        format!("{name} = {}", quoted(&reference))
    });
    let is_given = |name: &str| vendor.given.iter().any(|(given, _)| *given == name);
    let needed = vendor.settings.iter();
    let needed = needed.filter(|it| it.default.is_none() && !is_given(&it.name));
    let settings = needed
        .map(|it| format!("{} = {}", it.name, example(it)))
        .chain(
            vendor
                .given
                .iter()
                .map(|(name, value)| format!("{name} = {}", inline(value))),
        );
    format!(
        r#"
[[tenant]]
account_id = "{ACCOUNT_ID}"
name = "Example Staffing"
api_secret = "env:{API_SECRET}"
  [tenant.webhook]
  ports = [{port}]
  [[tenant.connection]]
  name = "main"
  label = "Sandbox"
  vendor = {name}
  base_url = {base_url}
  credentials = {{ {credentials} }}
  settings = {{ {settings} }}"#,
        port = scene.receiver.port(),
        name = quoted(&vendor.name),
        base_url = quoted(&scene.vendor_url),
        credentials = credentials.collect::<Vec<_>>().join(", "),
        settings = settings.collect::<Vec<_>>().join(", "),
    )
}

/// A value for a setting that has no default. An example of a table is for people, so the table
/// stays empty.
fn example(setting: &Setting) -> String {
    match setting.form {
        SettingForm::Table => "{}".to_owned(),
        SettingForm::Text | SettingForm::OneOf(_) | SettingForm::Region => quoted(&setting.example),
    }
}

/// An offer of a package that is known by its id alone.
fn named_offer(id: &str) -> String {
    format!(
        "    [[tenant.connection.offer]]\n    vendor_id = {0}\n    kind = \"package\"\n    name = {0}\n    price = \"29.99\"\n    description = {1}\n    screenings = [{1}]",
        quoted(id),
        quoted(SCREENING)
    )
}

/// A value as it stands in an inline table.
fn inline(value: &serde_json::Value) -> String {
    toml::Value::try_from(value)
        .expect("settings hold no null")
        .to_string()
}

struct Offer {
    vendor_id: &'static str,
    id: &'static str,
    kind: &'static str,
    name: &'static str,
    price: &'static str,
    description: &'static str,
    screenings: &'static [&'static str],
}

impl Offer {
    fn table(&self) -> String {
        let mut table = String::from("    [[tenant.connection.offer]]");
        let texts = [
            ("vendor_id", self.vendor_id),
            ("id", self.id),
            ("kind", self.kind),
            ("name", self.name),
            ("price", self.price),
            ("description", self.description),
        ];
        for (key, value) in texts {
            table.push_str(&format!("\n    {key} = {}", quoted(value)));
        }
        if !self.screenings.is_empty() {
            let screenings = self.screenings.iter().map(|it| quoted(it));
            let screenings = screenings.collect::<Vec<_>>().join(", ");
            table.push_str(&format!("\n    screenings = [{screenings}]"));
        }
        table
    }
}

const ADDRESS: &str = "Address to Federal Criminal History (7 year)";
const ALIAS: &str = "Social Security Address/Alias Trace";
const OFAC: &str = "OFAC Specially Designated Nationals";
const OFFENDER: &str = "USA CriminalSearch and USA Offender";
const SCREENING: &str = "A basic background check screening";

/// The package list of the ATS's own examples.
const OFFERS: [Offer; 5] = [
    Offer {
        vendor_id: "basic",
        id: "PKG001",
        kind: "package",
        name: "Basic Package",
        price: "29.99",
        description: SCREENING,
        screenings: &[ADDRESS],
    },
    Offer {
        vendor_id: "standard",
        id: "PKG002",
        kind: "package",
        name: "Standard Package",
        price: "49.99",
        description: SCREENING,
        screenings: &[ADDRESS, ALIAS],
    },
    Offer {
        vendor_id: "deluxe",
        id: "PKG003",
        kind: "package",
        name: "Deluxe Package",
        price: "69.99",
        description: SCREENING,
        screenings: &[ADDRESS, ALIAS, OFAC, OFFENDER],
    },
    Offer {
        vendor_id: "drug_7_panel",
        id: "DRG01",
        kind: "add_on",
        name: "Basic Drug Screening",
        price: "29.99",
        description: "A 7 panel urine test for prohibited substances",
        screenings: &[],
    },
    Offer {
        vendor_id: "drug_10_panel",
        id: "DRG02",
        kind: "add_on",
        name: "Comprehensive Drug Screening",
        price: "39.99",
        description: "A comprehensive 10 panel urine test for prohibited substances",
        screenings: &[],
    },
];

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn line(file: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(file, "{text}").expect("a String takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn scene(name: &str) -> Scene {
        Scene {
            vendor: VendorNeeds {
                name: name.to_owned(),
                credentials: vec![
                    ("api_key", "key".to_owned()),
                    ("callback_secret", "secret".to_owned()),
                ],
                settings: Vec::new(),
                given: Vec::new(),
                packages: Vec::new(),
            },
            vendor_url: "http://127.0.0.1:4001".to_owned(),
            receiver: SocketAddr::from(([127, 0, 0, 1], 4002)),
            api_secret: format!("cgs_{}", "a".repeat(43)),
        }
    }

    fn tenant(scene: &Scene) -> Value {
        let file: Value = toml::from_str(&import_file(scene)).unwrap();
        file["tenant"][0].clone()
    }

    /// The offers of one kind as the ATS would be shown them.
    fn catalog(tenant: &Value, kind: &str) -> Vec<Value> {
        let offers = tenant["connection"][0]["offer"].as_array().unwrap();
        let offers = offers.iter().filter(|offer| offer["kind"] == kind);
        let shown = offers.map(|offer| {
            let mut shown = offer.as_object().unwrap().clone();
            shown.retain(|key, _| key != "kind" && key != "vendor_id");
            Value::Object(shown)
        });
        shown.collect()
    }

    #[test]
    fn the_sandbox_offers_exactly_the_package_list_of_the_ats() {
        let given: Value = serde_json::from_str(include_str!("packages.json")).unwrap();
        let tenant = tenant(&scene("sandbox"));
        assert_eq!(json!(catalog(&tenant, "package")), given["packages"]);
        assert_eq!(json!(catalog(&tenant, "add_on")), given["add_on_packages"]);
    }

    #[test]
    fn the_tenant_reaches_the_fake_vendor_and_may_send_to_the_receivers_port() {
        let tenant = tenant(&scene("sandbox"));
        let connection = &tenant["connection"][0];
        assert_eq!(tenant["account_id"], "ACCT123");
        assert_eq!(tenant["webhook"]["ports"], json!([4002]));
        assert_eq!(connection["vendor"], "sandbox");
        assert_eq!(connection["base_url"], "http://127.0.0.1:4001");
    }

    #[test]
    fn every_secret_is_a_reference_to_a_variable_that_is_exported() {
        let scene = scene("sandbox");
        let tenant = tenant(&scene);
        let credentials = json!({
            "api_key": "env:SANDBOX_API_KEY",
            "callback_secret": "env:SANDBOX_CALLBACK_SECRET",
        });
        assert_eq!(tenant["api_secret"], "env:ACCT123_SECRET");
        assert_eq!(tenant["connection"][0]["credentials"], credentials);
        for line in [
            format!("ACCT123_SECRET={}", scene.api_secret),
            "SANDBOX_API_KEY=key".to_owned(),
            "SANDBOX_CALLBACK_SECRET=secret".to_owned(),
        ] {
            assert!(
                import_file(&scene).contains(&format!("#   export {line}\n")),
                "{line}"
            );
        }
    }

    #[test]
    fn another_vendor_keeps_its_own_catalog_and_gets_examples_for_what_it_needs() {
        let mut scene = scene("some-vendor");
        scene.vendor.settings = vec![
            setting("work_location", None, SettingForm::Region),
            setting("words", None, SettingForm::Table),
            setting("node", Some(json!("x")), SettingForm::Text),
        ];
        let tenant = tenant(&scene);
        let connection = &tenant["connection"][0];
        assert_eq!(
            connection["credentials"]["api_key"],
            "env:SOME_VENDOR_API_KEY"
        );
        assert_eq!(
            connection["settings"],
            json!({"work_location": "US-CA", "words": {}})
        );
        assert_eq!(connection.get("offer"), None);
    }

    fn setting(name: &str, default: Option<Value>, form: SettingForm) -> Setting {
        Setting {
            name: name.to_owned(),
            meaning: String::new(),
            default,
            example: "US-CA".to_owned(),
            form,
        }
    }

    #[test]
    fn the_settings_allow_loopback_http_and_the_sandbox() {
        let settings: Value = toml::from_str(&settings_file()).unwrap();
        let loosened = json!({"allow": ["127.0.0.0/8"], "allow_http": true});
        assert_eq!(settings["egress"], loosened);
        assert_eq!(settings["vendors"], json!({"allow_sandbox": true}));
    }
}
