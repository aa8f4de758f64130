//! The element names that extraction distinguishes, and their categories.
//!
//! Invariant: a name outside the list is [`Tag::Other`], which behaves like an unknown inline element, as in a browser;
//! so do the elements of MathML, whose names the translation to TeX reads.

macro_rules! tags {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// An HTML element name, or a node that is not an element.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Tag {
            /// Text, not an element.
            Text,
            /// The root of a tree, not an element.
            Root,
            /// An element of another name.
            Other,
            $(#[doc = concat!("The element ", stringify!($variant), ".")] $variant),*
        }

        impl Tag {
            fn from_local_name(name: &[u8]) -> Self {
                match name { $($name => Self::$variant,)* _ => Self::Other }
            }
        }
        /// Number of tags; each fits in the byte of `repr(u8)`.
        pub const TAG_COUNT: usize = [Tag::Text, Tag::Root, Tag::Other, $(Tag::$variant),*].len();
    };
}

tags! {
    A = b"a", Abbr = b"abbr", Address = b"address", Annotation = b"annotation", AnnotationXml = b"annotation-xml",
    Applet = b"applet", Area = b"area", Article = b"article", Aside = b"aside", Audio = b"audio", B = b"b",
    Base = b"base", Big = b"big", Blockquote = b"blockquote", Body = b"body", Br = b"br", Button = b"button",
    Canvas = b"canvas", Caption = b"caption", Center = b"center", Cite = b"cite", Code = b"code", Col = b"col",
    Colgroup = b"colgroup", Datalist = b"datalist", Dd = b"dd", Del = b"del", Details = b"details", Dfn = b"dfn",
    Dialog = b"dialog", Dir = b"dir", Div = b"div", Dl = b"dl", Dt = b"dt", Em = b"em", Embed = b"embed",
    Fieldset = b"fieldset", Figcaption = b"figcaption", Figure = b"figure", Font = b"font", Footer = b"footer",
    Foreignobject = b"foreignobject", Form = b"form", Frame = b"frame", Frameset = b"frameset", H1 = b"h1", H2 = b"h2",
    H3 = b"h3", H4 = b"h4", H5 = b"h5", H6 = b"h6", Head = b"head", Header = b"header", Hgroup = b"hgroup", Hr = b"hr",
    Html = b"html", I = b"i", Iframe = b"iframe", Img = b"img", Input = b"input", Ins = b"ins", Kbd = b"kbd",
    Keygen = b"keygen", Label = b"label", Legend = b"legend", Li = b"li", Link = b"link", Listing = b"listing",
    Maction = b"maction", Main = b"main", Map = b"map", Mark = b"mark", Marquee = b"marquee", Math = b"math",
    Menu = b"menu", Meta = b"meta", Mfenced = b"mfenced", Mfrac = b"mfrac", Mi = b"mi", MjxMath = b"mjx-math",
    Mlabeledtr = b"mlabeledtr", Mmultiscripts = b"mmultiscripts", Mn = b"mn", Mo = b"mo", Mover = b"mover",
    Mphantom = b"mphantom", Mprescripts = b"mprescripts", Mroot = b"mroot", Ms = b"ms", Mspace = b"mspace",
    Msqrt = b"msqrt", Msub = b"msub", Msubsup = b"msubsup", Msup = b"msup", Mtable = b"mtable", Mtd = b"mtd",
    Mtext = b"mtext", Mtr = b"mtr", Munder = b"munder", Munderover = b"munderover", Nav = b"nav", Nobr = b"nobr",
    Noembed = b"noembed", Noframes = b"noframes", Noscript = b"noscript", Object = b"object", Ol = b"ol",
    Optgroup = b"optgroup", Option = b"option", Output = b"output", P = b"p", Param = b"param", Picture = b"picture",
    Plaintext = b"plaintext", Pre = b"pre", Q = b"q", Rp = b"rp", Rt = b"rt", Ruby = b"ruby", S = b"s", Samp = b"samp",
    Script = b"script", Search = b"search", Section = b"section", Select = b"select", Small = b"small",
    Source = b"source", Span = b"span", Strike = b"strike", Strong = b"strong", Style = b"style", Sub = b"sub",
    Summary = b"summary", Sup = b"sup", Svg = b"svg", Table = b"table", Tbody = b"tbody", Td = b"td",
    Template = b"template", Textarea = b"textarea", Tfoot = b"tfoot", Th = b"th", Thead = b"thead", Time = b"time",
    Title = b"title", Tr = b"tr", Track = b"track", Tt = b"tt", U = b"u", Ul = b"ul", Var = b"var", Video = b"video",
    Wbr = b"wbr", Xmp = b"xmp",
}

impl Tag {
    /// The tag of a lower-case element name. The elements of MathML may have its usual prefix, `mml:` or `m:`, which
    /// scripts that draw formulas accept in HTML.
    pub fn from_name(name: &[u8]) -> Self {
        let tag = Self::from_local_name(name);
        if tag != Self::Other {
            return tag;
        }
        let local = name.strip_prefix(b"mml:").or_else(|| name.strip_prefix(b"m:"));
        local.map(Self::from_local_name).filter(|tag| tag.is_mathml()).unwrap_or(tag)
    }

