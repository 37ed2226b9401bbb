//! Bringing a new key to everything that is sealed.

use crate::app::{App, AppError};
use crate::store::{SEALED_COLUMNS, StoreError};

/// Values in one go.
const BATCH: i64 = 200;

impl App {
    /// Seals with the current key whatever is sealed with an older one; returns how many values.
    /// What the old keys had signed with is kept, sealed, so that they may be left out afterwards.
    /// It may run beside serving processes that know both keys, and may be run again.
    ///
    /// # Errors
    /// [`AppError::Store`]; what was resealed stays so.
    pub async fn reseal(&self) -> Result<u64, AppError> {
        for (id, signers) in self.setup().keys.old_signers() {
            self.store.keep_key(&id, &signers).await?;
        }
        let mut resealed = 0;
        for column in SEALED_COLUMNS {
            // The first of a batch is the owner that the last one ended with: there may be more of its.
            let mut from = String::new();
            loop {
                let setup = self.setup();
                let key = setup.keys.current_key();
                let values = self
                    .store
                    .sealed_with_others(column, key, &from, BATCH)
                    .await?;
                let Some(last) = values.last() else {
                    break;
                };
                from.clone_from(&last.owner);
                for value in values {
                    let plain = self
                        .setup()
                        .keys
                        .open(column.purpose, &value.owner, &value.sealed)
                        .map_err(|error| StoreError::Unreadable {
                            row: value.owner.clone(),
                            what: error.to_string(),
                        })?;
                    let sealed = self.setup().keys.seal(column.purpose, &value.owner, &plain);
                    self.store.reseal(column, &value, sealed).await?;
                    resealed += 1;
                }
            }
        }
        Ok(resealed)
    }
}
