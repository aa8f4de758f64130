//! Whether a value is the public address of an account, contract or coin on a blockchain, which looks as random as a
//! key: Ethereum (`0x` and 40 digits), Bitcoin and Tron (base58 with a version and a checksum), and Solana (base58 of
//! 32 bytes).
//!
//! Invariant: a Solana address has nothing but its length to tell it from a key of base58, so it counts only where the
//! text says that it is a coin.

use sha2::{Digest as _, Sha256};

/// Number of digits after the `0x` of an Ethereum address.
const ETHEREUM_DIGITS: usize = 40;
/// Length in bytes of the version of a Bitcoin or Tron address and the digest that it is of, without the checksum.
const PAYLOAD_BYTES: usize = 21;
/// Length in bytes of the checksum: the beginning of the double SHA-256 of what precedes it.
const CHECKSUM_BYTES: usize = 4;
/// Versions of Bitcoin (keys and scripts) and Tron.
const VERSIONS: [u8; 3] = [0x00, 0x05, 0x41];
/// Length of a Solana address in bytes.
const SOLANA_BYTES: usize = 32;
/// Maximum number of letters of an address.
const MAX_LETTERS: usize = 44;

/// Whether a value is an address that can be told from a key.
pub(super) fn is_account_address(value: &str) -> bool {
    if let Some(digits) = value.strip_prefix("0x") {
        return digits.len() == ETHEREUM_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    decode_base58(value).is_some_and(|bytes| {
        bytes.len() == PAYLOAD_BYTES + CHECKSUM_BYTES && VERSIONS.contains(&bytes[0]) && has_checksum(&bytes)
    })
}

fn has_checksum(address: &[u8]) -> bool {
    let (payload, checksum) = address.split_at(PAYLOAD_BYTES);
    Sha256::digest(Sha256::digest(payload)).starts_with(checksum)
}

/// Whether a value can be the address of a coin on Solana.
pub(super) fn is_solana_address(value: &str) -> bool {
    decode_base58(value).is_some_and(|bytes| bytes.len() == SOLANA_BYTES)
}

/// The bytes of a number in base58, as Bitcoin writes it; each `1` at the beginning is a byte of zero.
fn decode_base58(value: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if value.len() > MAX_LETTERS {
        return None;
    }
    // From the last byte to the first.
    let mut reversed: Vec<u8> = Vec::new();
    for letter in value.bytes() {
        let mut carry = ALPHABET.iter().position(|known| *known == letter)?;
        for byte in &mut reversed {
            carry += usize::from(*byte) * ALPHABET.len();
            *byte = u8::try_from(carry % 256).ok()?;
            carry /= 256;
        }
        if carry > 0 {
            reversed.push(u8::try_from(carry).ok()?);
        }
    }
    let zeros = value.bytes().take_while(|letter| *letter == b'1').count();
    reversed.extend(std::iter::repeat_n(0, zeros));
    reversed.reverse();
    Some(reversed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::{HEX, VALUE};

    #[test]
    fn numbers_in_base58() {
        // 58 is "21"; 255 is 4 * 58 + 23.
        assert_eq!(decode_base58("21"), Some(vec![58]));
        assert_eq!(decode_base58("115Q"), Some(vec![0, 0, 255]));
        assert_eq!(decode_base58("5R"), Some(vec![1, 0]));
        assert_eq!(decode_base58("0"), None);
    }

    #[test]
    fn addresses_and_keys() {
        for address in [
            "0x6B175474E89094C44Da98b954EedeAC495271d0F",
            "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        ] {
            assert!(is_account_address(address) && !is_solana_address(address), "{address}");
        }
        // One letter is another, or two are transposed, or one is missing.
        for similar in [
            "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u",
            "TR7NHqjeKQxGTCi8q8ZY4pM8otSzgjLj6t",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLz",
            "TR7NHqjeKQGxTCi8q8ZY4pL8otSzgjLj6t",
            "0x6B175474E89094C44Da98b954EedeAC495271d0",
        ] {
            assert!(!is_account_address(similar), "{similar}");
        }
        let solana = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
        assert!(is_solana_address(solana) && !is_account_address(solana));
        for key in [VALUE, HEX, &format!("0x{HEX}{HEX}"), &format!("T{VALUE}"), &format!("{solana}{VALUE}")] {
            assert!(!is_account_address(key) && !is_solana_address(key), "{key}");
        }
    }
}
