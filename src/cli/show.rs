//! How results look: columns for people, JSON for programs, times as RFC 3339 in UTC.

use std::io::Write;

use adapters::vocabulary::Millis;
use serde::Serialize;

use super::error::CliError;

/// The most rows a listing shows.
pub(super) const MOST: i64 = 10_000;

/// A row of a listing. Its JSON is what it serializes to.
pub(super) trait Listed: Serialize {
    /// What stands above the columns.
    const HEADINGS: &'static [&'static str];

    /// The columns, one for each heading.
    fn cells(&self) -> Vec<String>;
}

/// Writes a listing.
pub(super) fn write_list<T: Listed>(
    out: &mut impl Write,
    json: bool,
    rows: &[T],
) -> Result<(), CliError> {
    if json {
        return write_json(out, &rows);
    }
    let mut table = vec![T::HEADINGS.iter().map(ToString::to_string).collect()];
    table.extend(rows.iter().map(Listed::cells));
    write_columns(out, "", &table)
}

/// Writes one JSON document.
pub(super) fn write_json(out: &mut impl Write, value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| CliError::Internal(format!("the result has no JSON ({error})")))?;
    Ok(writeln!(out, "{text}")?)
}

/// Writes rows in columns as wide as their widest cell, each row behind `indent`.
pub(super) fn write_columns(
    out: &mut impl Write,
    indent: &str,
    rows: &[Vec<String>],
) -> Result<(), CliError> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let padded = row.iter().zip(&widths);
        let padded = padded.map(|(cell, width)| format!("{cell:width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        writeln!(out, "{indent}{}", line.trim_end())?;
    }
    Ok(())
}

/// A time for people and programs: `2026-01-31T09:00:00.123Z`.
pub(super) fn time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map_or_else(|_| at.to_string(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_down_to_the_millisecond() {
        assert_eq!(time(1_767_225_600_120), "2026-01-01T00:00:00.120Z");
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn columns_line_up_and_lines_end_with_their_last_cell() {
        let rows = [["a", "b"], ["long", "é"], ["x", ""]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let mut out = Vec::new();
        write_columns(&mut out, "  ", &rows).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "  a     b\n  long  é\n  x\n");
    }
}
