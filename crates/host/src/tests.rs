#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bellwether_storage::ManualClock;
use bellwether_telemetry::{Format, Registry};
use proptest::prelude::*;

use super::*;

/// A small machine: one processor pair, two disks, a container's mounts.
const FILES: [(&str, &str); 32] = [
    (
        "proc/stat",
        "cpu  30 1 20 900 5 0 2 0 0 0\ncpu0 10 1 10 400 5 0 1 0 4 0\ncpu1 20 0 10 500 0 0 1 0 0 0\n\
         intr 1234 5 6 7\nctxt 98765\nbtime 1700000000\nprocesses 4321\nprocs_running 2\n\
         procs_blocked 1\nsoftirq 1 2 3\n",
    ),
    ("proc/loadavg", "0.25 0.50 0.75 2/345 6789\n"),
    (
        "proc/meminfo",
        "MemTotal:       8000 kB\nActive(anon):    100 kB\nHugePages_Total:       3\n",
    ),
    (
        "proc/diskstats",
        "   8       0 sda 10 1 20 3000 30 2 40 5000 6 7000 8000 1 2 3 4000 5 6000\n   8       1 \
         sda1 1 1 1 1 1 1 1 1 1 1 1\n   7       0 loop0 1 1 1 1 1 1 1 1 1 1 1\n 259       0 \
         nvme0n1 1 0 2 0 3 0 4 0 0 0 0\n",
    ),
    (
        "proc/1/mounts",
        "overlay / overlay rw,relatime 0 0\nproc /proc proc rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n\
         /dev/sdb1 /my\\040data ext4 ro,noatime 0 0\n/dev/sdb1 /my\\040data ext4 ro 0 0\n\
         overlay /var/lib/docker/overlay2/x overlay rw 0 0\n/dev/sdc /gone ext4 rw 0 0\n",
    ),
    (
        "proc/net/dev",
        "Inter-|   Receive                                                |  Transmit\n face |bytes    \
         packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls \
         carrier compressed\n    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  eth0: 100 2 3 4 5 6 \
         7 8 900 10 11 12 13 14 15 16\n",
    ),
    (
        "proc/net/arp",
        "IP address HW type Flags HW address Mask Device\n10.0.0.1 0x1 0x2 02:fc * eth0\n",
    ),
    (
        "proc/net/softnet_stat",
        "000000ef 00000001 00000002 00000000\n000066a8 00000000 00000000\n",
    ),
    ("proc/sys/net/netfilter/nf_conntrack_count", "12\n"),
    ("proc/sys/net/netfilter/nf_conntrack_max", "262144\n"),
    ("sys/class/net/eth0/flags", "0x1003\n"),
    ("sys/class/net/eth0/operstate", "up\n"),
    ("sys/class/net/eth0/mtu", "1500\n"),
    ("sys/class/net/eth0/speed", "1000\n"),
    ("sys/class/net/eth0/address", "02:42:ac:11:00:02\n"),
    ("sys/class/net/lo/operstate", "unknown\n"),
    ("sys/class/net/lo/speed", "-1\n"),
    (
        "proc/net/sockstat",
        "sockets: used 290\nTCP: inuse 5 orphan 0 tw 1 alloc 7 mem 2\n",
    ),
    (
        "proc/net/snmp",
        "Tcp: RtoMin ActiveOpens InErrs\nTcp: 200 31 2\nUdp: InDatagrams InErrors\nUdp: 11 12\n",
    ),
    (
        "proc/net/netstat",
        "TcpExt: SyncookiesSent TCPTimeouts DelayedACKs\nTcpExt: 1 2 3\n",
    ),
    (
        "proc/net/snmp6",
        "Ip6InOctets                     77\nIp6OutNoRoutes  5\n",
    ),
    (
        "proc/vmstat",
        "nr_free_pages 1\npgpgin 22\npgmajfault 33\noom_kill 4\n",
    ),
    (
        "proc/pressure/cpu",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 total=0\n",
    ),
    ("proc/sys/fs/file-nr", "1024\t0\t9999\n"),
    ("proc/sys/kernel/hostname", "box\n"),
    ("proc/sys/kernel/osrelease", "6.1.0\n"),
    ("proc/sys/kernel/ostype", "Linux\n"),
    ("proc/sys/kernel/version", "#1 SMP\n"),
    (
        "etc/os-release",
        "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\n",
    ),
    (
        "proc/self/stat",
        "42 (a (b) c) S 1 42 42 0 -1 4194304 500 0 6 0 150 50 0 0 20 0 9 0 1000 4096000 25 \
         18446744073709551615\n",
    ),
    (
        "proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units\nMax open \
         files            1024                 4096                 files\nMax address space         \
         unlimited            unlimited            bytes\n",
    ),
    ("proc/self/fd/3", ""),
];

