//! Which ports a container's processes listen on, read from the kernel where it is this machine's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The state of a listening socket in the kernel's table.
const LISTEN: &str = "0A";
/// No table of a container is longer; what comes after that is not read.
const TABLE: u64 = 4 << 20;

/// The addresses and ports that are listened on in the network of a process that belongs to a container. `None` where
/// that is not to be seen: without the right to it, or when the process is another machine's.
pub(super) fn of(pid: u32, container: &str) -> Option<Vec<(IpAddr, u16)>> {
    let process = Path::new("/proc").join(pid.to_string());
    // Process numbers of an engine in a virtual machine mean other processes here.
    if !read(&process.join("cgroup"))?.contains(container) {
        return None;
    }
    let mut all = table(&read(&process.join("net/tcp"))?);
    // Kernels without IPv6 have no such file.
    all.extend(read(&process.join("net/tcp6")).map(|text| table(&text)).unwrap_or_default());
    Some(all)
}

fn read(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(TABLE).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The listening sockets of a table such as `/proc/net/tcp`.
fn table(text: &str) -> Vec<(IpAddr, u16)> {
    let row = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, state) = (words.next()?, words.nth(1)?);
        let (ip, port) = local.split_once(':').filter(|_| state == LISTEN)?;
        Some((address(ip)?, u16::from_str_radix(port, 16).ok()?))
    };
    text.lines().skip(1).filter_map(row).collect()
}

/// An address as the kernel writes it: words of 32 bits, each in the machine's own order of bytes.
fn address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for i in 0..4 {
                bytes[i * 4..i * 4 + 4].copy_from_slice(&word(i * 8)?);
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue\n\
                    0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n\
                    1: 00000000:0050 00000000:0000 0A 00000000:00000000\n\
                    2: 0100007F:0016 0100007F:C350 01 00000000:00000000\n\
                    3: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 0\n\
                    4: zz:1 x 0A\n\n";
        if cfg!(target_endian = "little") {
            let all: Vec<String> = table(text).iter().map(|(ip, port)| format!("{ip} {port}")).collect();
            assert_eq!(all, ["127.0.0.1 8080", "0.0.0.0 80", "::1 8081"]);
        }
    }

    #[test]
    fn another_machines_process_says_nothing() {
        assert_eq!(of(std::process::id(), "no such container"), None);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Every process is in some control group, and each line of that file has a colon.
        let all = of(std::process::id(), ":").unwrap();
        assert!(all.contains(&(Ipv4Addr::LOCALHOST.into(), port)), "{all:?}");
    }
}
