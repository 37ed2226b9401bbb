//! A simulator that does what a test says: its path chooses the manner of the answer.

use std::time::Duration;

use adapters::simulator::{Arrived, FaultOrder, HeldOrder, Manner, Outgoing, Response, Simulator};
use adapters::vocabulary::Millis;

/// Holds one order, `REF-1` alias `v-1`, and calls back when it is moved.
pub(crate) struct Script {
    order: HeldOrder,
    callback_url: String,
    due: Vec<Outgoing>,
    due_at: Millis,
    answers: Vec<String>,
    faults: usize,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            order: HeldOrder {
                reference: "REF-1".to_owned(),
                id: "v-1".to_owned(),
                status: "pending".to_owned(),
                result: None,
            },
            callback_url: String::new(),
            due: Vec::new(),
            due_at: 0,
            answers: Vec::new(),
            faults: 0,
        }
    }
}

impl Script {
    /// Has `n` callbacks that are due at `due_at`.
    pub(crate) fn with_callbacks(n: usize, url: &str, due_at: Millis) -> Self {
        let mut script = Self {
            due_at,
            ..Self::default()
        };
        for _ in 0..n {
            script.call_back(url);
        }
        script
    }

    fn call_back(&mut self, url: &str) {
        self.due.push(Outgoing {
            id: 7,
            url: url.to_owned(),
            method: "POST".to_owned(),
            headers: vec![("x-script".to_owned(), "yes".to_owned())],
            body: self.order.status.clone().into_bytes(),
        });
    }

    fn seen(&self) -> String {
        format!("{} faults; {}", self.faults, self.answers.join("; "))
    }
}

impl Simulator for Script {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("api_key", "script-key".to_owned())]
    }

    fn handle(&mut self, request: &Arrived, now: Millis) -> Response {
        let path = request.target.split('?').next().unwrap_or_default();
        let manner = match path {
            "/after" => Manner::After(Duration::from_millis(30)),
            "/never" => Manner::Never,
            "/reset" => Manner::Reset,
            "/truncated" => Manner::Truncated,
            "/dripping" => Manner::Dripping,
            _ => Manner::Plainly,
        };
        let body = match path {
            "/echo" => [request.target.as_bytes(), b" ", &request.body].concat(),
            "/now" => now.to_string().into_bytes(),
            "/seen" => self.seen().into_bytes(),
            _ => b"abcd".to_vec(),
        };
        Response {
            status: 201,
            headers: vec![("x-vendor".to_owned(), "script".to_owned())],
            body,
            manner,
        }
    }

    fn due(&mut self, now: Millis) -> Vec<Outgoing> {
        if now < self.due_at {
            return Vec::new();
        }
        std::mem::take(&mut self.due)
    }

    fn answered(&mut self, id: u64, status: Option<u16>, body: &[u8], _now: Millis) {
        let body = String::from_utf8_lossy(body);
        self.answers.push(format!("{id} {status:?} {body}"));
    }

    fn orders(&self) -> Vec<HeldOrder> {
        vec![self.order.clone()]
    }

    fn advance(&mut self, key: &str, status: &str, result: Option<&str>, _now: Millis) -> bool {
        if key != self.order.reference && key != self.order.id {
            return false;
        }
        self.order.status = status.to_owned();
        self.order.result = result.map(str::to_owned);
        if !self.callback_url.is_empty() {
            self.call_back(&self.callback_url.clone());
        }
        true
    }

    fn fault(&mut self, _fault: FaultOrder) {
        self.faults += 1;
    }

    fn set_callback_url(&mut self, url: &str) {
        url.clone_into(&mut self.callback_url);
    }
}
