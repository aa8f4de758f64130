//! Parses dates as pages write them.
//!
//! Invariant: a date is returned only if day, month and year are all given; which of two numbers is the month is never
//! guessed.

use chrono::NaiveDate;

/// Prefixes of month names in English, German, French, Spanish, Portuguese, Italian and Dutch.
const MONTHS: [&[&str]; 12] = [
    &["jan", "ene", "gen", "jän"],
    &["feb", "fév", "fev"],
    &["mar", "mär", "maa", "mrt"],
    &["apr", "avr", "abr"],
    &["may", "mai", "mag", "mei"],
    &["jun", "juin", "giu"],
    &["jul", "juil", "lug"],
    &["aug", "aoû", "ago"],
    &["sep", "set"],
    &["oct", "okt", "out", "ott"],
    &["nov"],
    &["dec", "déc", "dez", "dic"],
];

/// The date of an ISO 8601 date or time at the start of `value`, as `YYYY-MM-DD`.
pub(super) fn parse_iso_date(value: &str) -> Option<String> {
    let value = value.trim();
    let head = value.get(..10)?;
    let bytes = head.as_bytes();
    let shape = bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| if at == 4 || at == 7 { matches!(byte, b'-' | b'/') } else { byte.is_ascii_digit() });
    let number = |from: usize, to: usize| head.get(from..to)?.parse::<u32>().ok();
    if shape { format_date(number(0, 4)?, number(5, 7)?, number(8, 10)?) } else { None }
}

/// The first date in a short text: ISO 8601, `May 3, 2024`, `3. Mai 2024`, `2024年5月3日`, `03.05.2024`.
pub(super) fn parse_date(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | '|' | '•' | '·' | '–' | '年' | '月' | '日'))
        .filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("de") && !word.eq_ignore_ascii_case("of"))
        .collect();
    for (at, word) in words.iter().enumerate() {
        if let Some(day) = parse_iso_date(word).or_else(|| parse_dotted_date(word)) {
            return Some(day);
        }
        let next = |step: usize| words.get(at + step).copied().unwrap_or_default();
        let found = if let Some(month) = parse_month(word) {
            // May 3 2024, or 3 May 2024 with the number before the month.
            let before = at.checked_sub(1).and_then(|before| parse_day(words[before]));
            match (parse_day(next(1)), parse_year(next(2))) {
                (Some(date), Some(year)) => format_date(year, month, date),
                _ => before.zip(parse_year(next(1))).and_then(|(date, year)| format_date(year, month, date)),
            }
        } else if text.contains('年') {
            let numbers = (parse_year(word), next(1).parse().ok(), next(2).parse().ok());
            if let (Some(year), Some(month), Some(date)) = numbers { format_date(year, month, date) } else { None }
        } else {
            None
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The date in a URL such as `…/2024/05/03/…`.
pub(super) fn date_in_url(address: &str) -> Option<String> {
    let parts: Vec<&str> = address.split(['?', '#']).next()?.split('/').collect();
    parts.iter().enumerate().find_map(|(at, part)| {
        let number = |step: usize| parts.get(at + step).filter(|part| part.len() <= 2)?.parse::<u32>().ok();
        let slashed = parse_year(part).and_then(|year| format_date(year, number(1)?, number(2)?));
        slashed.or_else(|| parse_iso_date(part))
    })
}

/// Parses `03.05.2024`: only with dots, where the day always comes first.
fn parse_dotted_date(word: &str) -> Option<String> {
    let mut parts = word.trim_end_matches('.').split('.');
    let (date, month, last) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || date.len() > 2 || month.len() > 2 {
        return None;
    }
    format_date(parse_year(last)?, month.parse().ok()?, date.parse().ok()?)
}

fn parse_month(word: &str) -> Option<u32> {
    let lower = word.trim_end_matches('.').to_lowercase();
    if lower.chars().count() < 3 || lower.chars().count() > 10 || !lower.chars().all(char::is_alphabetic) {
        return None;
    }
    let index = MONTHS.iter().position(|starts| starts.iter().any(|start| lower.starts_with(start)))?;
    u32::try_from(index + 1).ok()
}

/// Parses a day of the month: `3`, `03`, `3.`, `3rd`.
fn parse_day(word: &str) -> Option<u32> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &word[digits..];
    let ending = matches!(rest, "" | "." | "st" | "nd" | "rd" | "th" | "er" | "º");
    if ending && (1..=2).contains(&digits) { word[..digits].parse().ok() } else { None }
}

fn parse_year(word: &str) -> Option<u32> {
    let word = word.trim_end_matches(['.', ';', ':']);
    let plain = word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|year| plain && (1990..2100).contains(year))
}

fn format_date(year: u32, month: u32, date: u32) -> Option<String> {
    let year = i32::try_from(year).ok().filter(|year| (1000..2100).contains(year))?;
    Some(NaiveDate::from_ymd_opt(year, month, date)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_common_formats_are_parsed() {
        for text in [
            "Posted on May 3, 2024, 8:45am",
            "3 May 2024",
            "3. Mai 2024",
            "May 3rd 2024",
            "3 de mayo de 2024",
            "le 3 mai 2024",
            "2024年5月3日",
            "03.05.2024",
            "updated: 2024-05-03T10:00:00Z",
        ] {
            assert_eq!(parse_date(text).as_deref(), Some("2024-05-03"), "{text}");
        }
        for text in ["05/03/2024", "May 2024", "version 3.5.2024.1", "3, 2024", "2023-02-29", "31 April 2024", ""] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn date_is_read_from_a_url() {
        assert_eq!(date_in_url("https://site.test/2024/05/03/title").as_deref(), Some("2024-05-03"));
        assert_eq!(date_in_url("https://site.test/news/2024-05-03-title").as_deref(), Some("2024-05-03"));
        assert_eq!(date_in_url("https://site.test/2024/05/title"), None);
    }
}
