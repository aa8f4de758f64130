//! Reads the dates of pages as numbers.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Formats of a date with a time, without an offset.
const DATE_TIMES: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];

/// Formats of a date.
const DATES: [&str; 8] =
    ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%B %d, %Y", "%d %B %Y", "%A, %B %d, %Y"];

/// Seconds since 1970-01-01 UTC of a date as a page states it: RFC 3339, RFC 2822, or one of the formats above; a time
/// without an offset counts as UTC. `None` if it is none of them, or ambiguous, such as 3/4/2021.
#[expect(clippy::cast_precision_loss, reason = "seconds are below 2⁵³ for every date that the formats can name")]
pub(super) fn seconds(date: &str) -> Option<f64> {
    let date = date.trim();
    let with_offset = DateTime::parse_from_rfc3339(date)
        .or_else(|_| DateTime::parse_from_rfc2822(date))
        .or_else(|_| DateTime::parse_from_str(date, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .map(|time| time.timestamp());
    let time = |format: &&str| NaiveDateTime::parse_from_str(date, format).ok();
    let day = |format: &&str| NaiveDate::parse_from_str(date, format).ok()?.and_hms_opt(0, 0, 0);
    let seconds = with_offset.ok().or_else(|| {
        let local = DATE_TIMES.iter().find_map(time).or_else(|| DATES.iter().find_map(day))?;
        Some(local.and_utc().timestamp())
    });
    seconds.map(|seconds| seconds as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_the_formats_of_pages() {
        let day = 1_614_816_000.0;
        for (date, expected) in [
            ("2021-03-04", Some(day)),
            (" 2021-03-04T00:00:00Z", Some(day)),
            ("2021-03-04T02:00:00+02:00", Some(day)),
            ("2021-03-04T02:00:00+0200", Some(day)),
            ("2021-03-04T00:00:00.250", Some(day)),
            ("2021-03-04 00:01", Some(day + 60.0)),
            ("Thu, 04 Mar 2021 00:00:00 GMT", Some(day)),
            ("March 4, 2021", Some(day)),
            ("4 March 2021", Some(day)),
            ("Thursday, March 4, 2021", Some(day)),
            ("20210304", Some(day)),
            ("04.03.2021", Some(day)),
            ("3/4/2021", None),
            ("2021", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(seconds(date), expected, "{date:?}");
        }
    }
}