    /// Elements of MathML that the translation to TeX distinguishes.
    fn is_mathml(self) -> bool {
        use Tag::{
            Annotation, AnnotationXml, Maction, Math, Mfenced, Mfrac, Mi, Mlabeledtr, Mmultiscripts, Mn, Mo, Mover,
            Mphantom, Mprescripts, Mroot, Ms, Mspace, Msqrt, Msub, Msubsup, Msup, Mtable, Mtd, Mtext, Mtr, Munder,
            Munderover,
        };
        matches!(
            self,
            Annotation
                | AnnotationXml
                | Maction
                | Math
                | Mfenced
                | Mfrac
                | Mi
                | Mlabeledtr
                | Mmultiscripts
                | Mn
                | Mo
                | Mover
                | Mphantom
                | Mprescripts
                | Mroot
                | Ms
                | Mspace
                | Msqrt
                | Msub
                | Msubsup
                | Msup
                | Mtable
                | Mtd
                | Mtext
                | Mtr
                | Munder
                | Munderover
        )
    }

    /// Elements that never have content (HTML standard, 13.1.2).
    pub fn is_void(self) -> bool {
        use Tag::{Area, Base, Br, Col, Embed, Frame, Hr, Img, Input, Keygen, Link, Meta, Param, Source, Track, Wbr};
        matches!(
            self,
            Area | Base
                | Br
                | Col
                | Embed
                | Frame
                | Hr
                | Img
                | Input
                | Keygen
                | Link
                | Meta
                | Param
                | Source
                | Track
                | Wbr
        )
    }

    /// Elements whose white space is shown as it is: blocks of code.
    pub fn is_preformatted(self) -> bool {
        matches!(self, Self::Listing | Self::Plaintext | Self::Pre | Self::Xmp)
    }

    /// Elements whose content is text up to their end tag.
    pub fn is_raw_text(self) -> bool {
        use Tag::{Iframe, Noembed, Noframes, Script, Style, Textarea, Title, Xmp};
        matches!(self, Script | Style | Textarea | Title | Xmp | Iframe | Noembed | Noframes)
    }

    /// Elements that start on a new line.
    #[expect(clippy::too_many_lines, reason = "one tag per line")]
    pub fn is_block(self) -> bool {
        use Tag::{
            Address, Article, Aside, Blockquote, Body, Caption, Center, Dd, Details, Dialog, Dir, Div, Dl, Dt,
            Fieldset, Figcaption, Figure, Footer, Form, H1, H2, H3, H4, H5, H6, Header, Hgroup, Hr, Html, Legend, Li,
            Listing, Main, Menu, Nav, Ol, Optgroup, Option, P, Plaintext, Pre, Root, Search, Section, Summary, Table,
            Tbody, Td, Tfoot, Th, Thead, Tr, Ul, Xmp,
        };
        matches!(
            self,
            Address
                | Article
                | Aside
                | Blockquote
                | Body
                | Caption
                | Center
                | Dd
                | Details
                | Dialog
                | Dir
                | Div
                | Dl
                | Dt
                | Fieldset
                | Figcaption
                | Figure
                | Footer
                | Form
                | H1
                | H2
                | H3
                | H4
                | H5
                | H6
                | Header
                | Hgroup
                | Hr
                | Html
                | Legend
                | Li
                | Listing
                | Main
                | Menu
                | Nav
                | Ol
                | Optgroup
                | Option
                | P
                | Plaintext
                | Pre
                | Root
                | Search
                | Section
                | Summary
                | Table
                | Tbody
                | Td
                | Tfoot
                | Th
                | Thead
                | Tr
                | Ul
                | Xmp
        )
    }

    /// Elements whose start tag ends an open paragraph (HTML standard, 13.2.6.4.7).
    pub fn closes_paragraph(self) -> bool {
        use Tag::{Body, Caption, Html, Legend, Optgroup, Option, Root, Tbody, Td, Tfoot, Th, Thead, Tr};
        self.is_block()
            && !matches!(
                self,
                Body | Caption | Html | Legend | Optgroup | Option | Root | Tbody | Td | Tfoot | Th | Thead | Tr
            )
    }

    /// Elements that stop the search for an open element when an end tag is inside them.
    pub fn is_scope(self) -> bool {
        use Tag::{Applet, Caption, Html, Marquee, Object, Root, Table, Td, Template, Th};
        matches!(self, Applet | Caption | Html | Marquee | Object | Root | Table | Td | Template | Th)
    }

    /// The level of a heading, 1 to 6.
    pub fn heading(self) -> Option<usize> {
        match self {
            Tag::H1 => Some(1),
            Tag::H2 => Some(2),
            Tag::H3 => Some(3),
            Tag::H4 => Some(4),
            Tag::H5 => Some(5),
            Tag::H6 => Some(6),
            _ => None,
        }
    }

    /// Elements that occur only in a document's head.
    pub fn is_head_only(self) -> bool {
        use Tag::{Base, Head, Html, Link, Meta, Noscript, Script, Style, Template, Title};
        matches!(self, Base | Head | Html | Link | Meta | Noscript | Script | Style | Template | Title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_map_to_tags_and_unknown_names_do_not() {
        assert_eq!(Tag::from_name(b"blockquote"), Tag::Blockquote);
        assert_eq!(Tag::from_name(b"munderover"), Tag::Munderover);
        assert_eq!(Tag::from_name(b"x-card"), Tag::Other);
    }

    #[test]
    fn block_ends_a_paragraph_and_table_cell_does_not() {
        assert!(Tag::Div.closes_paragraph());
        assert!(!Tag::Td.closes_paragraph());
        assert!(!Tag::Span.closes_paragraph());
    }
}
