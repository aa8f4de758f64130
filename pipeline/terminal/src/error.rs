//! Errors as text for a person.

use std::error::Error;
use std::io;

/// The message of an error and of its causes, joined by colons; a cause whose text is already part of the message is left out.
pub fn error_message(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error).map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether the process that reads our output has closed it, which is not an error.
pub fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let kind = |cause: &(dyn Error + 'static)| cause.downcast_ref::<io::Error>().map(io::Error::kind);
    causes(error).any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error, &'static str);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.1)
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_are_joined_and_not_repeated() {
        let inner = || io::Error::other("disk full");
        assert_eq!(error_message(&Outer(inner(), "cannot write `a`")), "cannot write `a`: disk full");
        assert_eq!(error_message(&Outer(inner(), "cannot write `a`: disk full")), "cannot write `a`: disk full");
    }

    #[test]
    fn a_broken_pipe_is_found_below_other_errors() {
        assert!(is_broken_pipe(&Outer(io::ErrorKind::BrokenPipe.into(), "cannot write")));
        assert!(!is_broken_pipe(&Outer(io::ErrorKind::StorageFull.into(), "cannot write")));
    }
}
