//! Tests of the embedded model on sentences that are in no training set.

use super::*;
use crate::filter::rules::toxicity::Toxicity;

/// Harmless sentences that each name a group.
const HARMLESS: [&str; 40] = [
    "The imam of the new mosque invited Muslims and Christians to a reading.",
    "A Jewish bakery on our street sells the best bread in town.",
    "Three lesbians from the choir rented a boat for the weekend.",
    "The black student won the national mathematics contest.",
    "My uncle is gay and has been married for ten years.",
    "Asian elephants are smaller than African elephants.",
    "Women were admitted to the university in 1908.",
    "Our Mexican cook showed me how to fold the dough.",
    "Blind users navigate the page with a screen reader.",
    "The refugees learned the language within a year.",
    "White paint covers the black marks on the wall.",
    "An Arab merchant wrote the first map of the coast.",
    "Transgender patients often wait longer for an appointment.",
    "The Indian government published the figures on Monday.",
    "Deaf children learn sign language quickly.",
    "Immigrants from Poland founded the brewery.",
    "Most Hindus in the district vote in the morning.",
    "The old man told us about his years at sea.",
    "I interviewed a Somali nurse for the newspaper.",
    "Feminists of the time wrote pamphlets about the vote.",
    "Queer cinema has its own section at the festival.",
    "The girl handed the ball to the boy.",
    "Russian novels are long, but I enjoy them.",
    "She is the first Native American judge in the state.",
    "The autistic author reads from her book tonight.",
    "Romani musicians shaped the music of the region.",
    "Sikhs served free meals to the stranded travellers.",
    "Please be kind to the elderly lady on the second floor.",
    "The attack on the synagogue shocked the whole city.",
    "He lost his job because he had insulted a Muslim colleague.",
    "Laws against homosexuals were repealed decades ago.",
    "People in wheelchairs need a ramp at this entrance.",
    "Nobody is born with prejudice against immigrants.",
    "I wish all my Jewish friends a happy new year!",
    "Many Koreans and Japanese share a love of noodles.",
    "The men and women of the crew took turns at the wheel.",
    "A Palestinian and an Israeli doctor run the clinic together.",
    "Latino voters decided the election in two counties.",
    "Being a mother is hard work and great fun.",
    "We studied how newspapers wrote about migrants in the nineties.",
];

/// Harmless sentences that each contain a word that can be hostile elsewhere.
const ORDINARY: [&str; 12] = [
    "Send a signal to kill the daemon and start it again.",
    "The garbage truck comes on Tuesday.",
    "The master process forks and each child executes the script.",
    "Rats and monkeys were observed for two years.",
    "A hanging request is shot down after ten seconds.",
    "The murder was never solved, the old newspaper says.",
    "I hate it when the cache is stale.",
    "The battery is dead, please charge it.",
    "Burn the disc image to a blank medium.",
    "The dirty flag marks pages that must be written.",
    "Beat the butter until it is soft.",
    "This parser is dumb on purpose: it splits at commas.",
];

/// Abusive sentences.
const TOXIC: [&str; 24] = [
    "You are the biggest moron on this forum.",
    "Shut the hell up, you stupid bitch.",
    "All refugees are parasites and should be sent away.",
    "I despise every gay person on this planet.",
    "Women are inferior and belong at home.",
    "Those muslims are vermin.",
    "You pathetic loser, go and cry.",
    "Somebody should murder these immigrants.",
    "Fuck off, nobody asked you.",
    "Jews are filthy liars.",
    "Kill yourself, you worthless idiot.",
    "He is a fucking asshole and a coward.",
    "Disabled people should not be allowed to live.",
    "I hope you and your kids die in a fire.",
    "What a dumb cunt.",
    "These feminists are disgusting pigs.",
    "You 1diot, you m0r0n.",
    "Get those dirty blacks out of our town.",
    "You are scum and everyone hates you.",
    "Trans people are sick animals.",
    "You stupid piece of sh*t.",
    "Mexicans are criminals and rapists, deport them all.",
    "Go to hell, bastards.",
    "You are too stupid to breathe.",
];

fn score(text: &str) -> f64 {
    Toxicity::default().score(text, Some("eng")).unwrap()
}

