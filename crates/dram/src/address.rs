//! Address maps: which channel, rank, bank, row and column a burst lives in.
//!
//! A map names six fields from the most significant to the least, two letters each: `ro` row,
//! `ra` rank, `bg` bank group, `ba` bank of the group, `co` column, `ch` channel. The lowest field
//! is just above the bytes of one burst. Sizes need not be powers of two.
//!
//! The channel can be taken out of the address, so a contiguous range of bytes is one contiguous
//! range of channel-local bursts on each channel, whatever the map.

use config::FieldError;

use crate::preset::Organisation;

/// A field of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The row, written `ro` in a map.
    Row,
    /// The rank, written `ra` in a map.
    Rank,
    /// The bank group, written `bg` in a map.
    Group,
    /// The bank within its group, written `ba` in a map.
    Bank,
    /// The column, counted in bursts, written `co` in a map.
    Column,
    /// The channel, written `ch` in a map.
    Channel,
}

impl Field {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Row, "ro"),
        (Self::Rank, "ra"),
        (Self::Group, "bg"),
        (Self::Bank, "ba"),
        (Self::Column, "co"),
        (Self::Channel, "ch"),
    ];
}

/// Whether bank bits are mixed with row bits, so that strides of whole rows spread over banks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Hash {
    /// Fields are taken as they are.
    #[default]
    None,
    /// Bank group and bank are XORed with the lowest bits of the row.
    RowXor,
}

/// Where a burst lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Location {
    /// Channel of the memory.
    pub channel: u64,
    /// Rank of the channel.
    pub rank: u64,
    /// Bank group of the rank.
    pub group: u64,
    /// Bank of the group.
    pub bank: u64,
    /// Row of the bank.
    pub row: u64,
    /// Column of the row, in bursts.
    pub column: u64,
}

/// A checked address map over bursts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressMap {
    /// Fields with their sizes, from the least significant.
    fields: [(Field, u64); 6],
    hash: Hash,
    groups: u64,
    banks: u64,
    /// Where all sizes are powers of two: the shift and mask of each field of a burst's number, in
    /// the order of [`Field`]; with the channel, and without.
    bits: Option<[[Bits; 6]; 2]>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bits {
    shift: u32,
    mask: u64,
}

impl Bits {
    #[inline]
    const fn of(self, burst: u64) -> u64 {
        burst >> self.shift & self.mask
    }

    /// The bits of each field, if every size is a power of two and all fit.
    fn of_fields(fields: &[(Field, u64); 6], keep: impl Fn(Field) -> bool) -> Option<[Self; 6]> {
        let mut bits = [Self::default(); 6];
        let mut shift = 0;
        for &(field, size) in fields.iter().filter(|(field, _)| keep(*field)) {
            if !size.is_power_of_two() || shift >= 63 {
                return None;
            }
            bits[field as usize] = Self {
                shift,
                mask: size - 1,
            };
            shift += size.trailing_zeros();
        }
        Some(bits)
    }
}

/// The fields of a map string, from the most significant.
///
/// # Errors
/// Names a field that is unknown, missing or repeated.
pub fn parse_fields(map: &str) -> Result<[Field; 6], FieldError> {
    let error = |message: String| {
        FieldError::new("map", message).help(
            "name each of ro, ra, bg, ba, co, ch once, from the most significant: \"rorabacochbg\"",
        )
    };
    let mut fields = Vec::new();
    let mut rest = map;
    while !rest.is_empty() {
        let Some((name, tail)) = rest.split_at_checked(2) else {
            return Err(error(format!("`{map}` ends with half a field, `{rest}`")));
        };
        let Some(&(field, _)) = Field::ALL.iter().find(|(_, known)| *known == name) else {
            return Err(error(format!(
                "`{name}` in `{map}` is no field of an address"
            )));
        };
        if fields.contains(&field) {
            return Err(error(format!("`{map}` repeats the field `{name}`")));
        }
        fields.push(field);
        rest = tail;
    }
    if let Some((_, name)) = Field::ALL.iter().find(|(field, _)| !fields.contains(field)) {
        return Err(error(format!("`{map}` misses the field `{name}`")));
    }
    match fields.try_into() {
        Ok(fields) => Ok(fields),
        Err(_) => Err(error(format!("`{map}` does not have six fields"))),
    }
}

