//! Extracts the title of a Markdown document from its front matter or its first heading.
//!
//! Invariant: the text is not changed.

/// Returns the title, if any: `title` of YAML (`---`) or TOML (`+++`) front matter, otherwise the first `# ` heading
/// outside fenced code blocks.
pub(crate) fn title(markdown: &str) -> Option<String> {
    let text = markdown.trim_start_matches('\u{feff}');
    front_matter(text).or_else(|| heading(text))
}

fn front_matter(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let (fence, separator) = match lines.next()?.trim_end() {
        "---" => ("---", ':'),
        "+++" => ("+++", '='),
        _ => return None,
    };
    let body: Vec<&str> = lines.by_ref().take_while(|line| line.trim_end() != fence).take(200).collect();
    let value = body.iter().find_map(|line| {
        let (key, value) = line.split_once(separator)?;
        (key.trim_end() == "title").then_some(value.trim())
    })?;
    let quoted = |mark| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value).trim();
    (!value.is_empty() && value != "|" && value != ">").then(|| value.to_owned())
}

fn heading(text: &str) -> Option<String> {
    let mut fenced = false;
    for line in text.lines() {
        let line = line.trim_end();
        if line.starts_with("```") || line.starts_with("~~~") {
            fenced = !fenced;
        } else if !fenced && let Some(title) = line.strip_prefix("# ") {
            let title = title.trim().trim_end_matches('#').trim_end();
            if !title.is_empty() {
                return Some(title.to_owned());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_precedes_headings() {
        assert_eq!(title("---\nlayout: x\ntitle: \"A: b\"\n---\n# C\n").as_deref(), Some("A: b"));
        assert_eq!(title("+++\ntitle = 'T'\n+++\n").as_deref(), Some("T"));
        assert_eq!(title("---\nlayout: x\n---\n# C ##\n").as_deref(), Some("C"));
        assert_eq!(title("```sh\n# not this\n```\n# This\n").as_deref(), Some("This"));
        assert_eq!(title("# \n\nplain"), None);
        assert_eq!(title(""), None);
    }
}