fn machine(root: &Path) {
    for (path, text) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir_all(root.join("my data")).unwrap();
}

fn render(root: &Path, format: Format) -> String {
    let registry = Registry::new();
    let host = Host::new(root, Arc::new(ManualClock::new(1_700_000_000_500)));
    let process = Process::new(root);
    registry.add_collector(move |sink| {
        process.collect(sink);
        host.collect(sink);
    });
    registry.render(format)
}

#[test]
fn a_machine_is_shown_with_the_names_of_node_exporter() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path());
    let text = render(folder.path(), Format::Prometheus);
    // The kernel's tick is 100 Hz on every platform that Rust's standard library supports.
    for line in [
        "node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 0.1",
        "node_cpu_seconds_total{cpu=\"1\",mode=\"idle\"} 5",
        "node_cpu_guest_seconds_total{cpu=\"0\",mode=\"user\"} 0.04",
        "node_load1 0.25",
        "node_load15 0.75",
        "node_memory_MemTotal_bytes 8192000",
        "node_memory_Active_anon_bytes 102400",
        "node_memory_HugePages_Total 3",
        "node_disk_read_bytes_total{device=\"sda\"} 10240",
        "node_disk_io_now{device=\"sda\"} 6",
        "node_disk_io_time_seconds_total{device=\"sda\"} 7",
        "node_disk_flush_requests_time_seconds_total{device=\"sda\"} 6",
        "node_disk_written_bytes_total{device=\"nvme0n1\"} 2048",
        "node_filesystem_readonly{device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/my data\"} 1",
        "node_filesystem_device_error{device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/my data\"} 0",
        "node_filesystem_device_error{device=\"/dev/sdc\",fstype=\"ext4\",mountpoint=\"/gone\"} 1",
        "node_network_receive_bytes_total{device=\"eth0\"} 100",
        "node_network_transmit_compressed_total{device=\"lo\"} 16",
        "node_network_up{device=\"eth0\"} 1",
        "node_network_up{device=\"lo\"} 0",
        "node_network_speed_bytes{device=\"eth0\"} 125000000",
        "node_network_flags{device=\"eth0\"} 4099",
        "node_arp_entries{device=\"eth0\"} 1",
        "node_softnet_processed_total{cpu=\"0\"} 239",
        "node_softnet_dropped_total{cpu=\"0\"} 1",
        "node_nf_conntrack_entries_limit 262144",
        "node_sockstat_TCP_inuse 5",
        "node_netstat_Tcp_ActiveOpens 31",
        "node_netstat_Udp_InErrors 12",
        "node_netstat_TcpExt_SyncookiesSent 1",
        "node_netstat_Ip6_InOctets 77",
        "node_vmstat_pgmajfault 33",
        "node_pressure_cpu_waiting_seconds_total 2.5",
        "node_filefd_allocated 1024",
        "node_filefd_maximum 9999",
        "node_boot_time_seconds 1700000000",
        "node_context_switches_total 98765",
        "node_forks_total 4321",
        "node_intr_total 1234",
        "node_procs_running 2",
        "node_time_seconds 1700000000.5",
        "node_os_version{id=\"debian\",id_like=\"\",name=\"Debian GNU/Linux\"} 12",
        "process_cpu_seconds_total 2",
        "process_threads 9",
        "process_start_time_seconds 1700000010",
        "process_virtual_memory_bytes 4096000",
        "process_virtual_memory_max_bytes +Inf",
        "process_max_fds 1024",
        "process_open_fds 1",
        "node_scrape_collector_success{collector=\"cpu\"} 1",
        // The fixture has neither of the two.
        "node_scrape_collector_success{collector=\"entropy\"} 0",
        "node_scrape_collector_success{collector=\"schedstat\"} 0",
    ] {
        assert!(
            text.lines().any(|have| have == line),
            "no {line} in\n{text}"
        );
    }
    for absent in [
        "sda1",
        "loop0",
        "/dev/shm",
        "docker",
        "nr_free_pages",
        "DelayedACKs",
    ] {
        assert!(!text.contains(absent), "{absent} in\n{text}");
    }
    assert!(
        text.contains("nodename=\"box\",release=\"6.1.0\",sysname=\"Linux\""),
        "{text}"
    );
    assert_is_valid(&text);
}

