//! `icmp`: an echo request, and the reply to it.
//!
//! ## Limits
//! The system must permit it: a raw socket needs `CAP_NET_RAW`, a datagram socket a group of
//! `net.ipv4.ping_group_range`. The raw one is tried first, since it alone shows the hop limit of an
//! IPv4 reply; the hop limit of IPv6 replies is not shown.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rand::RngExt as _;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::module::IcmpSettings;
use crate::recorder::{Failure, Gauge, Recorder};
use crate::resolve::choose_address;

const ICMP_DURATION: Gauge = Gauge::new("probe_icmp_duration_seconds", "How long each phase took.");
const REPLY_HOP_LIMIT: Gauge = Gauge::new(
    "probe_icmp_reply_hop_limit",
    "The hop limit (TTL in IPv4) of the reply.",
);

const PAYLOAD: &[u8] = b"Bellwether";
/// The longest IP packet.
const PACKET_BYTES_MAX: usize = 64 << 10;
const HEADER_BYTES: usize = 8;
/// The longest payload that an IPv4 packet holds.
const PAYLOAD_BYTES_MAX: usize = 65_507;

pub(crate) async fn probe_icmp(
    recorder: &mut Recorder,
    settings: &IcmpSettings,
    target: &str,
) -> Result<(), Failure> {
    recorder.expect_phases(ICMP_DURATION, &["resolve", "setup", "rtt"]);
    let choice = settings.address;
    let address = choose_address(recorder, target, choice, Some(ICMP_DURATION)).await?;
    recorder.begin(Some(ICMP_DURATION), "setup");
    let (socket, is_raw) = open(settings, address)
        .map_err(|error| Failure::new(format!("no socket for ICMP: {error}")))?;
    let mut echo = Echo {
        is_v6: address.is_ipv6(),
        id: rand::rng().random(),
        sequence: rand::rng().random(),
        payload: payload(settings)?,
    };
    if !is_raw {
        // The kernel sets the number of the socket and hands us nobody else's replies.
        let local = socket
            .local_addr()
            .map_err(|error| Failure::new(error.to_string()))?;
        echo.id = local.port();
    }
    recorder.end();
    recorder.begin(Some(ICMP_DURATION), "rtt");
    let failed = |error: io::Error| Failure::new(format!("no reply from {address}: {error}"));
    let to = SocketAddr::new(address, 0);
    socket.send_to(&echo.request(), to).await.map_err(failed)?;
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    loop {
        let (count, from) = socket.recv_from(&mut buffer).await.map_err(failed)?;
        let packet = &buffer[..count];
        let (hop_limit, message) = if is_raw && !echo.is_v6 {
            part_ipv4(packet)
        } else {
            (None, packet)
        };
        if from.ip() == address && echo.is_reply(message) {
            recorder.end();
            if let Some(hop_limit) = hop_limit {
                recorder.set(REPLY_HOP_LIMIT, f64::from(hop_limit));
            }
            return Ok(());
        }
    }
}

fn payload(settings: &IcmpSettings) -> Result<Vec<u8>, Failure> {
    let mut payload = PAYLOAD.to_vec();
    if let Some(bytes) = settings.payload_bytes.filter(|bytes| *bytes > 0) {
        if bytes > PAYLOAD_BYTES_MAX {
            let reason = format!("a payload of {bytes} bytes: at most {PAYLOAD_BYTES_MAX} fit");
            return Err(Failure::new(reason));
        }
        payload.resize(bytes, 0);
    }
    Ok(payload)
}

/// A socket for echo requests, and whether it is a raw one.
fn open(settings: &IcmpSettings, address: IpAddr) -> io::Result<(UdpSocket, bool)> {
    let (domain, protocol, any) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, IpAddr::from([0; 4])),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, IpAddr::from([0; 16])),
    };
    let (socket, is_raw) = match Socket::new(domain, Type::RAW, Some(protocol)) {
        Ok(socket) => (socket, true),
        Err(_) => (Socket::new(domain, Type::DGRAM, Some(protocol))?, false),
    };
    socket.set_nonblocking(true)?;
    if settings.ttl > 0 {
        match address {
            IpAddr::V4(_) => socket.set_ttl_v4(u32::from(settings.ttl))?,
            IpAddr::V6(_) => socket.set_unicast_hops_v6(u32::from(settings.ttl))?,
        }
    }
    if settings.dont_fragment && address.is_ipv4() {
        forbid_splitting(&socket)?;
    }
    socket.bind(&SocketAddr::new(settings.source.unwrap_or(any), 0).into())?;
    // A socket that sends and receives packets with addresses, which is all that is used of it.
    let socket = UdpSocket::from_std(std::net::UdpSocket::from(socket))?;
    Ok((socket, is_raw))
}

/// Sets the bit `DF` of what is sent. A packet that is too long for the way is then not sent at all.
#[cfg(target_os = "linux")]
fn forbid_splitting(socket: &Socket) -> io::Result<()> {
    use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
    set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DO)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn forbid_splitting(_socket: &Socket) -> io::Result<()> {
    Err(io::Error::other("dont_fragment can be had on Linux only"))
}

/// The hop limit and the content of an IPv4 packet.
fn part_ipv4(packet: &[u8]) -> (Option<u8>, &[u8]) {
    let header_bytes = packet
        .first()
        .map_or(0, |byte| usize::from(byte & 0x0f) * 4);
    let content = packet.get(header_bytes..).unwrap_or_default();
    (packet.get(8).copied(), content)
}

struct Echo {
    is_v6: bool,
    id: u16,
    sequence: u16,
    payload: Vec<u8>,
}

impl Echo {
    fn request(&self) -> Vec<u8> {
        let kind = if self.is_v6 { 128 } else { 8 };
        let mut packet = vec![kind, 0, 0, 0];
        packet.extend_from_slice(&self.id.to_be_bytes());
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.payload);
        // The kernel fills in that of ICMPv6, which covers the addresses.
        if !self.is_v6 {
            let sum = checksum(&packet).to_be_bytes();
            packet[2..4].copy_from_slice(&sum);
        }
        packet
    }

    fn is_reply(&self, message: &[u8]) -> bool {
        let kind = if self.is_v6 { 129 } else { 0 };
        let numbers = [self.id.to_be_bytes(), self.sequence.to_be_bytes()].concat();
        message.first() == Some(&kind)
            && message.get(4..HEADER_BYTES) == Some(numbers.as_slice())
            && message.get(HEADER_BYTES..) == Some(self.payload.as_slice())
    }
}

/// RFC 1071.
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([pair[0], low]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_sums_to_nothing_and_its_reply_is_known() {
        let echo = Echo {
            is_v6: false,
            id: 0x1234,
            sequence: 7,
            payload: b"odd".to_vec(),
        };
        let mut packet = echo.request();
        assert_eq!(checksum(&packet), 0);
        assert!(!echo.is_reply(&packet));
        packet[0] = 0;
        assert!(echo.is_reply(&packet));
        let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 63];
        ip.resize(20, 0);
        ip.extend_from_slice(&packet);
        let (hop_limit, message) = part_ipv4(&ip);
        assert_eq!(hop_limit, Some(63));
        assert!(echo.is_reply(message));
        assert_eq!(part_ipv4(&[]), (None, &[][..]));
    }
}
