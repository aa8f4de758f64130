//! Splits the shell code of the book into commands, so that each can be compared with a program's help.
//!
//! Handles quotes, comments, line continuations, pipes and redirections; no expansion.

/// Splits a script into simple commands, each a list of words without quotes.
pub fn shell_commands(script: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = script.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '\\') => {
                if let Some(next) = characters.next().filter(|next| *next != '\n') {
                    word.get_or_insert_default().push(next);
                }
            }
            (None, '#') if word.is_none() => while characters.next_if(|next| *next != '\n').is_some() {},
            (None, '\n' | '|' | ';' | '&') => {
                commands.last_mut().expect("never empty").extend(word.take());
                commands.push(Vec::new());
            }
            (None, _) if character.is_whitespace() => commands.last_mut().expect("never empty").extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    assert!(quote.is_none(), "a quote is not closed in\n{script}");
    commands.last_mut().expect("never empty").extend(word.take());
    commands.retain(|words| !words.is_empty());
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_commands_are_split_as_a_shell_does() {
        let script = "a --x 'b c' \\\n  d=\"e f\"   # comment 'open\nprintf '#\\n' | g - > h\n\n";
        let expected: [&[&str]; 3] = [&["a", "--x", "b c", "d=e f"], &["printf", "#\\n"], &["g", "-", ">", "h"]];
        assert_eq!(shell_commands(script), expected);
    }
}
