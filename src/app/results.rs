//! Links to our result page: signed, for one order and one link generation. The link lives as long
//! as the order is kept; raising the generation revokes every link given out before.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::app::{App, AppError};
use crate::domain::order::Order;

#[derive(Serialize, Deserialize)]
struct Link {
    /// The order's tracking id.
    sub: String,
    /// The order's link generation.
    generation: i64,
}

impl App {
    /// The link that leads a reader to the order's result page.
    pub(crate) fn result_link(&self, order: &Order) -> String {
        let link = Link { sub: order.tracking_id.clone(), generation: order.link_generation };
        let key = EncodingKey::from_secret(self.keys.link_secret());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &link, &key)
            .expect("HS256 signs any claims that serialize");
        format!("{}/background_checks/{}/results?t={token}", self.options.public_url, order.tracking_id)
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
            .keys
            .link_secrets()
            .find_map(|secret| jsonwebtoken::decode::<Link>(token, &DecodingKey::from_secret(secret), &validation).ok())
            .map(|token| token.claims)
            .filter(|link| link.sub == tracking_id)
            .ok_or(AppError::NotFound)?;
        let order = self.store.tracked_order(tracking_id).await?.ok_or(AppError::NotFound)?;
        if order.link_generation != link.generation {
            return Err(AppError::NotFound);
        }
        Ok(order)
    }
}
