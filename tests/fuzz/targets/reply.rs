//! Any bytes as a vendor's answer. The first bytes choose the vendor, the operation and the status.
#![no_main]

use adapters::contract::{
    Auth, CancelOrder, Context, Fault, FetchMany, FetchOrder, FetchToken, Found, ListPackages, Memo,
    Operation, PlaceOrder, Reply, ReportLink, Translate, Turn, VerifyCredentials,
};
use adapters::vocabulary::{OurRef, Outcome, Progress, Standing, TheirRef};
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
    let ours = OurRef("ours-1".to_owned());
    match operation % 9 {
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
        4 => {
            let op = PlaceOrder {
                order: fuzz::order().into(),
                ours,
                callback_url: "https://gateway.example/callbacks/v/t".to_owned(),
            };
            if let Ok(Turn::Done(progress)) = decoded(vendor.place.as_ref(), &op, &cx, &reply) {
                assert!(status < 300, "a failure places an order");
                judge(&progress, status);
            }
        }
        5 => {
            if let Some(fetch) = &vendor.fetch {
                let op = FetchOrder::Ours {
                    order: fuzz::order().into(),
                    ours,
                    first_sent_at: 1_769_940_002_000,
                };
                match decoded(fetch.as_ref(), &op, &cx, &reply) {
                    Ok(Turn::Done(Found::One(progress))) => judge(&progress, status),
                    Ok(Turn::Done(Found::NotSeen { blind: false })) => {
                        assert!(status < 500, "a failure proves that an order is not there");
                    }
                    _ => {}
                }
            }
        }
        6 => {
            if let Some(many) = &vendor.fetch_many {
                let op = FetchMany {
                    theirs: vec![theirs, TheirRef("theirs-2".to_owned())],
                };
                if let Ok(Turn::Done(found)) = decoded(many.as_ref(), &op, &cx, &reply) {
                    let asked: Vec<_> = found.iter().map(|(theirs, _)| theirs).collect();
                    assert!(asked.iter().all(|one| op.theirs.contains(one)));
                }
            }
        }
        7 => {
            if let Auth::Token(token) = &vendor.auth {
                let came = decoded(token.fetch.as_ref(), &FetchToken, &cx, &reply);
                assert!(status < 300 || came.is_err(), "a failure is a token");
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
