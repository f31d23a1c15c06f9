//! By what a request is counted.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use proxy_wasm::traits::HttpContext;

use crate::config::{Config, KeyPart};

/// The hash of a request's key. The limit is part of it, so that configurations with different limits count apart
/// in one store, and equal ones together.
pub fn fingerprint(config: &Config, request: &dyn HttpContext) -> u64 {
    let mut hasher = DefaultHasher::new();
    (config.limit.interval, config.limit.burst).hash(&mut hasher);
    for part in &config.keys {
        value(part, request).hash(&mut hasher);
    }
    hasher.finish()
}

fn value(part: &KeyPart, request: &dyn HttpContext) -> (u8, String) {
    match part {
        KeyPart::ClientIp => (0, client_ip(request)),
        KeyPart::Route => (1, route(request)),
        KeyPart::Host => (2, request.get_http_request_header(":authority").unwrap_or_default().to_ascii_lowercase()),
        KeyPart::Method => (3, request.get_http_request_header(":method").unwrap_or_default()),
        KeyPart::Path => (4, path(request)),
        // Leaving the header out must not be a way around the limit: such requests count by address.
        KeyPart::Header(name) => match request.get_http_request_header(name) {
            Some(value) => (5, format!("{name}:{value}")),
            None => (0, client_ip(request)),
        },
        KeyPart::Global => (6, String::new()),
    }
}

fn property(request: &dyn HttpContext, path: Vec<&str>) -> Option<String> {
    request.get_property(path).and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The client's address. Loom knows who is behind trusted proxies and says so in client_ip; in Envoy source.address
/// is that already.
fn client_ip(request: &dyn HttpContext) -> String {
    let peer = property(request, vec!["client_ip"]).or_else(|| property(request, vec!["source", "address"]));
    address_of(&peer.unwrap_or_default())
}

/// The route's name, under the names that gateways give it.
fn route(request: &dyn HttpContext) -> String {
    property(request, vec!["xds", "route_name"])
        .or_else(|| property(request, vec!["route_name"]))
        .unwrap_or_default()
}

fn path(request: &dyn HttpContext) -> String {
    let target = request.get_http_request_header(":path").unwrap_or_default();
    target.split('?').next().unwrap_or_default().to_string()
}

/// The address without its port; of IPv6 the /64, since one customer has all addresses in it.
fn address_of(peer: &str) -> String {
    let ip = peer
        .parse::<SocketAddr>()
        .map(|a| a.ip())
        .or_else(|_| peer.parse::<IpAddr>());
    match ip {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => network(v6).to_string(),
        },
        Ok(v4) => v4.to_string(),
        Err(_) => peer.to_string(),
    }
}

fn network(ip: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(ip) & !u128::from(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::address_of;

    #[test]
    fn addresses_lose_what_does_not_tell_clients_apart() {
        for (peer, expected) in [
            ("192.0.2.7:4711", "192.0.2.7"),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
            ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
            ("unix:@/tmp/socket", "unix:@/tmp/socket"),
            ("", ""),
        ] {
            assert_eq!(address_of(peer), expected, "{peer}");
        }
    }
}