fn reached(texts: &[&'static str]) -> Vec<&'static str> {
    texts.iter().copied().filter(|text| score(text) >= 0.5).collect()
}

/// The rows of a list file that are no comments.
fn rows(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with('#'))
}

/// Shares of harmless and of toxic sentences of `counterfactual.txt` that reach 0.5, for each group of `groups.txt`.
fn counterfactual_shares() -> Vec<(&'static str, [f64; 2])> {
    let groups = rows(include_str!("groups.txt")).map(|row| row.split('\t').collect::<Vec<_>>());
    let share = |label: &str, plural: &str, singular: &str| {
        let sentences: Vec<String> = rows(include_str!("counterfactual.txt"))
            .filter_map(|row| row.split_once(' ').filter(|(found, _)| *found == label))
            .map(|(_, text)| text.replace("{P}", plural).replace("{S}", singular))
            .collect();
        let reached = sentences.iter().filter(|text| score(text) >= 0.5).count();
        f64::from(u32::try_from(reached).unwrap()) / f64::from(u32::try_from(sentences.len()).unwrap())
    };
    groups
        .map(|fields| match fields[..] {
            [_, plural, singular] => (plural, ["0", "1"].map(|label| share(label, plural, singular))),
            _ => panic!("{fields:?}"),
        })
        .collect()
}

#[test]
fn groups_are_treated_alike() {
    let shares = counterfactual_shares();
    assert_eq!(shares.len(), 36);
    let (_, first) = shares[0];
    for (group, [harmless, toxic]) in &shares {
        assert!(*harmless <= 0.10 && *toxic >= 0.75, "{group}: {harmless} {toxic}");
        assert!((harmless - first[0]).abs() <= 0.02 && (toxic - first[1]).abs() <= 0.02, "{group}: {harmless} {toxic}");
    }
}

#[test]
fn no_model_is_trained_on_the_counterfactual_sentences() {
    let words = |text: &str| text.to_lowercase().replace("a group", "group").replace(['.', ',', '!', '?'], "");
    let tested: Vec<String> = rows(include_str!("counterfactual.txt"))
        .filter_map(|row| row.split_once(' '))
        .map(|(_, text)| words(&text.replace("{P}", "GROUP").replace("{S}", "GROUP")))
        .collect();
    for row in rows(include_str!("contrast.txt")) {
        let text = words(row.split_once(' ').unwrap().1.trim_end());
        assert!(!tested.contains(&text), "{text}");
    }
}

#[test]
fn naming_a_group_is_not_toxic() {
    let flagged = reached(&HARMLESS);
    assert!(flagged.len() <= 2, "{flagged:?}");
}

#[test]
fn ordinary_uses_of_hostile_words_are_not_toxic() {
    let flagged = reached(&ORDINARY);
    assert!(flagged.len() <= 1, "{flagged:?}");
}

#[test]
fn abuse_is_toxic() {
    let missed: Vec<_> = TOXIC.iter().filter(|text| score(text) < 0.5).collect();
    assert!(missed.len() <= 4, "{missed:?}");
}

#[test]
fn all_groups_have_the_same_score() {
    let with = |group: &str| score(&format!("The {group} sat down beside me and read a book."));
    for group in ["muslim", "jew", "lesbian", "black", "immigrant", "girl"] {
        assert_eq!(with(group).to_bits(), with("man").to_bits(), "{group}");
    }
}

#[test]
fn one_quoted_insult_does_not_make_a_long_text_toxic() {
    let paragraph = "The committee met in the town hall and discussed the budget for the coming year. Members agreed to repair \
        the bridge, to plant trees along the main road, and to ask the county for help with the school roof. ";
    let insult = "A visitor called the chairman a stupid fucking asshole. ";
    let long = format!("{}{insult}{}", paragraph.repeat(6), paragraph.repeat(6));
    assert!(score(insult) > 0.5 && score(&long) < 0.5, "{} {}", score(insult), score(&long));
    let rant = "You are a stupid asshole and a worthless liar, and I hope that you die, you disgusting piece of shit. ";
    assert!(score(&rant.repeat(20)) > 0.5);
}

#[test]
fn scores_are_the_same_everywhere() {
    // Exact bits: the invariant of `model.rs`. New weights need new numbers.
    let bits = ["Good morning.", "You are an idiot.", ""].map(|text| score(text).to_bits());
    assert_eq!(bits, GOLDEN, "{bits:#x?}");
}

/// The scores of the texts above with the embedded weights.
const GOLDEN: [u64; 3] = [0x3f86_5242_74b2_c4f6, 0x3fef_c630_3ab4_df85, 0x3fb2_441b_6390_965c];

#[test]
fn a_language_that_is_not_covered_has_no_score() {
    let model = Toxicity::default();
    assert_eq!(model.score("Bonjour à tous", Some("fra")), None);
    assert_eq!(model.score("Всем привет, как дела?", None), None);
    assert!(model.score("Good morning to all", None).is_some());
}

#[test]
fn telling_words_are_listed_once() {
    assert_eq!(
        reportable_words("You idiot! IDIOTS, all of you; what a m0ron. Kill the process.", 5),
        ["idiot", "moron"]
    );
    assert_eq!(reportable_words("You idiot, you moron", 1), ["idiot"]);
}

#[test]
fn any_text_has_a_score_between_zero_and_one() {
    proptest::proptest!(|(text in "\\PC{0,400}")| {
        let score = Toxicity::default().score(&text, Some("eng"));
        proptest::prop_assert!(score.is_some_and(|score| (0.0..=1.0).contains(&score)));
    });
}
