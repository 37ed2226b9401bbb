//! How each vendor speaks, and what of it means that nothing stands against the applicant.

use super::Words;

/// A vendor's words, as far as the promise is concerned.
pub(super) struct Speech {
    pub(super) vendor: &'static str,
    /// Settings of the connection, as JSON.
    pub(super) settings: &'static [(&'static str, &'static str)],
    pub(super) statuses: &'static [&'static str],
    /// The statuses among them that end well; said more often, so that passes are common.
    pub(super) done: &'static [&'static str],
    pub(super) results: &'static [&'static str],
    pub(super) good: &'static [&'static str],
    /// What the fake takes behind a result.
    pub(super) modifiers: &'static [&'static str],
    /// Whether no result at all is none; else the fake takes what it had, or its usual one.
    pub(super) may_be_silent: bool,
    /// Members that the vendor leaves out of good answers.
    pub(super) may_lack: &'static [&'static str],
    /// Statuses that say nothing of a report that exists.
    pub(super) asides: &'static [&'static str],
    /// Whether a plain status, a plain result and a modifier mean a pass.
    is_pass: fn(&str, &str, &str) -> bool,
}

impl Speech {
    /// Whether what the vendor has said last is a pass.
    pub(super) fn stands_on_a_pass(&self, said: &[Words]) -> bool {
        let mut told = said.iter().rev();
        let last = told.find(|(status, _)| !self.asides.contains(&status.as_str()));
        last.is_some_and(|(status, result)| {
            let result = result.as_deref().unwrap_or_default();
            let (word, modifier) = match result.find('+') {
                Some(at) => result.split_at(at),
                None => (result, ""),
            };
            (self.is_pass)(&plain(status), &plain(word), modifier)
        })
    }
}

/// Vendors spell one word in several ways: case, blanks, `_` and `-` do not count.
fn plain(word: &str) -> String {
    let letters = word.chars().filter(|letter| !" _-".contains(*letter));
    letters.collect::<String>().to_lowercase()
}

const NONE: &[&str] = &[""];

const SANDBOX: Speech = Speech {
    vendor: "sandbox",
    settings: &[],
    statuses: &[
        "invited",
        "in_progress",
        "on_hold",
        "complete",
        "canceled",
        "expired",
        "failed",
    ],
    done: &["complete"],
    results: &["pass", "review", "fail"],
    good: &["pass"],
    modifiers: NONE,
    may_be_silent: true,
    may_lack: &[],
    asides: &[],
    is_pass: |status, result, _| status == "complete" && result == "pass",
};

/// Checkr, section 5. Before 2022 the status was the result, and nothing else said it. `includes_canceled` is a partial clear, and an employer's own decision but
/// `engaged` is for a person.
const CHECKR: Speech = Speech {
    vendor: "checkr",
    settings: &[("work_location", "\"US-IL\"")],
    statuses: &[
        "expired",
        "deleted",
        "completed",
        "pending",
        "suspended",
        "paused",
        "dispute",
        "complete",
        "canceled",
        "clear",
        "consider",
    ],
    done: &["complete", "clear"],
    results: &["clear", "consider", "null"],
    good: &["clear"],
    modifiers: &[
        "+adjudication=null+assessment=null",
        "+adjudication=null+assessment=review",
        "+adjudication=null+assessment=escalated",
        "+adjudication=null+assessment=eligible",
        "+adjudication=engaged+assessment=null",
        "+adjudication=pre_adverse_action+assessment=null",
        "+adjudication=post_adverse_action+assessment=eligible",
        "+includes_canceled+adjudication=null+assessment=null",
        "+includes_canceled+adjudication=engaged+assessment=eligible",
    ],
    may_be_silent: false,
    may_lack: &["result", "includes_canceled", "adjudication", "assessment"],
    asides: &["expired", "deleted", "completed"],
    is_pass: |status, result, more| {
        let is_clear = match status {
            "complete" => result == "clear",
            "clear" => ["clear", "null", ""].contains(&result),
            _ => false,
        };
        is_clear && checkr_is_whole(more)
    },
};

/// With Checkr's assessment an account's own rules decide; they cannot make a partial report whole.
const CHECKR_ASSESSED: Speech = Speech {
    settings: &[("work_location", "\"US-IL\""), ("assessment", "\"use\"")],
    is_pass: |status, result, more| {
        let assessed = more.rsplit_once("assessment=").map(|(_, word)| word);
        let is_good = match (status, assessed) {
            ("complete", Some("eligible")) => true,
            ("complete", Some("null")) => result == "clear",
            ("clear", _) => ["clear", "null", ""].contains(&result),
            _ => false,
        };
        is_good && checkr_is_whole(more)
    },
    ..CHECKR
};

