//! Numbers of the machine and of our own process, for the `/metrics` page.
//!
//! ## Model
//! A [`Host`] reads `/proc`, `/sys` and `/etc` below a root folder each time it is asked, and hands
//! numbers to a [`Sink`] under the names that node_exporter made common. [`Process`] does the same
//! for the process that it runs in, under the names that Prometheus clients use. Each group of
//! numbers is a *collector*; whether it worked and how long it took are numbers too
//! (`node_scrape_collector_success`, `node_scrape_collector_duration_seconds`).
//!
//! ## Invariants
//! Nothing is kept between two readings. A collector emits only after all it reads was understood,
//! so no family is ever half there. Parsers take any text and never panic. On systems other than
//! Linux both sets are empty.
//!
//! ## Limits
//! At most 4 MiB of a file are read: `/proc/stat` of a machine with thousands of interrupts stays
//! below one. File systems that do not answer within 2 s are reported with `device_error` and left
//! alone until they do (a dead NFS server blocks its callers for ever).
//!
//! ## Failure
//! A file that is missing (containers hide many) or cannot be understood costs its collector only.

use std::path::PathBuf;
use std::sync::Arc;

use bellwether_storage::Clock;
use bellwether_telemetry::{Registry, Sink};

#[cfg(target_os = "linux")]
mod cpu;
#[cfg(target_os = "linux")]
mod disk;
mod error;
#[cfg(target_os = "linux")]
mod filesystem;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod pressure;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(target_os = "linux")]
mod source;
#[cfg(target_os = "linux")]
mod system;
#[cfg(test)]
mod tests;

pub use error::HostError;

/// Numbers of the machine.
#[derive(Debug)]
pub struct Host {
    #[cfg(target_os = "linux")]
    source: source::Source,
    #[cfg(target_os = "linux")]
    mounts: filesystem::MountReader,
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "nothing is collected")
    )]
    clock: Arc<dyn Clock>,
}

impl Host {
    /// The machine whose `proc`, `sys` and `etc` are below `root`: `/`, or where a container has
    /// the host's root mounted.
    #[must_use]
    #[cfg_attr(
        not(target_os = "linux"),
        expect(unused_variables, reason = "nothing is read")
    )]
    pub fn new(root: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        #[cfg(target_os = "linux")]
        let root = root.into();
        Self {
            #[cfg(target_os = "linux")]
            mounts: filesystem::MountReader::new(root.clone()),
            #[cfg(target_os = "linux")]
            source: source::Source::new(root),
            clock,
        }
    }

    /// Reads all collectors and hands their numbers to `sink`. Blocks for as long as the system
    /// takes, at most some seconds.
    #[cfg(target_os = "linux")]
    pub fn collect(&self, sink: &mut Sink<'_>) {
        type Collector = fn(&Host, &mut Sink<'_>) -> Result<(), HostError>;
        const COLLECTORS: [(&str, Collector); 22] = [
            ("arp", |host, sink| network::arp(&host.source, sink)),
            ("conntrack", |host, sink| {
                network::connection_tracking(&host.source, sink)
            }),
            ("cpu", |host, sink| cpu::collect(&host.source, sink)),
            ("diskstats", |host, sink| disk::collect(&host.source, sink)),
            ("entropy", |host, sink| kernel::entropy(&host.source, sink)),
            ("filefd", |host, sink| {
                kernel::file_descriptors(&host.source, sink)
            }),
            ("filesystem", |host, sink| {
                host.mounts.collect(&host.source, sink)
            }),
            ("loadavg", |host, sink| kernel::load(&host.source, sink)),
            ("meminfo", |host, sink| memory::collect(&host.source, sink)),
            ("netclass", |host, sink| {
                network::interfaces(&host.source, sink)
            }),
            ("netdev", |host, sink| network::traffic(&host.source, sink)),
            ("netstat", |host, sink| {
                sockets::protocols(&host.source, sink)
            }),
            ("os", |host, sink| system::os(&host.source, sink)),
            ("pressure", |host, sink| {
                pressure::collect(&host.source, sink)
            }),
            ("processes", |host, sink| {
                kernel::threads(&host.source, sink)
            }),
            ("schedstat", |host, sink| cpu::schedule(&host.source, sink)),
            ("sockstat", |host, sink| {
                sockets::sockets(&host.source, sink)
            }),
            ("softnet", |host, sink| network::softnet(&host.source, sink)),
            ("stat", |host, sink| kernel::stat(&host.source, sink)),
            ("time", |host, sink| {
                system::time(host.clock.now_ms(), sink);
                Ok(())
            }),
            ("uname", |host, sink| system::uname(&host.source, sink)),
            ("vmstat", |host, sink| memory::vmstat(&host.source, sink)),
        ];
        let mut results = Vec::with_capacity(COLLECTORS.len());
        for (name, collector) in COLLECTORS {
            let begin = std::time::Instant::now();
            let worked = collector(self, sink).is_ok();
            results.push((name, begin.elapsed().as_secs_f64(), worked));
        }
        for (name, seconds, _) in &results {
            sink.gauge(
                "node_scrape_collector_duration_seconds",
                "How long a collector took.",
                &[("collector", name)],
                *seconds,
            );
        }
        for (name, _, worked) in &results {
            sink.gauge(
                "node_scrape_collector_success",
                "Whether a collector found all it needs.",
                &[("collector", name)],
                f64::from(u8::from(*worked)),
            );
        }
    }

    /// There is nothing to read on this system.
    #[cfg(not(target_os = "linux"))]
    pub fn collect(&self, _sink: &mut Sink<'_>) {}
}

/// Numbers of the process that this code runs in.
#[derive(Debug)]
pub struct Process {
    #[cfg(target_os = "linux")]
    source: source::Source,
}

impl Process {
    /// The process as `proc/self` below `root` shows it. `root` is `/` outside of tests.
    #[must_use]
    #[cfg_attr(
        not(target_os = "linux"),
        expect(unused_variables, reason = "nothing is read")
    )]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            source: source::Source::new(root.into()),
        }
    }

    /// Hands the numbers to `sink`; those that cannot be read are left out.
    #[cfg(target_os = "linux")]
    pub fn collect(&self, sink: &mut Sink<'_>) {
        process::collect(&self.source, sink);
    }

    /// Bytes of memory without the pages of files, which the system takes back when it needs them.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn anonymous_bytes(&self) -> Option<u64> {
        process::anonymous_bytes(&self.source)
    }

    /// This system does not say.
    #[cfg(not(target_os = "linux"))]
    #[must_use]
    pub fn anonymous_bytes(&self) -> Option<u64> {
        None
    }

    /// There is nothing to read on this system.
    #[cfg(not(target_os = "linux"))]
    pub fn collect(&self, _sink: &mut Sink<'_>) {}
}

/// Adds the numbers of this machine and of this process to a registry.
pub fn register(registry: &Registry, clock: Arc<dyn Clock>) {
    let host = Host::new("/", clock);
    let process = Process::new("/");
    registry.add_collector(move |sink| {
        process.collect(sink);
        host.collect(sink);
    });
}
