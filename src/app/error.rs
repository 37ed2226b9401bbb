//! Why something that was asked of the gateway did not happen, in the terms of whoever asked. The
//! HTTP edge turns these into answers; none of them holds personal data.

use std::time::Duration;

use crate::domain::ats_order::BadOrder;
use crate::store::StoreError;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The body is not an order.
    #[error(transparent)]
    Malformed(#[from] BadOrder),
    /// The body names another account than the credentials.
    #[error("`account_id` in the order is not the account of these credentials.")]
    WrongAccount,
    /// There is no such order of this tenant.
    #[error("There is no order with this background_check_id.")]
    NotFound,
    /// The same id was used for another order.
    #[error(
        "This background_check_id was used before for a different order; a new order needs a new id."
    )]
    Conflict,
    /// The order cannot be: something in it does not fit what is offered or what the vendor needs.
    #[error("{message}")]
    Unfit {
        /// A stable code.
        code: &'static str,
        /// The member at fault.
        field: Option<String>,
        /// A sentence for a recruiter.
        message: String,
    },
    /// The vendor refused the order for good.
    #[error("{message}")]
    Refused {
        /// The member at fault, where the vendor says.
        field: Option<String>,
        /// A sentence for a recruiter.
        message: String,
    },
    /// The vendor cannot be reached or is busy; nothing was placed and nothing will be.
    #[error(
        "The screening provider cannot take the order now. Nothing was ordered; please try again."
    )]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// The vendor did not say whether it canceled the order.
    #[error(
        "The screening provider did not confirm the cancellation; the background check may still be running. Please try again."
    )]
    CancelUnconfirmed {
        /// When to try again.
        retry_after: Duration,
    },
    /// We do not know whether the vendor has it, and this tenant wants to be told so.
    #[error(
        "The screening provider did not confirm the order in time. It may or may not have been placed; please send the same order again, or ask support."
    )]
    Unconfirmed,
    /// What was asked cannot be done at this vendor, or not any more.
    #[error("{0}")]
    NotPossible(String),
    /// The database cannot be used now; nothing was promised.
    #[error("The service is not available at the moment; please try again.")]
    Store(#[from] StoreError),
}

impl AppError {
    /// An order that cannot be, because of one member.
    pub(crate) fn unfit(code: &'static str, field: &str, message: impl Into<String>) -> Self {
        Self::Unfit {
            code,
            field: Some(field.to_owned()),
            message: message.into(),
        }
    }

    /// Whether the database is out of reach, which passes, rather than refusing what we say.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_) | StoreError::Unreached(_) | StoreError::Slow)
        )
    }
}