fn checkr_is_whole(more: &str) -> bool {
    !more.contains("includes_canceled") && !more.contains("adverse")
}

/// Sterling, section 5. `Meets` and `Pass` pass only where an account says so.
const STERLING: Speech = Speech {
    vendor: "sterling",
    settings: &[],
    statuses: &[
        "new",
        "PreDraft",
        "Draft",
        "Pending",
        "In Progress",
        "Acknowledged",
        "Complete",
        "complete",
        "Cancelled",
        "Canceled",
        "Expired",
    ],
    done: &["Complete"],
    results: &[
        "n/a",
        "Pending",
        "null",
        "Clear",
        "alert",
        "Consider",
        "Adverse",
        "Fail",
        "Not Clear",
        "Does Not Meet",
        "Meets",
        "Pass",
    ],
    good: &["Clear"],
    modifiers: NONE,
    may_be_silent: true,
    may_lack: &[],
    asides: &[],
    is_pass: |status, result, _| status == "complete" && result == "clear",
};

const STERLING_OWN_WORDS: Speech = Speech {
    settings: &[("results", r#"{"Meets": "pass", "Does Not Meet": "fail"}"#)],
    good: &["Clear", "Meets"],
    is_pass: |status, result, _| status == "complete" && ["clear", "meets"].contains(&result),
    ..STERLING
};

/// Certn, section 5. The customer's own score of a check may be worse than the case's.
const CERTN: Speech = Speech {
    vendor: "certn",
    settings: &[],
    statuses: &[
        "DRAFT",
        "CASE_ORDERED",
        "INVITE_UNDELIVERABLE",
        "APPLICANT_INVITED",
        "APPLICANT_OPENED",
        "APPLICANT_STARTED",
        "APPLICANT_EXPIRED",
        "APPLICANT_DECLINED",
        "APPLICANT_SUBMITTED",
        "IN_PROGRESS",
        "APPLICANT_ACTION_REQUIRED",
        "CLIENT_ACTION_REQUIRED",
        "COMPLETE",
        "CANCELLED",
    ],
    done: &["COMPLETE"],
    results: &[
        "CLEAR",
        "REVIEW",
        "REJECT",
        "NOT_APPLICABLE",
        "RESTRICTED",
        "null",
    ],
    good: &["CLEAR"],
    modifiers: &[
        "",
        "",
        "+adjudication=CLEAR",
        "+adjudication=REJECT",
        "+adjudication=gremlins",
    ],
    may_be_silent: true,
    may_lack: &["adjudication_score", "checks", "0"],
    asides: &[],
    is_pass: |status, result, more| {
        let is_overruled = !["", "+adjudication=CLEAR"].contains(&more);
        status == "complete" && result == "clear" && !is_overruled
    },
};

/// TazWorks, section 5. There is no result but one flag, which is false on open orders too.
const TAZWORKS: Speech = Speech {
    vendor: "tazworks",
    settings: &[("client", "\"a8000000-0000-4000-8000-000000000001\"")],
    statuses: &[
        "app-pending",
        "app-ready",
        "draft",
        "new",
        "pre-pull",
        "pending",
        "dispatched qc",
        "qa review",
        "pending review",
        "client message",
        "end-user",
        "complete",
        "archived",
        "canceled",
        "internal-error",
    ],
    done: &["complete", "archived"],
    results: &["clear", "flagged", "null"],
    good: &["clear"],
    modifiers: NONE,
    may_be_silent: false,
    may_lack: &[],
    asides: &[],
    is_pass: |status, result, _| ["complete", "archived"].contains(&status) && result == "clear",
};

/// Accurate, section 5. Every account may have result words of its own.
const ACCURATE: Speech = Speech {
    vendor: "accurate",
    settings: &[
        ("work_location", "\"US-IL\""),
        ("work_city", "\"Springfield\""),
        (
            "result_words",
            r#"{"Green Light": "pass", "Red Light": "fail"}"#,
        ),
    ],
    statuses: &[
        "PENDING",
        "INVITED",
        "IN PROGRESS",
        "DRAFT",
        "COMPLETE",
        "CANCELLED",
        "EXPIRED",
    ],
    done: &["COMPLETE"],
    results: &[
        "PENDING",
        "PASS",
        "MEETS REQUIREMENTS",
        "NEEDS REVIEW",
        "FAIL",
        "DOES NOT MEET REQUIREMENTS",
        "CANCELLED",
        "Green Light",
        "Red Light",
        "Blue Light",
        "null",
    ],
    good: &["PASS", "MEETS REQUIREMENTS", "Green Light"],
    modifiers: NONE,
    may_be_silent: false,
    may_lack: &[],
    asides: &[],
    is_pass: |status, result, _| {
        status == "complete" && ["pass", "meetsrequirements", "greenlight"].contains(&result)
    },
};

/// Yardstik, section 5. One word is status and result.
const YARDSTIK: Speech = Speech {
    vendor: "yardstik",
    settings: &[],
    statuses: &[
        "created",
        "expired",
        "queued",
        "processing",
        "pending",
        "approved_to_process",
        "pending_approval",
        "info_requested",
        "ys_qa_review",
        "exception",
        "on_hold",
        "clear",
        "pass",
        "proceed",
        "consider",
        "pre_adverse",
        "final_adverse",
        "fail",
        "dispute",
        "canceled",
    ],
    done: &["clear", "pass", "proceed"],
    results: &["approved", "declined", "null"],
    good: &["null"],
    modifiers: NONE,
    may_be_silent: true,
    may_lack: &["adjudication"],
    asides: &[],
    is_pass: |status, _, _| ["clear", "pass", "proceed"].contains(&status),
};

const YARDSTIK_ADJUDICATED: Speech = Speech {
    settings: &[("adjudication", "\"review\"")],
    is_pass: |status, adjudication, _| {
        ["clear", "pass", "proceed"].contains(&status) && ["", "null"].contains(&adjudication)
    },
    ..YARDSTIK
};

/// Accio, section 5. `canceled` and `expired` are green with the agency, and no pass here; nor is an
/// order with a component that is held back or was abandoned, or another order with a finding.
const ACCIO: Speech = Speech {
    vendor: "accio",
    settings: &[],
    statuses: &[
        "inprogress candidate",
        "inprogress recruiter",
        "inprogress vendor",
        "order confirmation",
        "order completion",
        "expired",
        "deleted",
    ],
    done: &["order completion"],
    results: &[
        "clear",
        "verified",
        "pass",
        "negative",
        "drugnegative",
        "no match",
        "canceled",
        "expired",
        "hits",
        "no hits",
        "discrepancy",
        "unable to verify",
        "positive",
        "negative-dilute",
        "disqualified",
        "fail",
        "unknown",
        "review",
        "see comments",
        "complete incomplete",
        "lab-reject",
        "labreject",
        "test-cancelled",
        "expired black",
        "cd_ours",
    ],
    good: &[
        "clear",
        "verified",
        "pass",
        "negative",
        "drugnegative",
        "no match",
    ],
    modifiers: &[
        "",
        "",
        "",
        "+held",
        "+failed",
        "+generated=clear",
        "+generated=hits",
        "+generated=canceled",
    ],
    may_be_silent: false,
    may_lack: &[],
    asides: &[],
    is_pass: |status, result, more| {
        let good = [
            "",
            "clear",
            "verified",
            "pass",
            "negative",
            "drugnegative",
            "nomatch",
        ];
        status == "ordercompletion"
            && good.contains(&result)
            && ["", "+generated=clear"].contains(&more)
    },
};

/// TazWorks XML, section 5. Only `x:ready` is finished, and its flag says how it ended.
const TAZWORKS_XML: Speech = Speech {
    vendor: "tazworks_xml",
    settings: &[],
    statuses: &[
        "app_pending",
        "applicant-pending",
        "applicant_pending",
        "applicant-ready",
        "draft",
        "pending",
        "client-message",
        "canceled",
        "ready",
        "error",
        "unlinked",
        "archived",
    ],
    done: &["ready"],
    results: &["TRUE", "FALSE"],
    good: &["FALSE"],
    modifiers: &[
        "",
        "",
        "+decision=(XYZ) Clear",
        "+decision=(XYZ) Decline",
        "+decision=gremlins",
    ],
    may_be_silent: true,
    may_lack: &[],
    asides: &[],
    is_pass: |status, flag, _| status == "ready" && flag == "false",
};

const TAZWORKS_XML_DECIDED: Speech = Speech {
    settings: &[
        ("decision", "\"use\""),
        (
            "decisions",
            r#"{"(XYZ) Clear": "pass", "(XYZ) Decline": "fail"}"#,
        ),
    ],
    is_pass: |status, flag, more| {
        status == "ready" && flag == "false" && more == "+decision=(XYZ) Clear"
    },
    ..TAZWORKS_XML
};

pub(super) const SPEECHES: &[Speech] = &[
    SANDBOX,
    CHECKR,
    CHECKR_ASSESSED,
    STERLING,
    STERLING_OWN_WORDS,
    CERTN,
    TAZWORKS,
    ACCURATE,
    YARDSTIK,
    YARDSTIK_ADJUDICATED,
    ACCIO,
    TAZWORKS_XML,
    TAZWORKS_XML_DECIDED,
];