impl AddressMap {
    /// The map of a string over an organisation.
    ///
    /// # Errors
    /// If the string names fields wrongly, or a hash meets sizes that are no powers of two.
    pub fn new(
        map: &str,
        organisation: &Organisation,
        channels: u64,
        hash: Hash,
    ) -> Result<Self, FieldError> {
        let size = |field| match field {
            Field::Row => organisation.rows_per_bank,
            Field::Rank => organisation.ranks,
            Field::Group => organisation.bank_groups,
            Field::Bank => organisation.banks_per_group,
            Field::Column => organisation.columns(),
            Field::Channel => channels,
        };
        let mut fields = parse_fields(map)?.map(|field| (field, size(field)));
        fields.reverse();
        let (groups, banks) = (organisation.bank_groups, organisation.banks_per_group);
        if hash == Hash::RowXor && !(groups * banks).is_power_of_two() {
            let message = format!("RowXor over {groups} bank groups of {banks} banks");
            return Err(FieldError::new("hash", message)
                .help("hashing needs numbers of banks that are powers of two"));
        }
        Ok(Self {
            fields,
            hash,
            groups,
            banks,
            bits: Bits::of_fields(&fields, |_| true)
                .zip(Bits::of_fields(&fields, |field| field != Field::Channel))
                .map(|(all, local)| [all, local]),
        })
    }

    /// Where a burst of the whole memory lives.
    #[inline]
    #[must_use]
    pub fn locate(&self, burst: u64) -> Location {
        match &self.bits {
            Some([all, _]) => self.locate_bits(burst, all),
            None => self.locate_fields(burst, |_| true),
        }
    }

    /// Where a channel-local burst lives in its channel.
    #[inline]
    #[must_use]
    pub fn locate_local(&self, burst: u64) -> Location {
        match &self.bits {
            Some([_, local]) => self.locate_bits(burst, local),
            None => self.locate_fields(burst, |field| field != Field::Channel),
        }
    }

    #[inline]
    fn locate_bits(&self, burst: u64, bits: &[Bits; 6]) -> Location {
        let of = |field: Field| bits[field as usize].of(burst);
        self.mix(Location {
            channel: of(Field::Channel),
            rank: of(Field::Rank),
            group: of(Field::Group),
            bank: of(Field::Bank),
            row: of(Field::Row),
            column: of(Field::Column),
        })
    }

    fn locate_fields(&self, burst: u64, keep: impl Fn(Field) -> bool) -> Location {
        let mut rest = burst;
        let mut location = Location::default();
        for &(field, size) in self.fields.iter().filter(|(field, _)| keep(*field)) {
            let value = rest % size;
            rest /= size;
            match field {
                Field::Row => location.row = value,
                Field::Rank => location.rank = value,
                Field::Group => location.group = value,
                Field::Bank => location.bank = value,
                Field::Column => location.column = value,
                Field::Channel => location.channel = value,
            }
        }
        self.mix(location)
    }

    #[inline]
    fn mix(&self, mut location: Location) -> Location {
        if self.hash == Hash::RowXor {
            location.group ^= location.row % self.groups;
            location.bank ^= location.row / self.groups % self.banks;
        }
        location
    }

    /// Bursts that stay on one channel before the next channel's turn.
    #[must_use]
    pub fn stripe_bursts(&self) -> u64 {
        self.fields
            .iter()
            .take_while(|(field, _)| *field != Field::Channel)
            .map(|(_, size)| size)
            .product()
    }

    /// Rows that a contiguous channel-local range touches by turns: the product of the fields
    /// below the column, the channel left out.
    #[must_use]
    pub fn rows_interleaved(&self) -> u64 {
        self.fields
            .iter()
            .take_while(|(field, _)| *field != Field::Column)
            .filter(|(field, _)| *field != Field::Channel)
            .map(|(_, size)| size)
            .product()
    }
}

