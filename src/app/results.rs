//! Links to our result page: signed, for one order and one link generation. The link lives as long
//! as the order is kept; raising the generation revokes every link given out before.

use adapters::contract::MintedReport;
use adapters::vocabulary::{Private, Report};
use adapters::{Memo, ReportLink};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::app::story::contact;
use crate::app::{App, AppError};
use crate::domain::contact::ContactKind;
use crate::domain::order::Order;
use crate::domain::tenant::OfferKind;
use crate::seal::Purpose;

#[derive(Serialize, Deserialize)]
struct Link {
    /// The order's tracking id.
    sub: String,
    /// The order's link generation.
    generation: i64,
}

/// What a reader of a report gets.
pub enum ReportAnswer {
    /// A link to go to.
    Link(Private<String>),
    /// The document itself.
    Document {
        /// Its media type.
        mime: String,
        /// Its bytes.
        bytes: Private<Vec<u8>>,
    },
    /// There is one, and its vendor does not give it now.
    NotNow,
    /// There is none yet.
    None,
}

impl App {
    /// The link that leads a reader to the order's result page.
    pub(crate) fn result_link(&self, order: &Order) -> String {
        let link = Link {
            sub: order.tracking_id.clone(),
            generation: order.link_generation,
        };
        let key = EncodingKey::from_secret(self.setup().keys.link_secret());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &link, &key)
            .expect("HS256 signs any claims that serialize");
        format!(
            "{}/background_checks/{}/results?t={token}",
            self.setup().options.public_url,
            order.tracking_id
        )
    }

    /// The order a link leads to.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when the link is not ours, was changed, is for another order or has
    /// been revoked: a reader cannot tell which.
    pub async fn linked_order(&self, tracking_id: &str, token: &str) -> Result<Order, AppError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims = ["sub".to_owned()].into();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let link = self
            .setup()
            .keys
            .link_secrets()
            .find_map(|secret| {
                jsonwebtoken::decode::<Link>(token, &DecodingKey::from_secret(secret), &validation)
                    .ok()
            })
            .map(|token| token.claims)
            .filter(|link| link.sub == tracking_id)
            .ok_or(AppError::NotFound)?;
        let order = self
            .store
            .tracked_order(tracking_id)
            .await?
            .ok_or(AppError::NotFound)?;
        if order.link_generation != link.generation {
            return Err(AppError::NotFound);
        }
        Ok(order)
    }

    /// What the package of an order is called, where it was ever offered.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn package_name(&self, order: &Order) -> Result<Option<String>, AppError> {
        let (tenant, package) = (&order.tenant_id, &order.package_id);
        let row = self
            .store
            .tenant_offer(tenant, OfferKind::Package, package)
            .await?;
        Ok(row.map(|row| row.name))
    }

    /// What people call the vendor of an order.
    pub fn provider_name(&self, order: &Order) -> Option<String> {
        let directory = self.directory();
        let connection = directory.connection(&order.connection_id)?;
        Some(connection.label.clone())
    }

    /// Whether there is a report to go on to.
    pub fn has_report(&self, order: &Order) -> bool {
        order.sealed_report.is_some()
    }

    /// The vendor's report of an order: its stored link, or what is made for this click.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn report(&self, order: &Order) -> Result<ReportAnswer, AppError> {
        match (self.open_report(order), &order.their_ref) {
            (Some(Report::Link(link) | Report::Capability(link)), _) => {
                Ok(ReportAnswer::Link(Private::new(link)))
            }
            (Some(Report::Minted), Some(theirs)) => {
                let directory = self.directory();
                let connection = directory
                    .connection(&order.connection_id)
                    .ok_or(AppError::NotFound)?;
                let vendor = self.vendor_of(connection).ok_or(AppError::NotFound)?;
                let Some(report) = vendor.report.as_deref() else {
                    return Ok(ReportAnswer::None);
                };
                let memo = Memo {
                    step: String::new(),
                    values: order.memo.values.clone(),
                };
                let operation = ReportLink {
                    theirs: theirs.clone(),
                };
                let began = self.clock.now();
                let asked = self
                    .setup()
                    .caller
                    .ask_for_a_person(&vendor, connection, report, &operation, memo)
                    .await;
                let (outcome, detail) = match &asked.result {
                    Ok(_) => ("answered", String::new()),
                    Err(error) => ("failed", error.to_string()),
                };
                let contact = contact(ContactKind::Report, began, &asked, outcome, detail);
                self.store.note_contact(&order.id, &contact).await?;
                Ok(match asked.result {
                    Ok(MintedReport::Link(link)) => ReportAnswer::Link(link),
                    Ok(MintedReport::Document { mime, bytes }) => {
                        ReportAnswer::Document { mime, bytes }
                    }
                    Err(error) => {
                        tracing::warn!(order = %order.id, vendor = %vendor.name, %error, "no report could be had");
                        ReportAnswer::NotNow
                    }
                })
            }
            _ => Ok(ReportAnswer::None),
        }
    }

    /// Seals where a report is read: whoever reads the database must not be able to read the report.
    pub(crate) fn seal_report(&self, order: &Order, report: &Report) -> Vec<u8> {
        let plain = Zeroizing::new(serde_json::to_vec(report).expect("a link always serializes"));
        self.setup().keys.seal(Purpose::Report, &order.id, &plain)
    }

    fn open_report(&self, order: &Order) -> Option<Report> {
        let plain = self
            .setup()
            .keys
            .open(Purpose::Report, &order.id, order.sealed_report.as_deref()?)
            .ok()?;
        serde_json::from_slice(&plain).ok()
    }
}
