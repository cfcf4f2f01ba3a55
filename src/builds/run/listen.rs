//! Where the processes of a container listen, as its kernel's tables of connections tell.

/// A TCP port that something listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// The port.
    pub port: u16,
    /// Whether it is reached from within the container only.
    pub loopback: bool,
}

/// Reads `/proc/net/tcp` and `/proc/net/tcp6`, one after the other.
pub fn listeners(text: &str) -> Vec<Listener> {
    const LISTEN: &str = "0A";
    let read = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (address, port) = words.next()?.split_once(':')?;
        let state = words.nth(1)?;
        let port = u16::from_str_radix(port, 16).ok()?;
        // Each four bytes are turned round. Docker's own name server listens at 127.0.0.11.
        let loopback = match address.len() {
            8 => address.ends_with("7F"),
            32 => {
                address == "00000000000000000000000001000000"
                    || (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"))
            }
            _ => return None,
        };
        (state == LISTEN && address != "0B00007F").then_some(Listener { port, loopback })
    };
    let mut all: Vec<Listener> = text.lines().filter_map(read).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_told_from_connections_and_loopback_from_the_rest() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n   \
            0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n   \
            1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n   \
            2: 0B00007F:9C41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n   \
            3: 020011AC:0051 010011AC:E0D2 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n  \
            sl  local_address                         remote_address                        st\n   \
            0: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A 0:0 0 0\n   \
            1: 0000000000000000FFFF00000100007F:0BB9 00000000000000000000000000000000:0000 0A 0:0 0 0\n   \
            2: 00000000000000000000000000000000:0BBA 00000000000000000000000000000000:0000 0A 0:0 0 0\n";
        let all: Vec<_> = listeners(text).iter().map(|l| (l.port, l.loopback)).collect();
        assert_eq!(all, [(80, false), (3000, true), (3001, true), (3002, false), (5000, true)]);
        assert_eq!(listeners("cat: no such file\n 1: x:y z 0A\n"), []);
    }
}
