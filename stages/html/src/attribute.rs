//! The attributes that extraction reads; the tokenizer skips the others.
//!
//! Invariant: a tag keeps at most [`MAX_ATTRIBUTES`] attributes, so that a tag with a million of them uses bounded
//! memory.

/// Maximum number of attributes kept per tag; real pages have fewer than 20.
pub const MAX_ATTRIBUTES: usize = 32;

macro_rules! attributes {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// A known attribute name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum AttributeName { $(#[doc = concat!("The attribute ", stringify!($variant), ".")] $variant),* }

        impl AttributeName {
            /// The name of a lower-case attribute, if extraction reads it.
            pub fn from_name(name: &[u8]) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

attributes! {
    Alt = b"alt", Alttext = b"alttext", AriaControls = b"aria-controls", AriaHidden = b"aria-hidden",
    Charset = b"charset", Class = b"class", Close = b"close", Colspan = b"colspan", Content = b"content",
    DataLang = b"data-lang", DataLanguage = b"data-language", Datetime = b"datetime", Display = b"display",
    Encoding = b"encoding", Hidden = b"hidden", Href = b"href",
    HttpEquiv = b"http-equiv", Id = b"id", Itemprop = b"itemprop", Itemtype = b"itemtype", Lang = b"lang",
    Key = b"name", Linethickness = b"linethickness", Mathvariant = b"mathvariant", Open = b"open",
    Property = b"property", Rel = b"rel", Role = b"role", Rowspan = b"rowspan",
    Selection = b"selection", Separators = b"separators", Src = b"src",
    Start = b"start", Style = b"style", Type = b"type", XmlLang = b"xml:lang",
}

/// One attribute: its name and the byte range of its undecoded value in the page.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// The name.
    pub name: AttributeName,
    /// Where the value starts, in bytes.
    pub start: u32,
    /// Where the value ends, in bytes.
    pub stop: u32,
}