/// What lies on one channel of a range of bytes: a contiguous range of the channel's own bursts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelSlice {
    /// The number of the channel, counted from 0.
    pub channel: u64,
    /// The first channel-local burst.
    pub first: u64,
    /// The number of bursts.
    pub bursts: u64,
}

/// The slices of the bursts `[first, end)` over channels striped by `stripe` bursts, one for each
/// channel that has any.
pub(crate) fn slices(
    first: u64,
    end: u64,
    stripe: u64,
    channels: u64,
) -> impl Iterator<Item = ChannelSlice> {
    // Bursts of channel c below a point: whole turns, then what its own turn has of the rest.
    let below = move |point: u64, channel: u64| {
        let turn = stripe * channels;
        let rest = (point % turn).saturating_sub(channel * stripe);
        point / turn * stripe + rest.min(stripe)
    };
    let start = first / stripe % channels;
    let touched = if end > first {
        ((end - 1) / stripe - first / stripe + 1).min(channels)
    } else {
        0
    };
    (0..touched)
        .map(move |turn| {
            let channel = (start + turn) % channels;
            let from = below(first, channel);
            ChannelSlice {
                channel,
                first: from,
                bursts: below(end, channel) - from,
            }
        })
        .filter(|share| share.bursts > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const ORGANISATION: Organisation = Organisation {
        ranks: 2,
        bank_groups: 4,
        banks_per_group: 2,
        rows_per_bank: 4,
        row_bytes: 256,
        access_bytes: 32,
    };

    #[test]
    fn the_last_field_is_the_lowest() {
        let map = AddressMap::new("rochrababgco", &ORGANISATION, 1, Hash::None).unwrap();
        assert_eq!(map.locate(5).column, 5);
        assert_eq!(map.locate(8).group, 1);
        assert_eq!(map.locate(32).bank, 1);
        assert_eq!(map.locate(64).rank, 1);
        assert_eq!(map.locate(128).row, 1);
    }

    #[test]
    fn wrong_maps_are_refused_with_the_field_named() {
        for (map, part) in [
            ("rorabachbg", "misses the field `co`"),
            ("rororabgbaco", "repeats the field `ro`"),
            ("roxxrabgbaco", "`xx`"),
            ("rorabachcob", "half a field"),
        ] {
            let error = parse_fields(map).unwrap_err();
            assert_eq!(error.path, "map");
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn every_map_reaches_every_burst_once() {
        for map in ["rorabgbachco", "rorabacochbg", "chrarocobgba"] {
            for hash in [Hash::None, Hash::RowXor] {
                let map = AddressMap::new(map, &ORGANISATION, 3, hash).unwrap();
                let all: BTreeSet<_> = (0..3 * 512)
                    .map(|burst| {
                        let l = map.locate(burst);
                        (l.channel, l.rank, l.group, l.bank, l.row, l.column)
                    })
                    .collect();
                assert_eq!(all.len(), 3 * 512);
            }
        }
    }

    proptest! {
        #[test]
        fn shares_are_the_bursts_of_the_map_channel_by_channel(
            first in 0u64..1500, bursts in 1u64..900, channels in 1u64..6,
            map in prop::sample::select(vec!["rorabgbachco", "rorabacochbg", "rochrabacobg", "chrorabacobg"]),
        ) {
            let map = AddressMap::new(map, &ORGANISATION, channels, Hash::None).unwrap();
            let mut expected = vec![BTreeSet::new(); channels as usize];
            for burst in first..first + bursts {
                let l = map.locate(burst % (512 * channels));
                expected[l.channel as usize].insert((l.rank, l.group, l.bank, l.row, l.column));
            }
            prop_assume!(first + bursts <= 512 * channels);
            let mut total = 0;
            for slice in slices(first, first + bursts, map.stripe_bursts(), channels) {
                let local: BTreeSet<_> = (slice.first..slice.first + slice.bursts)
                    .map(|burst| {
                        let l = map.locate_local(burst);
                        (l.rank, l.group, l.bank, l.row, l.column)
                    })
                    .collect();
                prop_assert_eq!(&local, &expected[slice.channel as usize]);
                total += slice.bursts;
            }
            prop_assert_eq!(total, bursts);
        }
    }
}
