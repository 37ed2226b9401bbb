//! Why an order whose id is new cannot be placed. It is told only where the id turns out to be new
//! indeed: an order that is known is answered as before, whatever stands in the way of another one.

use std::sync::Arc;

use adapters::Vendor;

use crate::app::AppError;
use crate::app::driving::{Ending, when_again};
use crate::vendors::HeldBack;

/// Why an order whose id is new cannot be placed.
pub(super) enum Obstacle {
    /// It cannot be, or not now.
    Error(AppError),
    /// Its vendor is left alone just now.
    HeldBack { vendor: Arc<Vendor>, call: HeldBack },
}

impl From<AppError> for Obstacle {
    fn from(error: AppError) -> Self {
        Self::Error(error)
    }
}

impl Obstacle {
    /// What the caller is told. It is counted here, because one whose order is known is not told.
    pub(super) fn told(self) -> AppError {
        match self {
            Self::Error(error) => error,
            Self::HeldBack { vendor, call } => {
                let retry_after = when_again(call.told().again_in());
                Ending::Unavailable { retry_after }.count(&vendor);
                AppError::Unavailable { retry_after }
            }
        }
    }
}
