//! The rules that cut parts of a page, and the counts of what each one cut.
//!
//! Invariant: every cut has exactly one rule, and counts are listed in the order of [`CutRule::ALL`].

/// Why a part of a page was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutRule {
    /// Scripts, styles, form controls, embedded media: not text of the page.
    NotText,
    /// Not shown to a reader.
    Hidden,
    /// Menus, bread crumbs, tables of contents, page-wide headers.
    Navigation,
    /// Page-wide footers and legal lines.
    Footer,
    /// Side columns and widgets.
    Sidebar,
    /// Advertisements.
    Advertisement,
    /// Cookie notices, dialogs, sign-up forms.
    Overlay,
    /// Share and follow buttons.
    Share,
    /// Links to other pages.
    Related,
    /// Reader comments below an article.
    Comments,
    /// Author, date, tags and categories as shown on the page.
    Byline,
    /// Captions and credits of images that are cut.
    Caption,
    /// A heading with nothing left below it.
    EmptySection,
    /// Permalink signs and line numbers.
    Gutter,
    /// A block that is mostly links.
    LinkDense,
    /// Outside the element chosen as main content.
    OutsideMain,
    /// Kept by every rule, but unlikely to be content according to the classifier.
    Unlikely,
    /// A heading that is the title.
    MainHeading,
}

impl CutRule {
    /// Every rule, in the order in which counts are listed.
    pub(crate) const ALL: [Self; 18] = [
        Self::NotText,
        Self::Hidden,
        Self::Navigation,
        Self::Footer,
        Self::Sidebar,
        Self::Advertisement,
        Self::Overlay,
        Self::Share,
        Self::Related,
        Self::Comments,
        Self::Byline,
        Self::Caption,
        Self::EmptySection,
        Self::Gutter,
        Self::LinkDense,
        Self::OutsideMain,
        Self::Unlikely,
        Self::MainHeading,
    ];

    /// Whether a class name can trigger this rule.
    pub(crate) fn is_named(self) -> bool {
        !matches!(
            self,
            Self::NotText
                | Self::EmptySection
                | Self::Gutter
                | Self::LinkDense
                | Self::OutsideMain
                | Self::Unlikely
                | Self::MainHeading
        )
    }

    /// The rule's name in records and reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotText => "not-text",
            Self::Hidden => "hidden",
            Self::Navigation => "navigation",
            Self::Footer => "footer",
            Self::Sidebar => "sidebar",
            Self::Advertisement => "advertisement",
            Self::Overlay => "overlay",
            Self::Share => "share",
            Self::Related => "related",
            Self::Comments => "comments",
            Self::Byline => "byline",
            Self::Caption => "caption",
            Self::EmptySection => "empty-section",
            Self::Gutter => "gutter",
            Self::LinkDense => "link-dense",
            Self::OutsideMain => "outside-main",
            Self::Unlikely => "unlikely",
            Self::MainHeading => "main-heading",
        }
    }
}

/// What one rule cut from a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The rule's name, kebab-case.
    pub rule: &'static str,
    /// Subtrees cut.
    pub count: u64,
    /// Bytes of the page's text (undecoded, white space included) in them.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_rule_in_order() {
        for (index, rule) in CutRule::ALL.iter().enumerate() {
            assert_eq!(*rule as usize, index);
        }
    }
}
