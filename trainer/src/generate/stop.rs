//! Detects stop strings in text that arrives in pieces.
//!
//! Invariant: whether a text stops does not depend on which of its parts are shown.

use std::ops::Range;

/// Buffers text that may be the beginning of a stop string.
#[derive(Debug)]
pub(crate) struct Stopper<'a> {
    stop: &'a [String],
    buffer: String,
    /// The parts of the buffer that are not shown, in order.
    hidden: Vec<Range<usize>>,
    stopped: bool,
}

impl<'a> Stopper<'a> {
    pub(crate) fn new(stop: &'a [String]) -> Self {
        Self { stop, buffer: String::new(), hidden: Vec::new(), stopped: false }
    }

    /// Whether a stop string was found.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Appends text and returns the text that is ready to show: before any stop string, and not the beginning of one.
    pub(crate) fn push(&mut self, text: &str) -> String {
        if self.stopped {
            return String::new();
        }
        self.buffer.push_str(text);
        let found = self.stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| self.buffer.find(stop.as_str()));
        if let Some(at) = found.min() {
            self.stopped = true;
            let shown = self.release(at);
            self.buffer.clear();
            self.hidden.clear();
            return shown;
        }
        let kept = self.stop.iter().map(|stop| overlap(&self.buffer, stop)).max().unwrap_or(0);
        self.release(self.buffer.len() - kept)
    }

    /// As [`Self::push`], for text that is compared with the stop strings but not shown.
    pub(crate) fn push_hidden(&mut self, text: &str) -> String {
        if !self.stopped {
            self.hidden.push(self.buffer.len()..self.buffer.len() + text.len());
        }
        self.push(text)
    }

    /// Ends the text and returns the rest of the buffer.
    pub(crate) fn finish(&mut self) -> String {
        self.release(self.buffer.len())
    }

    /// Removes the first `end` bytes from the buffer, and returns those of them that are shown.
    fn release(&mut self, end: usize) -> String {
        let rest = self.buffer.split_off(end);
        let text = std::mem::replace(&mut self.buffer, rest);
        let (mut shown, mut position) = (String::new(), 0);
        for range in &mut self.hidden {
            shown.push_str(&text[position..range.start.min(end)]);
            position = range.end.min(end);
            *range = range.start.saturating_sub(end)..range.end.saturating_sub(end);
        }
        shown.push_str(&text[position..]);
        self.hidden.retain(|range| !range.is_empty());
        shown
    }
}

/// Length in bytes of the longest proper prefix of `stop` at the end of `text`.
fn overlap(text: &str, stop: &str) -> usize {
    let max = text.len().min(stop.len().saturating_sub(1));
    let fits = |&bytes: &usize| stop.is_char_boundary(bytes) && text.ends_with(&stop[..bytes]);
    (1..=max).rev().find(fits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run_stopper(parts: &[&str], stop: &[&str]) -> (String, bool) {
        let stop: Vec<String> = stop.iter().map(|&text| text.to_owned()).collect();
        let mut stopper = Stopper::new(&stop);
        let mut shown: String = parts.iter().map(|part| stopper.push(part)).collect();
        shown.push_str(&stopper.finish());
        (shown, stopper.stopped())
    }

    #[test]
    fn finds_stop_strings_across_parts() {
        assert_eq!(run_stopper(&["one E", "N", "D two"], &["END"]), ("one ".into(), true));
        assert_eq!(run_stopper(&["one E", "N two"], &["END"]), ("one EN two".into(), false));
        assert_eq!(run_stopper(&["aa", "ab"], &["aab"]), ("a".into(), true));
        assert_eq!(run_stopper(&["世", "界。終", "わり"], &["終わり", "界"]), ("世".into(), true));
        assert_eq!(run_stopper(&["text"], &[]), ("text".into(), false));
    }

    #[test]
    fn hidden_text_stops_but_is_not_shown() {
        let run = |parts: &[(&str, bool)], stop: &str| {
            let stop = [stop.to_owned()];
            let mut stopper = Stopper::new(&stop);
            let push = |&(text, hidden): &(&str, bool)| {
                if hidden { stopper.push_hidden(text) } else { stopper.push(text) }
            };
            let mut shown: String = parts.iter().map(push).collect();
            shown.push_str(&stopper.finish());
            (shown, stopper.stopped())
        };
        assert_eq!(run(&[("one", false), ("<|im_end|>", true), ("two", false)], "<|im_end|>"), ("one".into(), true));
        // A stop string that is partly hidden.
        assert_eq!(run(&[("one\n", false), ("<|im_end|>", true)], "\n<|im_end|>"), ("one".into(), true));
        assert_eq!(run(&[("<|im_end|>", true), ("\nuser", false)], "<|im_end|>\nu"), (String::new(), true));
        // The beginning of a stop string, which does not follow.
        assert_eq!(run(&[("a", false), ("<|x|>", true), ("b", false), ("c", false)], "<|x|>bd"), ("abc".into(), false));
        assert_eq!(run(&[("a", false), ("<|x|>", true)], "<|x|>bd"), ("a".into(), false));
    }

    proptest! {
        #[test]
        fn splits_do_not_matter(text in "[abü]{0,12}", stop in "[abü]{1,3}", cuts in prop::collection::vec(0..13usize, 0..5)) {
            let whole = run_stopper(&[&text], &[&stop]);
            let mut bounds: Vec<usize> = cuts.into_iter().filter(|&at| text.is_char_boundary(at) && at <= text.len()).collect();
            bounds.extend([0, text.len()]);
            bounds.sort_unstable();
            let parts: Vec<&str> = bounds.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(run_stopper(&parts, &[&stop]), whole.clone());
            prop_assert_eq!(whole.0, text.split(&stop).next().unwrap_or_default());
        }
    }
}
