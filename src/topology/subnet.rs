//! Ranges of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses, as `172.18.0.0/16` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    base: IpAddr,
    bits: u8,
}

impl Subnet {
    /// The range around an address of which the first `bits` bits are the same; `None` when there are not so many.
    pub fn around(address: IpAddr, bits: u8) -> Option<Self> {
        let base = match address {
            IpAddr::V4(v4) if bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) if bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
            _ => return None,
        };
        Some(Self { base, bits })
    }

    /// Whether an address is in it.
    pub fn has(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.base.is_ipv4() && Self::around(address, self.bits) == Some(*self)
    }

    /// Whether some address is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.has(other.base) || other.has(self.base)
    }

    /// Whether it is everything: the way to wherever no other leads.
    pub const fn is_default(&self) -> bool {
        self.bits == 0
    }

    /// Its first address that a machine can have, which Docker gives to the gateway.
    pub fn first(&self) -> IpAddr {
        match self.base {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits().saturating_add(1))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits().saturating_add(1))),
        }
    }
}

impl FromStr for Subnet {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = text.split_once('/').ok_or(())?;
        Self::around(address.parse().map_err(|_| ())?, bits.parse().map_err(|_| ())?).ok_or(())
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn net(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_overlap_where_one_holds_the_other() {
        for (a, b, expected) in [
            ("172.18.0.0/16", "172.18.5.0/24", true),
            ("172.18.5.0/24", "172.18.0.0/16", true),
            ("172.18.0.0/16", "172.19.0.0/16", false),
            ("10.0.0.0/8", "10.8.0.1/32", true),
            ("0.0.0.0/0", "10.8.0.1/32", true),
            ("fd00::/64", "fd00::1:0:0:1/112", true),
            ("fd00::/64", "fd00:0:0:1::/64", false),
            ("::/0", "10.0.0.0/8", false),
        ] {
            assert_eq!(net(a).overlaps(&net(b)), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_range_is_read_whichever_of_its_addresses_names_it() {
        assert_eq!(net("172.18.3.4/16").to_string(), "172.18.0.0/16");
        assert_eq!(net("172.18.0.0/16").first().to_string(), "172.18.0.1");
        assert_eq!(net("fd00:1::/64").first().to_string(), "fd00:1::1");
        for wrong in ["", "172.18.0.0", "172.18.0.0/33", "fd00::/129", "x/8", "10.0.0.0/-1"] {
            assert!(wrong.parse::<Subnet>().is_err(), "{wrong}");
        }
    }
}
