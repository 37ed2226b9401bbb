//! What is told while it happens: who calls whom, when, and what comes back.

use std::io::Write;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::Answer;
use super::{ACCOUNT, Stage};
use crate::cli::error::CliError;
use crate::sandbox::Received;

/// The order of the ATS's own examples.
const ORDER: &str = include_str!("order.json");
/// The path at which the ATS wants to be told.
const WEBHOOK_PATH: &str = "/yourco_webhooks";
/// The result comes after about two seconds.
const RESULT_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked whether something has happened.
const TICK: Duration = Duration::from_millis(50);

/// The example order with another webhook, id and last name.
pub(super) fn order(webhook: &str, id: &str, last_name: &str) -> Result<Value, CliError> {
    let mut order: Value = serde_json::from_str(ORDER)
        .map_err(|error| CliError::Internal(format!("the demo's order is no JSON ({error})")))?;
    order["webhook_url"] = webhook.into();
    order["background_check_id"] = id.into();
    order["applicant"]["last_name"] = last_name.into();
    Ok(order)
}

/// A webhook, in the order the ATS's own example has its members.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Told {
    background_check_id: String,
    status: String,
    result: String,
    result_link_url: String,
}

/// Lets it happen and tells it.
pub(super) async fn tell(stage: &Stage, out: &mut impl Write) -> Result<(), CliError> {
    let mut teller = Teller {
        stage,
        out,
        began: Instant::now(),
        vendor_calls: 0,
        lines: 0,
    };
    teller.introduce()?;
    teller.list_packages().await?;
    let id = teller.place_order().await?;
    let webhook = teller.wait_for_webhook(&id).await?;
    teller.show_webhook(&webhook).await
}

struct Teller<'a, W> {
    stage: &'a Stage,
    out: &'a mut W,
    began: Instant,
    /// How many calls to the vendor were told.
    vendor_calls: usize,
    /// How many lines of the order's history were told.
    lines: usize,
}

