//! How the fake ATS answers: a queue for the next requests, and what stands for all others.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// One way to answer. `POST /_control/answer` takes it as JSON, where everything may be left out:
/// `{"path": "/hooks", "times": 3, "status": 503, "headers": [["retry-after", "2"]]}`,
/// `{"conduct": {"close_after": {"bytes": 10}}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// For requests to this path, without query; empty: to any.
    pub path: String,
    /// How many requests are answered so; 0: all, until told otherwise.
    pub times: u32,
    /// The status, from 100; also those that no server should send as its last word.
    pub status: u16,
    /// Headers, such as `["retry-after", "2"]`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// How the answer travels.
    pub conduct: Conduct,
}

/// How an answer travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Conduct {
    /// At once and whole.
    #[default]
    Plain,
    /// Never; the connection stays open and silent.
    Hang,
    /// Not at all; the connection is reset.
    Reset,
    /// The head at once, then a byte each 100 ms, for ever.
    Drip,
    /// The head, then a body of this many bytes, as fast as it is read.
    Huge {
        /// How many.
        bytes: u64,
    },
    /// Only the first bytes, head included, of an answer that announces more; then the connection
    /// is closed.
    CloseAfter {
        /// How many.
        bytes: usize,
    },
}

impl Default for Answer {
    fn default() -> Self {
        Self::status(200)
    }
}

impl Answer {
    /// A status without a body, for all requests until told otherwise.
    pub fn status(status: u16) -> Self {
        Self {
            path: String::new(),
            times: 0,
            status,
            headers: Vec::new(),
            body: String::new(),
            conduct: Conduct::Plain,
        }
    }

    /// 200, sent as `conduct` says.
    pub fn conduct(conduct: Conduct) -> Self {
        Self {
            conduct,
            ..Self::status(200)
        }
    }

    /// The same for this path alone.
    pub fn at(self, path: &str) -> Self {
        let path = path.to_owned();
        Self { path, ..self }
    }

    /// The same for the next `times` requests alone.
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// The same with a header more.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a `Retry-After` header: seconds or a date.
    pub fn retry_after(self, value: &str) -> Self {
        self.header("retry-after", value)
    }

    /// The same with a body.
    pub fn body(self, body: &str) -> Self {
        let body = body.to_owned();
        Self { body, ..self }
    }
}

/// The answers that were asked for and are not used up.
#[derive(Debug, Default)]
pub(super) struct Answers {
    queue: VecDeque<Answer>,
    /// By path; the empty path stands for all others.
    standing: BTreeMap<String, Answer>,
}

impl Answers {
    pub(super) fn add(&mut self, answer: Answer) {
        if answer.times > 0 {
            self.queue.push_back(answer);
        } else {
            self.standing.insert(answer.path.clone(), answer);
        }
    }

    /// The answer to a request: the first queued one that fits, else the path's own, else the one
    /// for all paths, else 200.
    pub(super) fn next(&mut self, path: &str) -> Answer {
        let fits = |answer: &Answer| answer.path.is_empty() || answer.path == path;
        if let Some(place) = self.queue.iter().position(fits) {
            let mut answer = self.queue[place].clone();
            if answer.times == 1 {
                self.queue.remove(place);
            } else {
                self.queue[place].times -= 1;
            }
            answer.times = 1;
            return answer;
        }
        let standing = self.standing.get(path);
        let standing = standing.or_else(|| self.standing.get(""));
        standing.cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queued_answers_come_first_then_the_paths_own_then_the_general_one() {
        let mut answers = Answers::default();
        answers.add(Answer::status(500));
        answers.add(Answer::status(404).at("/a"));
        answers.add(Answer::status(503).times(2));
        answers.add(Answer::status(410).at("/a").times(1));
        let mut next = |path| answers.next(path).status;
        assert_eq!([next("/b"), next("/a")], [503, 503]);
        assert_eq!([next("/b"), next("/a")], [500, 410]);
        assert_eq!([next("/b"), next("/a")], [500, 404]);
    }

    #[test]
    fn a_standing_answer_replaces_the_one_before() {
        let mut answers = Answers::default();
        answers.add(Answer::status(500));
        answers.add(Answer::status(200));
        assert_eq!(answers.next("/a").status, 200);
    }
}
