// Copyright The Lantern Authors.
// SPDX-License-Identifier: MIT
//! The state of eight relays, and the messages that change it.

/// One bit a relay, the lowest bit for relay 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relays(u8);

/// A relay number outside 1 to 8.
#[derive(Debug, PartialEq, Eq)]
pub struct NoSuchRelay(pub u8);

impl Relays {
    /// The state after one relay has been switched.
    pub fn switched(self, relay: u8, on: bool) -> Result<Self, NoSuchRelay> {
        if !(1..=8).contains(&relay) {
            return Err(NoSuchRelay(relay));
        }
        let bit = 1 << (relay - 1);
        Ok(Self(if on { self.0 | bit } else { self.0 & !bit }))
    }

    /// The message that brings the board into this state, whatever its state was.
    pub fn message(self) -> String {
        format!("ALL {:08b}\n", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_goes_on_and_off() {
        let on = Relays::default().switched(3, true).unwrap();
        assert_eq!(on.message(), "ALL 00000100\n");
        assert_eq!(on.switched(3, false), Ok(Relays::default()));
        assert_eq!(on.switched(9, true), Err(NoSuchRelay(9)));
    }
}
