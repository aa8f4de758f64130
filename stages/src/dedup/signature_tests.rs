//! Properties, golden values and the collision curve of `signature.rs`.

use super::signature::*;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const TEXT: &str =
    "The quick brown fox jumps over the lazy dog; 42.5 times, naïvely, 中文 says the report of May 1999.";

fn fineweb() -> MinHasher {
    MinHasher::new(1, 14, 8).unwrap()
}

#[test]
fn fewer_than_five_words_have_no_signature() {
    assert_eq!(fineweb().signature("one two three four"), None);
    assert_eq!(fineweb().signature("中文四字、一"), fineweb().signature("中 文 四 字 一"));
    assert_eq!(fineweb().signature("a b c d e").unwrap().shingles, 1);
}

#[test]
fn band_and_row_counts_out_of_range_are_errors() {
    assert_eq!(MinHasher::new(1, 0, 8).unwrap_err(), SignatureError { bands: 0, rows: 8 });
    assert!(MinHasher::new(1, usize::MAX, 2).is_err());
}

#[test]
fn more_bands_extend_a_signature() {
    let long = MinHasher::new(7, 26, 11).unwrap().signature(TEXT).unwrap();
    let short = MinHasher::new(7, 5, 3).unwrap().signature(TEXT).unwrap();
    assert_eq!(short.values.len(), 15);
    assert_eq!(short.values, long.values[..15]);
}

/// The values of version 2. A change here requires a new [`SIGNATURE_VERSION`].
#[test]
fn golden_signature() {
    assert_eq!(SIGNATURE_VERSION, 2);
    let mut hasher = fineweb();
    let signature = hasher.signature(TEXT).unwrap();
    assert_eq!(signature.shingles, 16);
    assert_eq!(signature.values[..4], GOLDEN_LANES);
    let bands: Vec<u64> = hasher.bands(&signature).collect();
    assert_eq!(bands.len(), 14);
    assert_eq!((bands[0], bands[13]), GOLDEN_BANDS);
    let long: String =
        (0..5000_u64).flat_map(|n| ['w', char::from(b'a' + u8::try_from(n * n % 26).unwrap()), ' ']).collect();
    let all: Vec<u8> =
        hasher.signature(&long).unwrap().values.iter().flat_map(|minimum| minimum.to_le_bytes()).collect();
    assert_eq!(xxh3_64_with_seed(&all, 0), GOLDEN_LONG);
}

const GOLDEN_LANES: [u32; 4] = [118_647_501, 207_950_166, 18_333_711, 144_899_975];
const GOLDEN_BANDS: (u64, u64) = (3_928_841_182_793_203_615, 11_563_706_437_802_852_868);
const GOLDEN_LONG: u64 = 857_890_031_896_803_356;

proptest! {
    #[test]
    fn lanes_are_the_minimums_of_the_formula(
        shingles in prop::collection::vec(any::<u64>(), 1..40),
        seed in any::<u64>(),
    ) {
        let signature = MinHasher::new(seed, 3, 7).unwrap().signature_of(&shingles).unwrap();
        for (lane, &minimum) in signature.values.iter().enumerate() {
            let drawn = split_mix(seed, lane as u64);
            let (a, b) = ((drawn >> 32) as u32 | 1, (drawn & 0xFFFF_FFFF) as u32);
            let expected = shingles.iter().map(|&x| a.wrapping_mul((x >> 32) as u32).wrapping_add(b)).min();
            prop_assert_eq!(Some(minimum), expected);
        }
    }

    #[test]
    fn order_and_repeats_of_shingles_do_not_matter(mut shingles in prop::collection::vec(any::<u64>(), 1..40)) {
        let mut hasher = fineweb();
        let first = hasher.signature_of(&shingles).unwrap().values;
        shingles.reverse();
        shingles.extend_from_within(..1);
        prop_assert_eq!(first, hasher.signature_of(&shingles).unwrap().values);
    }
}

/// Two sets whose union has `union` members, of which `shared` are in both. The others alternate between the two.
fn pair(union: usize, shared: usize, stream: u64) -> (Vec<u64>, Vec<u64>) {
    let element = |index: usize| split_mix(stream, index as u64);
    let common = (0..shared).map(element);
    let only = |parity: usize| (shared..union).filter(move |index| index % 2 == parity).map(element);
    (common.clone().chain(only(0)).collect(), common.chain(only(1)).collect())
}

/// Observed collisions lie within 3 standard errors of 1 − (1 − J⁸)¹⁴, and the estimate within 3 of J, at four sizes.
#[test]
fn the_collision_curve_matches_the_formula() {
    for (union, pairs) in [(20_usize, 4000_u32), (50, 4000), (200, 3000), (2000, 400)] {
        for tenths in [5_u32, 7, 8, 9] {
            let shared = union * tenths as usize / 10;
            let (mut hits, mut sum) = (0_u32, 0.0);
            for number in 0..pairs {
                // A new seed every hundred pairs, since the curve is also over draws of the permutations.
                let mut hasher = MinHasher::new(u64::from(number) / 100, 14, 8).unwrap();
                let (a, b) = pair(union, shared, split_mix(union as u64 * 10 + u64::from(tenths), number.into()));
                let (a, b) = (hasher.signature_of(&a).unwrap(), hasher.signature_of(&b).unwrap());
                hits += u32::from(hasher.bands(&a).zip(hasher.bands(&b)).any(|(a, b)| a == b));
                sum += estimate_jaccard(&truncated(&a), &truncated(&b));
            }
            let similarity = f64::from(tenths) / 10.0;
            let expected = 1.0 - (1.0 - similarity.powi(8)).powi(14);
            let count = f64::from(pairs);
            let error = (expected * (1.0 - expected) / count).sqrt();
            let observed = f64::from(hits) / count;
            assert!(
                (observed - expected).abs() <= 3.0 * error,
                "union {union}, J {similarity}: {observed} for {expected} +- {error}"
            );
            let error = (similarity * (1.0 - similarity) / 112.0 / count).sqrt();
            let mean = sum / count;
            assert!(
                (mean - similarity).abs() <= 3.0 * error,
                "union {union}, J {similarity}: estimate {mean} +- {error}"
            );
        }
    }
}

#[test]
fn the_estimate_of_an_empty_signature_is_zero() {
    assert!(estimate_jaccard(&[], &[1]).abs() < f64::EPSILON);
    assert!((estimate_jaccard(&[1, 2], &[1, 2]) - 1.0).abs() < f64::EPSILON);
}
