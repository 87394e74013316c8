//! A page as it lies in Redis: what it is good for, then its bytes.

use std::time::Duration;

use bytes::Bytes;

use super::page::Page;
use crate::clock;

/// What a value was loaded under. It is good for readers that find the very same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub epoch: u64,
    /// The generation of the user's scope; 0 when the value shows none.
    pub own: u64,
    /// The generation of the catalogue; 0 when the value does not show it.
    pub catalogue: u64,
}

/// Of the form of values: another one is a miss.
const FORM: u8 = 1;
const HEADER_BYTES: usize = 1 + 5 * 8;

/// `page` as bytes.
pub fn encode(page: &Page, stamp: Stamp) -> Vec<u8> {
    let ends_us = clock::now_us() + i64::try_from(page.ttl.as_micros()).unwrap_or(0);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + page.body.len());
    bytes.push(FORM);
    for number in [stamp.epoch, stamp.own, stamp.catalogue, ends_us.cast_unsigned()] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&page.digest);
    bytes.extend_from_slice(&page.body);
    bytes
}

/// The page in `bytes`, if it is good for `stamp` and its time is not over.
pub fn decode(bytes: Vec<u8>, stamp: Stamp) -> Option<Page> {
    let header = bytes.get(..HEADER_BYTES).filter(|header| header[0] == FORM)?;
    let number = |at: usize| {
        let bytes = &header[1 + 8 * at..][..8];
        <[u8; 8]>::try_from(bytes).expect("a slice of eight bytes is an array of eight")
    };
    let [epoch, own, catalogue, ends_us] = [0, 1, 2, 3].map(|at| u64::from_le_bytes(number(at)));
    if (Stamp { epoch, own, catalogue }) != stamp {
        return None;
    }
    let left_us = u64::try_from(ends_us.cast_signed() - clock::now_us()).ok().filter(|left| *left > 0)?;
    let digest = number(4);
    Some(Page::of(Bytes::from(bytes).slice(HEADER_BYTES..), digest, Duration::from_micros(left_us)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAMP: Stamp = Stamp { epoch: 7, own: 8, catalogue: 9 };

    proptest! {
        #[test]
        fn a_value_comes_back_as_it_went_for_its_own_stamp_and_for_no_other(body: Vec<u8>, which in 0usize..3) {
            let page = Page::new(body.clone(), Duration::from_secs(100));
            let bytes = encode(&page, STAMP);
            let back = decode(bytes.clone(), STAMP).unwrap();
            prop_assert_eq!(&back.body[..], &body[..]);
            prop_assert_eq!(&back.etag, &page.etag);
            prop_assert!(back.ttl <= page.ttl && back.ttl > Duration::from_secs(90));
            let mut other = [7, 8, 9];
            other[which] += 1;
            let other = Stamp { epoch: other[0], own: other[1], catalogue: other[2] };
            prop_assert!(decode(bytes, other).is_none());
        }

        #[test]
        fn bytes_of_another_make_are_a_miss_and_no_panic(bytes: Vec<u8>) {
            let ours = bytes.first() == Some(&FORM) && bytes.len() >= HEADER_BYTES;
            prop_assert!(ours || decode(bytes, STAMP).is_none());
        }
    }

    #[test]
    fn a_value_whose_time_is_over_is_a_miss() {
        let page = Page::new(b"x".to_vec(), Duration::ZERO);
        assert!(decode(encode(&page, STAMP), STAMP).is_none());
    }
}
