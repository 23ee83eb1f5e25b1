//! The client of a connection, for shares and limits.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::listener::Client;

/// One client machine or network: an IPv4 address, or the /64 network of an IPv6 address, because
/// an IPv6 host can have any number of addresses in it. All that comes over Unix sockets is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(Option<IpAddr>);

impl From<Client> for Peer {
    fn from(client: Client) -> Self {
        match client {
            Client::Address(address) => address.into(),
            Client::Local => Self(None),
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(Some(match address.ip().to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                let network = ip.to_bits() & !u128::from(u64::MAX);
                Ipv6Addr::from_bits(network).into()
            }
            ip => ip,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn all_addresses_of_a_machine_are_one_peer() {
        let peer = |text: &str| Peer::from(text.parse::<SocketAddr>().unwrap());
        let cases = [
            ("192.0.2.1:1", "192.0.2.1:2", true),
            ("192.0.2.1:1", "[::ffff:192.0.2.1]:2", true),
            ("192.0.2.1:1", "192.0.2.2:1", false),
            ("[2001:db8::1]:1", "[2001:db8::ffff:1]:1", true),
            ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("[::1]:1", "[::2]:1", false),
        ];
        check_each(cases, |(one, other, same)| {
            assert_eq!(peer(one) == peer(other), same, "{one} {other}");
        });
    }
}
