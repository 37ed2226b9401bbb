//! Reports as bytes: the answer itself, or base64 somewhere in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::expression::Expression;
use super::loader::Loader;
use super::scope::{Scope, Sight};
use super::source::Section;
use crate::contract::{Fault, MintedReport};
use crate::vocabulary::Private;

/// How a report's bytes are had.
#[derive(Clone, Debug)]
pub(super) struct DocumentForm {
    mime: String,
    /// Where they stand in the answer, as base64; `None`: the answer is the document.
    pub(super) base64: Option<Expression>,
}

impl DocumentForm {
    /// True for an answer that is the document.
    pub(super) fn is_whole(&self, scope: &Scope<'_>) -> bool {
        scope.reply.is_some_and(|reply| {
            let mime = reply.header("content-type").unwrap_or_default();
            let mime = mime.split(';').next().unwrap_or_default().trim();
            reply.status == 200 && mime.eq_ignore_ascii_case(&self.mime) && !reply.body.is_empty()
        })
    }

    /// The document.
    ///
    /// # Errors
    /// [`Fault::Unclear`] where there is none.
    pub(super) fn read(&self, scope: &Scope<'_>) -> Result<MintedReport, Fault> {
        let bytes = match &self.base64 {
            None => scope.reply.map(|reply| reply.body.clone()),
            Some(base64) => base64.read_text(scope).and_then(|text| {
                let letters: String = text.split_whitespace().collect();
                BASE64.decode(letters.trim_matches('"')).ok()
            }),
        };
        match bytes.filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => Ok(MintedReport::Document {
                mime: self.mime.clone(),
                bytes: Private::new(bytes),
            }),
            None => Err(Fault::Unclear(
                "the vendor answered without its report".to_owned(),
            )),
        }
    }
}

/// Loads a report step's `document`.
pub(super) fn load(
    loader: &Loader<'_>,
    section: &Section<'_>,
    sight: Sight,
) -> Option<DocumentForm> {
    let right = "name what it is: mime = \"application/pdf\"";
    let mime = section.need_text("mime", right);
    let document = DocumentForm {
        base64: loader.expression_at(section, "base64", sight),
        mime: mime?.to_ascii_lowercase(),
    };
    section.close();
    Some(document)
}
