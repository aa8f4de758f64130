//! The main heading is in the title or in the text, never in both and never lost.

use super::*;

const HEADING: &str = "How the clock of the tower was repaired";

fn prose() -> String {
    numbered(
        8,
        "<p>Paragraph # of the long page says that the clock stopped, that the smith came, and that the town waited \
         for the bell to ring again at noon.</p>",
    )
}

/// The title and text of a page, with the classifier and by the rules alone.
fn extract(page: &str) -> [(String, String); 2] {
    [clean(page, Some("https://site.test/a"), &CleanSettings::default()), by_rules(page, &CleanSettings::default())]
        .map(|cleaned| (cleaned.title.unwrap_or_default(), cleaned.text))
}

#[test]
fn heading_is_in_title_or_text() {
    let layouts: [fn(&str, &str) -> String; 5] = [
        |heading, prose| format!("<main>{heading}{prose}</main>"),
        |heading, prose| format!("<body>{heading}<main>{prose}</main>"),
        |heading, prose| format!("<body><div>{heading}<div>by A. Smith</div></div><article>{prose}</article>"),
        |heading, prose| format!("<body><article><header>{heading}</header>{prose}</article>"),
        |heading, prose| {
            let links = numbered(5, "<a href='/#'>Section #</a> ");
            format!("<body><header><nav>{links}</nav>{heading}</header><main>{prose}</main>")
        },
    ];
    for (declared, wanted) in [
        ("Site", "Site"),
        ("The news of the day | Site", "The news of the day"),
        (HEADING, HEADING),
        ("How the clock of the tower was repaired – Site", HEADING),
        ("HOW THE CLOCK of the tower was repaired!", HEADING),
        ("", HEADING),
    ] {
        for layout in &layouts {
            let body = layout(&format!("<h1>{HEADING}</h1>"), &prose());
            let page = format!("<html><head><title>{declared}</title></head>{body}");
            for (title, text) in extract(&page) {
                assert_eq!(title, wanted, "{page}");
                let lines = text.lines().filter(|line| line.contains(HEADING)).count();
                assert_eq!(lines + usize::from(title == HEADING), 1, "{page}\n\n{text}");
                assert!(text.contains("Paragraph 4") && !text.contains("Section 1"), "{page}\n\n{text}");
            }
        }
    }
}

#[test]
fn name_of_the_site_is_no_main_heading() {
    for name in ["<h1><a href='/'>My blog</a></h1>", "<div class=sidebar><h1>My blog</h1></div>", "<h1>My blog</h1>"] {
        let page = format!(
            "<html><head><title>{HEADING} | My blog</title></head><body>{name}<main><h2>{HEADING}</h2>{}</main>",
            prose()
        );
        for (title, text) in extract(&page) {
            assert_eq!(title, HEADING);
            assert!(!text.contains("My blog") && !text.contains(HEADING), "{page}\n\n{text}");
        }
    }
}

#[test]
fn later_section_with_the_words_of_the_title_is_kept() {
    let page = format!("<title>Clocks</title><main><h1>Clocks</h1>{0}<h2>Clocks</h2>{0}</main>", prose());
    let [_, (title, text)] = extract(&page);
    assert_eq!((title.as_str(), text.matches("Clocks").count()), ("Clocks", 1), "{text}");
    assert!(text.contains("\n\n## Clocks\n\n"), "{text}");
}

#[test]
fn page_of_a_heading_only_has_no_text() {
    let page = format!("<title>Site</title><h1>{HEADING}</h1><script>draw()</script>");
    assert_eq!(by_rules(&page, &CleanSettings::default()).reason, Some(EmptyReason::NoContent));
}
