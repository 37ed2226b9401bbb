//! W3C trace context: the id that follows one piece of work through the ATS, us and a vendor.
//!
//! It is taken from a caller's `traceparent` or begun here, kept for the task at hand, and handed
//! on with calls to vendors. Spans carry it as `trace_id`. Whether somebody samples it is the
//! caller's choice, handed on as it came.

use std::future::Future;

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static CURRENT: Trace;
}

/// The trace a piece of work belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    flags: u8,
}

impl Trace {
    /// A trace that begins here.
    pub fn begin() -> Self {
        Self {
            id: rand::random::<u128>() | 1,
            flags: 0,
        }
    }

    /// The trace of a `traceparent` header; `None` where it is not one, and is then ignored.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, id, parent, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lower_hex = |text: &str, length| {
            text.len() == length
                && text
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let sound = lower_hex(version, 2)
            && version != "ff"
            && lower_hex(id, 32)
            && lower_hex(parent, 16)
            && lower_hex(flags, 2);
        if !sound
            || (version == "00" && parts.next().is_some())
            || parent.bytes().all(|byte| byte == b'0')
        {
            return None;
        }
        let id = u128::from_str_radix(id, 16).ok().filter(|id| *id != 0)?;
        Some(Self {
            id,
            flags: u8::from_str_radix(flags, 16).ok()?,
        })
    }

    /// The trace of the task at hand.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|trace| *trace).ok()
    }

    /// Its id, in hex.
    pub fn id(self) -> hex::Buffer<16> {
        hex::Buffer::new().const_format(&self.id.to_be_bytes())
    }

    /// A `traceparent` for a call made as part of this trace.
    pub fn for_call(self) -> String {
        format!(
            "00-{:032x}-{:016x}-{:02x}",
            self.id,
            rand::random::<u64>() | 1,
            self.flags
        )
    }

    /// Does work as part of this trace.
    pub fn scope<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, work)
    }
}

/// Work that is started apart and stays part of the trace it was started in.
pub async fn inherit<F: Future>(trace: Option<Trace>, work: F) -> F::Output {
    match trace {
        Some(trace) => trace.scope(work).await,
        None => work.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_is_taken_over_and_handed_on() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = Trace::parse(header).unwrap();
        assert_eq!(trace.id().as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let onward = trace.for_call();
        assert!(
            onward.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
            "{onward}"
        );
        assert!(onward.ends_with("-01"), "{onward}");
        assert_ne!(onward, header);
        assert_eq!(Trace::parse(&onward), Some(trace));
    }

    #[test]
    fn what_is_no_trace_context_is_ignored() {
        for header in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(Trace::parse(header), None, "{header}");
        }
        let future = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-ever";
        assert!(
            Trace::parse(future).is_some(),
            "later versions may be longer"
        );
    }

    #[tokio::test]
    async fn work_knows_its_trace() {
        let trace = Trace::begin();
        assert_eq!(trace.scope(async { Trace::current() }).await, Some(trace));
        assert_eq!(Trace::current(), None);
    }
}
