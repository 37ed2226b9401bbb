//! Report files: made on demand, and a while later (Certn, section 7).

use serde_json::json;

use super::{Answer, Certn, not_found, refusal};
use crate::simulator::Response;
use crate::vocabulary::Millis;

/// How long it takes to make a file.
const MAKING: Millis = 1_000;

/// A PDF that was asked for.
pub(super) struct File {
    id: String,
    /// The case's index.
    case: usize,
    ready_at: Millis,
    is_announced: bool,
    /// How often its address was given out; each is signed anew.
    shown: u32,
}

impl Certn {
    /// Asks for the PDF of a case that is complete. Another call makes another file.
    pub(super) fn generate_report(&mut self, id: &str, now: Millis) -> Answer {
        let case = self.case_index(id)?;
        if self.cases[case].status != "COMPLETE" {
            return Err(refusal(400, "Case is not complete."));
        }
        let file = File {
            id: Self::id("f11e", self.files.len() + 1),
            case,
            ready_at: now + MAKING,
            is_announced: false,
            shown: 0,
        };
        let body = json!({"case_report_file_id": file.id});
        self.files.push(file);
        Ok(Response::json(201, &body))
    }

    pub(super) fn show_file(&mut self, id: &str, now: Millis) -> Answer {
        let found = self.files.iter_mut().find(|file| file.id == id);
        let file = found.ok_or_else(not_found)?;
        if now < file.ready_at {
            return Ok(Response::json(
                200,
                &json!({"status": "PENDING", "pdf_url": null}),
            ));
        }
        file.shown += 1;
        let url = format!("https://files.certn.co/{id}.pdf?signature={}", file.shown);
        let body = json!({"status": "COMPLETE", "pdf_url": url});
        Ok(Response::json(200, &body))
    }

    /// Tells of each file once that it is there. The event names the case.
    pub(super) fn announce_files(&mut self, now: Millis) {
        let ready = |file: &File| !file.is_announced && file.ready_at <= now;
        while let Some(nth) = self.files.iter().position(ready) {
            let file = &mut self.files[nth];
            file.is_announced = true;
            let (case, at) = (file.case, file.ready_at);
            let (id, status) = (self.cases[case].id.clone(), self.cases[case].status.clone());
            self.announce("CASE_REPORT_READY", ("CASE", &id), &status, at);
        }
    }
}
