//! The table at the end: every figure with its rounds, their median, and the target it is held to.

use std::fmt;

/// What a figure is held to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// It only explains another one.
    None,
    AtMost(f64),
    AtLeast(f64),
}

struct Figure {
    what: String,
    unit: &'static str,
    target: Target,
    rounds: Vec<f64>,
}

/// All figures, in the order in which they were first taken.
#[derive(Default)]
pub(crate) struct Figures {
    figures: Vec<Figure>,
    notes: Vec<String>,
}

impl Figures {
    /// Takes one round's value.
    pub(crate) fn take(&mut self, what: &str, unit: &'static str, target: Target, value: f64) {
        let known = self.figures.iter_mut().find(|figure| figure.what == what);
        match known {
            Some(figure) => figure.rounds.push(value),
            None => self.figures.push(Figure {
                what: what.to_owned(),
                unit,
                target,
                rounds: vec![value],
            }),
        }
    }

    /// Takes percentiles of times, in milliseconds.
    pub(crate) fn take_times(&mut self, what: &str, times: &Times, targets: &[(f64, Target)]) {
        for (percent, target) in targets {
            let value = times.percentile(*percent);
            self.take(&format!("{what}, p{percent}"), "ms", *target, value);
        }
    }

    /// Keeps a sentence that stands below the table, once.
    pub(crate) fn note(&mut self, sentence: String) {
        if !self.notes.contains(&sentence) {
            self.notes.push(sentence);
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.figures.iter().map(|figure| figure.what.len()).max();
        let width = width.unwrap_or(0);
        writeln!(
            f,
            "\n{:width$}  {:>10}  {:20}  rounds",
            "", "median", "target"
        )?;
        for figure in &self.figures {
            let value = median(&figure.rounds);
            let target = match figure.target {
                Target::None => String::new(),
                Target::AtMost(most) => format!("<= {most} {}", met(value <= most)),
                Target::AtLeast(least) => format!(">= {least} {}", met(value >= least)),
            };
            let rounds: Vec<_> = figure.rounds.iter().map(|it| short(*it)).collect();
            writeln!(
                f,
                "{:width$}  {:>10}  {target:20}  {} {}",
                figure.what,
                short(value),
                rounds.join(" "),
                figure.unit,
            )?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// The middle one; of an even number, the better known lower one.
fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

/// Many times of one kind, in milliseconds.
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn new(times: impl IntoIterator<Item = std::time::Duration>) -> Self {
        let mut times: Vec<f64> = times
            .into_iter()
            .map(|time| time.as_secs_f64() * 1000.0)
            .collect();
        times.sort_by(f64::total_cmp);
        assert!(!times.is_empty(), "something was measured");
        Self(times)
    }

    /// The time that so many percent do not exceed.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank among some thousand times"
    )]
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let rank = (self.0.len() as f64 * percent / 100.0).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }
}