#[test]
fn an_empty_root_gives_no_numbers_but_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let text = render(folder.path(), Format::OpenMetrics);
    assert!(
        text.contains("node_scrape_collector_success{collector=\"cpu\"} 0"),
        "{text}"
    );
    assert!(
        text.contains("node_scrape_collector_success{collector=\"time\"} 1"),
        "{text}"
    );
    assert!(!text.contains("node_cpu_seconds"), "{text}");
    assert!(!text.contains("process_"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn the_machine_that_runs_this_test_can_be_read() {
    let text = render(Path::new("/"), Format::Prometheus);
    for name in [
        "node_cpu_seconds_total{",
        "node_memory_MemTotal_bytes ",
        "process_threads ",
    ] {
        assert!(text.contains(name), "no {name} in\n{text}");
    }
    assert_is_valid(&text);
}

/// Each family has one header, its lines stand together, and no series occurs twice.
fn assert_is_valid(text: &str) {
    let mut families = std::collections::BTreeSet::new();
    let mut series = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(families.insert(rest.to_owned()), "{rest} has two headers");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(series.insert(name.to_owned()), "{name} occurs twice");
            assert!(value == "+Inf" || value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn partitions_and_devices_in_memory_are_left_out() {
    for device in [
        "sda1",
        "vdb12",
        "xvda1",
        "ram0",
        "zram1",
        "loop7",
        "fd0",
        "nvme0n1p2",
    ] {
        assert!(disk::is_ignored(device), "{device}");
    }
    for device in [
        "sda", "vdb", "nvme0n1", "md0", "dm-3", "mmcblk0", "nvme", "sdaa1", "",
    ] {
        assert!(!disk::is_ignored(device), "{device}");
    }
}

proptest! {
    #[test]
    fn parsers_take_any_text(text in "(?s)[ -~\n\\\\:=()]{0,200}|.{0,80}") {
        let mut found = cpu::parse(&text).len() + cpu::parse_schedule(&text).len();
        found += disk::parse(&text).len() + filesystem::parse(&text).len();
        found += memory::parse(&text).len() + memory::parse_vmstat(&text).len();
        found += network::parse_arp(&text).len() + network::parse_softnet(&text).len();
        found += network::parse(&text).len() + sockets::parse_sockets(&text).len();
        found += sockets::parse_protocols(&text).len() + sockets::parse_protocols6(&text).len();
        prop_assert!(found <= 10 * (text.len() + 1));
        // That these return at all is what is tested; none of them may find a number in an empty text.
        let found = [
            kernel::parse_load(&text).is_some(),
            kernel::parse_threads(&text).is_some(),
            kernel::parse_field(&text, "btime").is_some(),
            network::parse_property(&text).is_some(),
            pressure::parse(&text, "some").is_some(),
            process::parse_stat(&text).is_some(),
            process::parse_limit(&text, "Max open files").is_some(),
            !system::parse_os(&text, "ID").is_empty(),
        ];
        prop_assert!(!text.is_empty() || found.iter().all(|found| !found));
    }
}

#[test]
fn memory_without_the_pages_of_files() {
    let parse = crate::process::parse_anonymous_pages;
    assert_eq!(parse("1000 300 100 5 0 200 0\n"), Some(200));
    assert_eq!(parse("1000 300\n"), None);
    assert_eq!(parse("1000 100 300 5 0 200 0\n"), None);
    assert!(
        Process::new("/")
            .anonymous_bytes()
            .is_some_and(|bytes| bytes > 0)
    );
    assert_eq!(Process::new("/nowhere").anonymous_bytes(), None);
}