impl<W: Write> Teller<'_, W> {
    /// A line with the time that has passed.
    fn say(&mut self, text: &str) -> Result<(), CliError> {
        writeln!(
            self.out,
            "{:6.2} s  {text}",
            self.began.elapsed().as_secs_f64()
        )?;
        Ok(self.out.flush()?)
    }

    /// More about the line before.
    fn add(&mut self, text: &str) -> Result<(), CliError> {
        for line in text.lines() {
            writeln!(self.out, "            {line}")?;
        }
        Ok(())
    }

    fn introduce(&mut self) -> Result<(), CliError> {
        let stage = self.stage;
        self.say(&format!(
            "gateway  listens at http://{}",
            stage.gateway.public
        ))?;
        self.say(&format!(
            "vendor   the fake one listens at {}",
            stage.vendor.base_url()
        ))?;
        self.say(&format!(
            "ATS      takes webhooks at {}",
            stage.receiver.url(WEBHOOK_PATH)
        ))
    }

    async fn list_packages(&mut self) -> Result<(), CliError> {
        self.say(&format!(
            "ATS -> gateway      GET /v1/packages, as {ACCOUNT}"
        ))?;
        let answer = self.stage.ats.ask("/v1/packages", None).await?;
        self.tell_vendor_calls()?;
        self.say(&format!("ATS <- gateway      {}", answer.status))?;
        expect(&answer, 200, "the package list")?;
        let catalog = answer.json()?;
        for list in ["packages", "add_on_packages"] {
            for offer in catalog[list].as_array().into_iter().flatten() {
                let [id, name, price] = ["id", "name", "price"].map(|key| text(offer, key));
                self.add(&format!("{id}  {name}, {price}"))?;
            }
        }
        Ok(())
    }

    async fn place_order(&mut self) -> Result<String, CliError> {
        let given: Value = serde_json::from_str(ORDER).map_err(|error| {
            CliError::Internal(format!("the demo's order is no JSON ({error})"))
        })?;
        let (id, applicant) = (text(&given, "background_check_id"), &given["applicant"]);
        let webhook = self.stage.receiver.url(WEBHOOK_PATH);
        let order = order(&webhook, &id, &text(applicant, "last_name"))?;
        self.say("ATS -> gateway      POST /v1/orders")?;
        self.add(&format!(
            "background_check_id {id}: {} with {}, for {} {}",
            text(&order, "package_id"),
            order["add_on_package_ids"],
            text(applicant, "first_name"),
            text(applicant, "last_name"),
        ))?;
        let answer = self
            .stage
            .ats
            .ask("/v1/orders", Some(order.to_string()))
            .await?;
        self.tell_vendor_calls()?;
        self.say(&format!(
            "ATS <- gateway      {} {}",
            answer.status,
            answer.body.trim()
        ))?;
        expect(&answer, 201, "the order")?;
        Ok(id)
    }

    /// Tells what happens to the order until the ATS is told its end.
    async fn wait_for_webhook(&mut self, id: &str) -> Result<Received, CliError> {
        let waiting = Instant::now();
        loop {
            let received = self.stage.receiver.wait_for(1, TICK).await;
            self.tell_news(id).await?;
            if let Some(webhook) = received.into_iter().next() {
                return Ok(webhook);
            }
            if waiting.elapsed() > RESULT_WITHIN {
                return Err(CliError::NotDone(format!(
                    "no webhook came within {} s of the order",
                    RESULT_WITHIN.as_secs()
                )));
            }
        }
    }

    /// Tells what is new in the order's history, as the ATS can read it.
    async fn tell_news(&mut self, id: &str) -> Result<(), CliError> {
        self.tell_vendor_calls()?;
        let answer = self
            .stage
            .ats
            .ask(&format!("/v1/orders/{id}"), None)
            .await?;
        expect(&answer, 200, "the order's state")?;
        let order = answer.json()?;
        let history = order["history"].as_array().map_or(&[][..], Vec::as_slice);
        for line in history.iter().skip(self.lines) {
            let (kind, detail) = (text(line, "kind"), text(line, "detail"));
            let who = if detail.ends_with("by a callback") {
                "vendor -> gateway  "
            } else {
                "gateway            "
            };
            self.say(&format!("{who} {kind}: {detail}"))?;
        }
        self.lines = history.len();
        Ok(())
    }

    fn tell_vendor_calls(&mut self) -> Result<(), CliError> {
        let calls = self.stage.vendor.requests();
        for call in calls.iter().skip(self.vendor_calls) {
            self.say(&format!(
                "gateway -> vendor   {} {}",
                call.method,
                call.path()
            ))?;
        }
        self.vendor_calls = calls.len();
        Ok(())
    }

    async fn show_webhook(&mut self, webhook: &Received) -> Result<(), CliError> {
        let told: Told = serde_json::from_slice(&webhook.body).map_err(|error| {
            CliError::NotDone(format!("the webhook is not as agreed ({error})"))
        })?;
        self.say(&format!(
            "gateway -> ATS      {} {}",
            webhook.method,
            webhook.path()
        ))?;
        let pretty = serde_json::to_string_pretty(&told);
        self.add(&pretty.map_err(|error| CliError::Internal(error.to_string()))?)?;
        self.say("recruiter -> gateway  opens result_link_url")?;
        let page = self.stage.ats.open(&told.result_link_url).await?;
        expect(&page, 200, "the result page")?;
        let headline = page.body.split_once("<h1>");
        let headline = headline.and_then(|(_, rest)| rest.split_once("</h1>"));
        let (headline, _) = headline
            .ok_or_else(|| CliError::NotDone("the result page has no headline".to_owned()))?;
        self.say(&format!(
            "recruiter <- gateway  a page that says \"{headline}\""
        ))
    }
}

fn expect(answer: &Answer, status: u16, what: &str) -> Result<(), CliError> {
    if answer.status == status {
        return Ok(());
    }
    Err(CliError::NotDone(format!(
        "{what} was answered {}, not {status}: {}",
        answer.status,
        answer.body.trim()
    )))
}

/// A member as text.
fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
