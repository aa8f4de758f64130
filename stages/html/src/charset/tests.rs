//! Bytes in many encodings, declared rightly, wrongly and not at all.

use super::*;
use proptest::prelude::*;

#[test]
fn sources_follow_the_order_of_the_standard() {
    assert_eq!(decode_page(b"\xef\xbb\xbfa", Some("windows-1252")).charset, "UTF-8");
    assert_eq!(decode_page(b"\xe9", Some("iso-8859-2")).charset, "ISO-8859-2");
    let meta = b"<head><meta http-equiv=content-type content='text/html; charset=gb2312'></head>\xd6\xd0\xce\xc4";
    let decoded = decode_page(meta, None);
    assert_eq!((decoded.charset, decoded.replacements), ("GBK", false));
    assert!(decoded.text.ends_with("中文"));
    assert_eq!(decode_page("plain Ünïcode".as_bytes(), None).charset, "UTF-8");
    let western = decode_page(b"Un caf\xe9 tr\xe8s agr\xe9able \xe0 la fran\xe7aise, d\xe9j\xe0 vu", None);
    assert_eq!(western.text, "Un café très agréable à la française, déjà vu");
}

#[test]
fn encodings_of_text_are_detected() {
    let decode = |bytes: &[u8]| {
        let decoded = decode_text(bytes.to_vec());
        assert!(decoded.malformed_share.abs() < f64::EPSILON);
        (decoded.text, decoded.charset)
    };
    assert_eq!(decode(b"\xef\xbb\xbfabc"), ("abc".to_owned(), "UTF-8"));
    let (text, charset) = decode(b"Die H\xf6he der B\xe4ume \xfcber M\xfcnchen");
    assert_eq!((text.as_str(), charset), ("Die Höhe der Bäume über München", "windows-1252"));
    let utf16: Vec<u8> = [0xfeff_u16].into_iter().chain("hi ☃".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(bom_charset(&utf16), Some("UTF-16LE"));
    assert_eq!(decode(&utf16), ("hi ☃".to_owned(), "UTF-16LE"));
    let (bytes, _, _) = encoding_rs::GBK.encode("中文文本的编码应当被正确地识别出来");
    let (text, charset) = decode(&bytes);
    assert_eq!((text.as_str(), charset), ("中文文本的编码应当被正确地识别出来", "GBK"));
}

/// Bytes of `text` in a legacy encoding, as a page with this declaration.
fn page(declaration: &str, encoding: &'static Encoding, text: &str) -> Vec<u8> {
    let (bytes, _, unmappable) = encoding.encode(text);
    assert!(!unmappable, "{} has every character of {text}", encoding.name());
    [format!("<head>{declaration}</head><body>").as_bytes(), &bytes[..]].concat()
}

#[test]
fn declared_encodings_are_used() {
    for (encoding, text) in [
        (encoding_rs::GBK, "钟"),
        (encoding_rs::BIG5, "塔上的時鐘星期一停了"),
        (encoding_rs::SHIFT_JIS, "塔の時計は月曜日に止まった"),
        (encoding_rs::EUC_JP, "塔の時計は月曜日に止まった"),
        (encoding_rs::EUC_KR, "탑의 시계는 월요일에 멈췄다"),
        (encoding_rs::ISO_2022_JP, "塔の時計は月曜日に止まった"),
        (encoding_rs::KOI8_R, "Часы на башне остановились"),
        (encoding_rs::WINDOWS_1251, "Часы на башне, її та ці"),
        (encoding_rs::WINDOWS_874, "นาฬิกาบนหอคอยหยุดเดิน"),
        (encoding_rs::ISO_8859_7, "Το ρολόι του πύργου σταμάτησε"),
        (encoding_rs::WINDOWS_1250, "Věžní hodiny se zastavily"),
    ] {
        let header = decode_page(&page("", encoding, text), Some(encoding.name()));
        assert_eq!((header.charset, header.text.ends_with(text)), (encoding.name(), true), "{}", header.text);
        let meta = decode_page(&page(&format!("<meta charset={}>", encoding.name()), encoding, text), None);
        assert_eq!((meta.charset, meta.text.ends_with(text)), (encoding.name(), true), "{}", meta.text);
    }
}

#[test]
fn declaration_that_the_bytes_refute_is_not_used() {
    let russian = "Часы на башне остановились в понедельник, и никто не знает почему";
    let chinese = "塔上的时钟星期一停了，没有人知道为什么，市长答应在集市开始之前把它修好";
    for (label, declaration, encoding, text) in [
        // The header is wrong, and the page right.
        ("utf-8", "<meta charset=windows-1251>", encoding_rs::WINDOWS_1251, russian),
        ("utf-16", "<meta charset=gbk>", encoding_rs::GBK, chinese),
        // Both are wrong, or there is no other.
        ("utf-8", "<meta charset=utf-8>", encoding_rs::WINDOWS_1251, russian),
        ("UTF-8", "", encoding_rs::GBK, chinese),
        ("utf-8", "", encoding_rs::WINDOWS_1252, "un café très agréable, déjà vu"),
        ("iso-2022-kr", "<meta charset=windows-1251>", encoding_rs::WINDOWS_1251, russian),
        ("no-such-charset", "", encoding_rs::WINDOWS_1251, russian),
    ] {
        let decoded = decode_page(&page(declaration, encoding, text), Some(label));
        assert_eq!((decoded.charset, decoded.replacements), (encoding.name(), false), "{label} {declaration}");
        assert!(decoded.text.ends_with(text), "{}", decoded.text);
    }
}

#[test]
fn utf_8_is_recognised_whatever_is_declared() {
    for (label, text) in [
        ("iso-8859-1", "Café"),
        ("windows-1252", "“the clock is late” — € 20, ä ö ü ß"),
        ("iso-8859-2", "Věžní hodiny"),
        ("windows-1251", "Часы на башне"),
        ("gbk", "塔上的时钟星期一停了"),
        ("shift_jis", "塔の時計は月曜日に止まった"),
    ] {
        let decoded = decode_page(text.as_bytes(), Some(label));
        assert_eq!((decoded.text.as_str(), decoded.charset), (text, "UTF-8"), "{label}");
        let meta = format!("<meta charset={label}>{text}");
        assert_eq!(decode_page(meta.as_bytes(), None).text, meta, "{label}");
    }
}

#[test]
fn a_few_bad_bytes_are_replaced() {
    let sentence = "塔上的时钟星期一停了，没有人知道为什么";
    let damaged = [sentence.as_bytes(), b" \xe9\xff \xc3( ", sentence.as_bytes()].concat();
    for label in [None, Some("utf-8"), Some("windows-1252"), Some("gbk")] {
        let decoded = decode_page(&damaged, label);
        assert_eq!((decoded.charset, decoded.replacements), ("UTF-8", true), "{label:?}");
        assert_eq!(decoded.text, format!("{sentence} \u{fffd}\u{fffd} \u{fffd}( {sentence}"));
    }
}

#[test]
fn utf_16_without_a_byte_order_mark_needs_a_header_that_fits() {
    let little: Vec<u8> = "<p>Größe".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(decode_page(&little, Some("utf-16")).text, "<p>Größe");
    assert_eq!(decode_page(b"<meta charset=utf-16><p>plain", Some("utf-16")).text, "<meta charset=utf-16><p>plain");
}

#[test]
fn policies_differ() {
    let damaged = [&"naïve café, déjà vu; ".repeat(100).into_bytes()[..], b"\xe9"].concat();
    assert_eq!(decode_page(&damaged, None).charset, "UTF-8");
    assert_eq!(decode_text(damaged).charset, "UTF-8");
    let short = [&"naïve café, déjà vu; ".repeat(10).into_bytes()[..], b"\xe9"].concat();
    assert_eq!(decode_page(&short, None).charset, "UTF-8");
    assert_eq!(decode_text(short).charset, "windows-1252");

    let (japanese, _, _) = encoding_rs::ISO_2022_JP.encode("日本語の文章");
    assert_eq!(decode_page(&japanese, Some("iso-2022-jp")).text, "日本語の文章");
    assert_eq!(decode_page(&japanese, None).charset, "UTF-8");
    let decoded = decode_text(japanese.to_vec());
    assert_eq!((decoded.text.as_str(), decoded.charset), ("日本語の文章", "ISO-2022-JP"));
    assert_eq!(decode_text(b"\x1b[1mbold\x1b[0m".to_vec()).charset, "UTF-8");

    let (russian, _, _) = encoding_rs::WINDOWS_1251.encode("Все счастливые семьи похожи друг на друга");
    let late = [&b"ascii ".repeat(DETECTION_BYTES / 6 + 1), &russian[..]].concat();
    assert_eq!(decode_page(&late, None).charset, "windows-1252");
    assert_eq!(decode_text(late).charset, "windows-1251");
}

#[test]
fn malformed_characters_of_text_are_counted() {
    let decoded = decode_text(b"\xef\xbb\xbfab\xffd".to_vec());
    assert_eq!((decoded.text.as_str(), decoded.charset), ("ab\u{fffd}d", "UTF-8"));
    assert!((decoded.malformed_share - 0.25).abs() < f64::EPSILON);
}

proptest! {
    #[test]
    fn any_bytes_give_text(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode_page(&bytes, None).charset.is_ascii());
        prop_assert!((0.0..=1.0).contains(&decode_text(bytes).malformed_share));
    }
}
