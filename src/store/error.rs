//! Why the store could not do what it was asked, and whether that may pass.

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or is not writable now.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// It could not be reached when it was to be opened; the sentence says where it was looked for.
    #[error("{0}")]
    Unreached(String),
    /// It did not answer within the time that its caller had.
    #[error("the database does not answer in time")]
    Slow,
    /// The statement itself failed: a defect of ours, or a database of another schema.
    #[error("the database refused a statement")]
    Statement(#[source] sqlx::Error),
    /// A row holds what no version of this program wrote.
    #[error("row {row} holds a value that cannot be read: {what}")]
    Unreadable {
        /// Which row.
        row: String,
        /// Which value.
        what: String,
    },
    /// The database cannot be used as it is.
    #[error("{0}")]
    Unusable(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if is_permanent(&**database) => Self::Statement(error),
            sqlx::Error::RowNotFound
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::AnyDriverError(_) => Self::Statement(error),
            _ => Self::Unavailable(error),
        }
    }
}

/// A violated constraint or a wrong statement stays wrong; everything else a database says
/// (shutting down, read-only, disk full, locked) may pass.
fn is_permanent(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    match code.parse::<u32>() {
        // SQLite: 1 (error) and 19 (constraint); the bits above the low eight say more of the same.
        Ok(number) if code.len() < POSTGRES_CODE => matches!(number & 0xff, 1 | 19),
        // PostgreSQL: classes 22 (data), 23 (constraint), 42 (syntax, schema).
        _ => ["22", "23", "42"]
            .iter()
            .any(|class| code.len() == POSTGRES_CODE && code.starts_with(class)),
    }
}

/// PostgreSQL's codes have five characters, SQLite's have four digits at most.
const POSTGRES_CODE: usize = 5;
