//! Converts JATS XML articles (ANSI/NISO Z39.96, as in PubMed Central) to Markdown.
//!
//! The output has the title, abstract, sections, appendices, paragraphs, lists, tables, captions, footnotes and
//! formulae, in the order of the file: what the article keeps in `floats-group` comes last. Labels (`Table 1`) come
//! before their title or caption. Left out by choice are the journal's and authors' metadata, references,
//! acknowledgements, supplementary files, the numbers of formulae, the letters of reviewers, and articles inside the
//! article. Formulae are TeX; superscripts, subscripts and spanned cells are written as in HTML cleaning. The number of
//! a note or reference that would fuse with the text before it is in brackets. A line break becomes a space. Entities
//! of the DTD have the characters that the HTML standard gives them.
//!
//! Invariant: a pull parser with one explicit stack handles nesting of any depth without recursion.

use corpusmill_html::entities::decode_entities;
use quick_xml::Reader;
use quick_xml::events::Event;

pub use super::jats_article::{Article, JatsError};
use super::jats_writer::Writer;

/// Converts one article.
///
/// # Errors
/// The XML is malformed or truncated, or its root is not an `article`.
pub fn to_markdown(xml: &str) -> Result<Article, JatsError> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().allow_dangling_amp = true;
    let mut writer = Writer::default();
    loop {
        let position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let bad = |detail: String| JatsError { rule: "bad-xml", position, detail };
        match reader.read_event().map_err(|error| bad(error.to_string()))? {
            Event::Start(element) => writer.open(&element, position)?,
            Event::Empty(element) => {
                writer.open(&element, position)?;
                writer.close(element.local_name().as_ref());
            }
            Event::End(element) => writer.close(element.local_name().as_ref()),
            Event::Text(text) => writer.text(&text.xml10_content()),
            Event::CData(text) => writer.text(&text.into_inner()),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(character)) => writer.text(character.encode_utf8(&mut [0; 4])),
                _ => writer.text(&entity(&name)),
            },
            Event::Eof if writer.open_elements() > 0 => {
                return Err(bad(format!("the file ends inside {} open elements", writer.open_elements())));
            }
            Event::Eof if !writer.has_article() => {
                return Err(JatsError { rule: "not-jats", position, detail: "there is no `article`".to_owned() });
            }
            Event::Eof => return Ok(writer.finish()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// The characters of an entity; an unknown one as it is written.
fn entity(name: &str) -> String {
    let reference = format!("&{name};");
    let decoded = decode_entities(&reference, false).into_owned();
    // In HTML a name may end early, as in `&notit;`; in XML it may not.
    if decoded.ends_with(';') && name != "semi" { reference } else { decoded }
}
