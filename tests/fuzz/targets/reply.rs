//! Any bytes as a vendor's answer. The first bytes choose the vendor, the operation and the status.
#![no_main]

use adapters::contract::{
    CancelOrder, Context, Fault, FetchOrder, Found, ListPackages, Memo, Operation, Reply,
    ReportLink, Translate, Turn, VerifyCredentials,
};
use adapters::vocabulary::{Outcome, Progress, Standing, TheirRef};
use libfuzzer_sys::fuzz_target;

const STATUSES: [u16; 10] = [200, 201, 204, 400, 401, 404, 409, 422, 429, 500];

/// What the answer means; the same bytes mean the same.
fn decoded<O: Operation>(
    how: &dyn Translate<O>,
    op: &O,
    cx: &Context<'_>,
    reply: &Reply,
) -> Result<Turn<O::Output>, Fault> {
    let memo = Memo::default();
    let came = how.decode(op, &memo, cx, reply);
    let again = how.decode(op, &memo, cx, reply);
    assert_eq!(came.as_ref().err(), again.as_ref().err());
    came
}

fn judge(progress: &Progress, status: u16) {
    let passes = progress.standing == Some(Standing::Complete(Outcome::Pass));
    assert!(status < 500 || !passes, "a failure passes somebody");
}

fuzz_target!(|data: &[u8]| {
    let [vendor, operation, status, body @ ..] = data else {
        return;
    };
    let vendor = fuzz::vendor(*vendor);
    let settings = fuzz::settings(&vendor);
    let cx = Context {
        settings: &settings,
        key: "key",
        base_url: "https://vendor.example",
    };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let reply = Reply {
        status,
        headers: Vec::new(),
        body: body.to_vec(),
    };
    let theirs = TheirRef("theirs-1".to_owned());
    match operation % 5 {
        0 => {
            if let Some(fetch) = &vendor.fetch {
                let came = decoded(fetch.as_ref(), &FetchOrder::Theirs(theirs), &cx, &reply);
                if let Ok(Turn::Done(Found::One(progress))) = came {
                    judge(&progress, status);
                }
            }
        }
        1 => {
            if let Some(cancel) = &vendor.cancel
                && let Ok(Turn::Done(progress)) =
                    decoded(cancel.as_ref(), &CancelOrder { theirs }, &cx, &reply)
            {
                judge(&progress, status);
            }
        }
        2 => {
            if let Some(list) = &vendor.list {
                let _ = decoded(list.as_ref(), &ListPackages, &cx, &reply);
            }
        }
        3 => {
            if let Some(report) = &vendor.report {
                let _ = decoded(report.as_ref(), &ReportLink { theirs }, &cx, &reply);
            }
        }
        _ => {
            if let Some(verify) = &vendor.verify {
                let came = decoded(verify.as_ref(), &VerifyCredentials, &cx, &reply);
                assert!(status < 500 || came.is_err(), "a failure verifies");
            }
        }
    }
});
