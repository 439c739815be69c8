use std::collections::BTreeMap;
use std::sync::Mutex as StdMutex;

use bellwether_codec::protobuf::Cursor;
use bellwether_model::relabel::{Action, Rule};
use bellwether_model::{Exemplar, Metadata, MetricType};
use bellwether_storage::{ManualClock, MemoryStore, RealDisk, Source};
use bellwether_wire::histogram::TimedHistogram;
use bellwether_wire::{WireError, snappy, v1, v2};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use super::*;
use crate::ForwardStore;

/// What the server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Status(u16),
    /// Asks to come back at once.
    StatusWithRetryAfter(u16),
    /// Never answers.
    Hang,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
struct Arrived {
    head: String,
    body: Vec<u8>,
    reply: Reply,
}

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn is_v2(&self) -> bool {
        self.header("x-prometheus-remote-write-version") == Some("2.0.0")
    }

    /// Floats by name of the series' `n` label, of version 1.0.
    fn floats(&self) -> Vec<(Labels, i64, f64)> {
        struct Sink(Vec<(i64, f64)>);
        impl v1::SeriesSink for Sink {
            fn float(&mut self, time_ms: i64, value: f64) -> Result<(), WireError> {
                self.0.push((time_ms, value));
                Ok(())
            }
            fn histogram(&mut self, _: TimedHistogram) -> Result<(), WireError> {
                Ok(())
            }
            fn exemplar(&mut self, _: Exemplar) -> Result<(), WireError> {
                Ok(())
            }
        }
        let mut buffer = Vec::new();
        let message = snappy::decode(&self.body, 1 << 20, &mut buffer).unwrap();
        let mut cursor = Cursor::new(message);
        let mut floats = Vec::new();
        while let Some(part) = v1::next_part(&mut cursor).unwrap() {
            let v1::Part::Series(series, offset) = part else {
                continue;
            };
            let mut sink = Sink(Vec::new());
            v1::decode_series(series, offset, &mut sink).unwrap();
            let mut pairs = Vec::new();
            v1::decode_labels(series, |name, value| {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                pairs.push((text(name), text(value)));
            })
            .unwrap();
            let labels = Labels::from_pairs(pairs);
            floats.extend(
                sink.0
                    .iter()
                    .map(|(time, value)| (labels.clone(), *time, *value)),
            );
        }
        floats
    }
}

/// A server that answers as it is told and says what arrived.
struct Server {
    url: Url,
    replies: Arc<StdMutex<Vec<Reply>>>,
    arrived: mpsc::UnboundedReceiver<Arrived>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// `replies` are given in order; after the last one everything is taken.
    async fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/write", listener.local_addr().unwrap())).unwrap();
        let mut replies = replies.to_vec();
        replies.reverse();
        let replies = Arc::new(StdMutex::new(replies));
        let (sender, arrived) = mpsc::unbounded_channel();
        let shared = Arc::clone(&replies);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (replies, sender) = (Arc::clone(&shared), sender.clone());
                tokio::spawn(async move {
                    while let Some((head, body)) = read_request(&mut stream).await {
                        let reply = replies.lock().unwrap().pop().unwrap_or(Reply::Status(204));
                        if sender.send(Arrived { head, body, reply }).is_err() {
                            return;
                        }
                        let (status, more) = match reply {
                            Reply::Status(status) => {
                                (status, "x-prometheus-remote-write-samples-written: 1\r\n")
                            }
                            Reply::StatusWithRetryAfter(status) => (status, "retry-after: 0\r\n"),
                            Reply::Hang => std::future::pending().await,
                        };
                        let answer =
                            format!("HTTP/1.1 {status} X\r\n{more}content-length: 0\r\n\r\n");
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            url,
            replies,
            arrived,
            task,
        }
    }

    /// The next request that carries samples.
    async fn next(&mut self) -> Arrived {
        loop {
            let arrived = self.arrived.recv().await.unwrap();
            if arrived.is_v2() || !arrived.floats().is_empty() {
                return arrived;
            }
        }
    }
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head_end) = head_end {
            let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
            let length: usize = head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().unwrap())
            })?;
            while bytes.len() < head_end + 4 + length {
                if stream.read_buf(&mut bytes).await.ok()? == 0 {
                    return None;
                }
            }
            return Some((head, bytes[head_end + 4..head_end + 4 + length].to_vec()));
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

struct Bench {
    folder: tempfile::TempDir,
    inner: Arc<MemoryStore>,
    forwarder: Arc<Forwarder>,
    store: ForwardStore,
    registry: Registry,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap())
    }

    /// With time enough for answers at the end.
    fn in_folder(folder: tempfile::TempDir) -> Self {
        Self::with_deadline(folder, Duration::from_secs(60))
    }

    fn with_deadline(folder: tempfile::TempDir, flush_deadline: Duration) -> Self {
        let inner = Arc::new(MemoryStore::new());
        let shared: Arc<dyn MetricStore> = Arc::<MemoryStore>::clone(&inner);
        let registry = Registry::new();
        let clock = Arc::new(ManualClock::new(1_000_000));
        let mut options = ForwardOptions::new(folder.path().to_owned());
        options.flush_deadline = flush_deadline;
        let forwarder = Arc::new(Forwarder::new(ForwarderParts {
            store: Arc::clone(&shared),
            disk: Arc::new(RealDisk),
            clock: Arc::<ManualClock>::clone(&clock),
            registry: registry.clone(),
            options,
        }));
        let store = ForwardStore::new(shared, Arc::clone(&forwarder));
        Self {
            folder,
            inner,
            forwarder,
            store,
            registry,
            clock,
        }
    }

    /// Writes as a writer does: what is unknown is registered and written again.
    fn write(&self, name: &str, time_ms: i64, value: f64) {
        let source = Source::new("test");
        let labels = Labels::from_pairs([("__name__", name), ("n", name)]);
        let series = self.store.register(&source, None, &labels).unwrap();
        let mut batch = WriteBatch::default();
        batch.push(series, time_ms, value);
        assert_eq!(self.store.write(&source, &batch).unwrap().float_count, 1);
    }

    fn counted(&self, line: &str) -> bool {
        let text = self
            .registry
            .render(bellwether_telemetry::Format::Prometheus);
        text.lines().any(|other| other == line)
    }
}

fn settings(server: &Server) -> RemoteWriteSettings {
    let mut settings = RemoteWriteSettings::new(server.url.clone());
    settings.name = Some("r".to_owned());
    settings.queue.batch_send_deadline_ms = 0;
    settings.queue.backoff_min_ms = 1;
    settings.queue.backoff_max_ms = 2;
    settings
}

#[tokio::test]
async fn samples_arrive_with_external_labels_and_rules() {
    let mut server = Server::start(&[]).await;
    let bench = Bench::new();
    let mut settings = settings(&server);
    settings.headers = vec![("x-team".to_owned(), "blue".to_owned())];
    settings.write_relabel = vec![Rule {
        source_labels: vec!["__name__".to_owned()],
        separator: ";".to_owned(),
        regex_text: "secret".to_owned(),
        regex: Rule::compile("secret").unwrap(),
        modulus: 0,
        target_label: String::new(),
        replacement: String::new(),
        action: Action::Drop,
    }];
    let external = Labels::from_pairs([("dc", "eu"), ("n", "not this")]);
    bench
        .forwarder
        .apply(vec![settings], &external)
        .await
        .unwrap();
    bench.write("secret", 1, 1.0);
    bench.write("a", 1, 1.5);
    let arrived = server.next().await;
    let want = Labels::from_pairs([("__name__", "a"), ("dc", "eu"), ("n", "a")]);
    assert_eq!(arrived.floats(), [(want, 1, 1.5)]);
    assert_eq!(
        arrived.header("content-type"),
        Some("application/x-protobuf")
    );
    assert_eq!(arrived.header("content-encoding"), Some("snappy"));
    assert_eq!(
        arrived.header("x-prometheus-remote-write-version"),
        Some("0.1.0")
    );
    assert_eq!(arrived.header("x-team"), Some("blue"));
    bench.forwarder.shutdown().await;
    assert!(bench.counted("bellwether_forward_sent_total{kind=\"float\",remote=\"r\"} 1"));
    assert!(!bench.forwarder.is_active());
}

#[tokio::test]
async fn errors_that_pass_are_retried_and_others_are_not() {
    let replies = [
        Reply::Status(500),
        Reply::StatusWithRetryAfter(503),
        Reply::Status(204),
        Reply::Status(400),
        Reply::Status(429),
        Reply::Status(204),
    ];
    let mut server = Server::start(&replies).await;
    let bench = Bench::new();
    let mut settings = settings(&server);
    settings.metadata.send = false;
    bench
        .forwarder
        .apply(vec![settings.clone()], &Labels::empty())
        .await
        .unwrap();
    bench.write("a", 1, 1.0);
    let attempts = [
        server.next().await,
        server.next().await,
        server.next().await,
    ];
    let retries: Vec<_> = attempts
        .iter()
        .map(|arrived| arrived.header("retry-attempt"))
        .collect();
    assert_eq!(retries, [None, Some("1"), Some("2")]);
    assert_eq!(attempts[0].floats(), attempts[2].floats());
    // 400 and, unless the settings say otherwise, 429 drop the samples.
    for time_ms in [2, 3] {
        bench.write("a", time_ms, 1.0);
        assert_eq!(server.next().await.floats()[0].1, time_ms);
    }
    bench.write("a", 4, 1.0);
    assert_eq!(server.next().await.floats()[0].1, 4);
    bench.forwarder.shutdown().await;
    let refused = "bellwether_forward_dropped_samples_total{reason=\"refused\",remote=\"r\"} 2";
    assert!(bench.counted(refused));
    // With retry_on_http_429 the samples come again.
    server
        .replies
        .lock()
        .unwrap()
        .push(Reply::StatusWithRetryAfter(429));
    settings.queue.retry_on_http_429 = true;
    bench
        .forwarder
        .apply(vec![settings], &Labels::empty())
        .await
        .unwrap();
    bench.write("a", 5, 1.0);
    let times = [
        server.next().await.floats()[0].1,
        server.next().await.floats()[0].1,
    ];
    assert_eq!(times, [5, 5]);
    bench.forwarder.shutdown().await;
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_after_a_restart() {
    let mut server = Server::start(&[Reply::Status(204), Reply::Hang]).await;
    let short = Duration::from_millis(50);
    let bench = Bench::with_deadline(tempfile::tempdir().unwrap(), short);
    let mut first = settings(&server);
    first.metadata.send = false;
    bench
        .forwarder
        .apply(vec![first.clone()], &Labels::empty())
        .await
        .unwrap();
    bench.write("a", 1, 1.0);
    assert_eq!(server.next().await.floats()[0].1, 1);
    bench.write("a", 2, 1.0);
    assert_eq!(server.next().await.reply, Reply::Hang);
    bench.write("b", 3, 1.0);
    // The remote hangs beyond the deadline: the process ends without its answer.
    bench.forwarder.shutdown().await;
    let bench = Bench::in_folder(bench.folder);
    bench
        .forwarder
        .apply(vec![first], &Labels::empty())
        .await
        .unwrap();
    let mut times = Vec::new();
    while times.len() < 2 {
        times.extend(server.next().await.floats().iter().map(|float| float.1));
    }
    times.sort_unstable();
    assert_eq!(times, [2, 3]);
    bench.forwarder.shutdown().await;
    // Now all of it is acknowledged: nothing comes a second time.
    let again = Bench::in_folder(bench.folder);
    let mut settings = settings(&server);
    settings.metadata.send = false;
    again
        .forwarder
        .apply(vec![settings], &Labels::empty())
        .await
        .unwrap();
    again.write("c", 9, 1.0);
    assert_eq!(server.next().await.floats()[0].1, 9);
    again.forwarder.shutdown().await;
}

#[tokio::test]
async fn order_is_kept_per_series_over_shards() {
    let mut server = Server::start(&[Reply::Status(500), Reply::Status(500)]).await;
    let bench = Bench::new();
    let mut settings = settings(&server);
    settings.metadata.send = false;
    settings.queue.samples_per_send_max = 3;
    settings.queue.shards_max = 4;
    settings.queue.shards_min = 2;
    bench
        .forwarder
        .apply(vec![settings], &Labels::empty())
        .await
        .unwrap();
    let names = ["a", "b", "c", "d", "e"];
    for time_ms in 0..40 {
        for name in names {
            bench.write(name, time_ms, 1.0);
        }
    }
    let mut seen = BTreeMap::<String, Vec<i64>>::new();
    while seen.values().map(Vec::len).sum::<usize>() < 200 {
        let arrived = server.next().await;
        assert!(arrived.floats().len() <= 3);
        if arrived.reply != Reply::Status(204) {
            continue;
        }
        for (labels, time_ms, _) in arrived.floats() {
            seen.entry(labels.metric_name().to_owned())
                .or_default()
                .push(time_ms);
        }
    }
    let want: Vec<i64> = (0..40).collect();
    assert!(seen.values().all(|times| *times == want), "{seen:?}");
    bench.forwarder.shutdown().await;
}

#[tokio::test]
async fn version_2_falls_back_to_1() {
    // An old receiver says that it does not understand, or nothing at all.
    for reply in [Reply::Status(415), Reply::StatusWithRetryAfter(204)] {
        falls_back(reply).await;
    }
}

async fn falls_back(reply: Reply) {
    let mut server = Server::start(&[reply]).await;
    let bench = Bench::new();
    let mut settings = settings(&server);
    settings.metadata.send = false;
    settings.protocol = RemoteWriteProtocol::V2;
    bench
        .forwarder
        .apply(vec![settings.clone()], &Labels::empty())
        .await
        .unwrap();
    bench.write("a", 1, 1.0);
    assert!(server.next().await.is_v2());
    let second = server.next().await;
    assert!(!second.is_v2());
    assert_eq!(second.floats()[0].1, 1);
    assert_eq!(
        bench.forwarder.remotes()[0].protocol,
        RemoteWriteProtocol::V1
    );
    bench.forwarder.shutdown().await;
}

#[tokio::test]
async fn version_2_carries_starts_and_metadata() {
    let mut server = Server::start(&[]).await;
    let bench = Bench::new();
    let mut settings = settings(&server);
    settings.protocol = RemoteWriteProtocol::V2;
    settings.send_exemplars = true;
    let source = Source::new("test");
    let labels = Labels::from_pairs([("__name__", "a_total")]);
    let metadata = Metadata {
        metric_type: MetricType::Counter,
        unit: "s".into(),
        help: "Helps.".into(),
    };
    let exemplar = Exemplar {
        labels: labels.clone(),
        value: 2.0,
        timestamp_ms: 9,
    };
    // Registered before there was a remote: the writer is asked to register again.
    let series = bench.store.register(&source, None, &labels).unwrap();
    let mut batch = WriteBatch::default();
    batch
        .metadata
        .push(("a_total".to_owned(), metadata.clone()));
    bench.store.write(&source, &batch).unwrap();
    bench
        .forwarder
        .apply(vec![settings], &Labels::empty())
        .await
        .unwrap();
    let mut batch = WriteBatch::default();
    batch.push_with_start(series, 10, 7, 1.0);
    batch.exemplars.push((series, exemplar.clone()));
    let outcome = bench.store.write(&source, &batch).unwrap();
    assert_eq!((outcome.float_count, outcome.rejected_count), (0, 2));
    let series = bench.store.register(&source, None, &labels).unwrap();
    let mut batch = WriteBatch::default();
    batch.push_with_start(series, 10, 7, 1.0);
    batch.exemplars.push((series, exemplar.clone()));
    assert_eq!(bench.store.write(&source, &batch).unwrap().float_count, 1);
    let mut want = v2::RequestBuilder::new();
    want.add_series(&labels, &[(10, 7, 1.0)], &[], &[exemplar], &metadata);
    let mut message = Vec::new();
    want.finish(&mut message);
    let mut buffer = Vec::new();
    let arrived = server.next().await;
    assert_eq!(
        snappy::decode(&arrived.body, 1 << 20, &mut buffer).unwrap(),
        message
    );
    bench.forwarder.shutdown().await;
    assert!(bench.counted("bellwether_forward_unconfirmed_samples_total{remote=\"r\"} 0"));
    assert_eq!(bench.inner.stats(0).head_series, 1);
}

#[tokio::test]
async fn metadata_is_sent_in_version_1() {
    let mut server = Server::start(&[]).await;
    let bench = Bench::new();
    let source = Source::new("test");
    let mut batch = WriteBatch::default();
    let metadata = Metadata {
        help: "Helps.".to_owned(),
        ..Metadata::default()
    };
    batch.metadata.push(("a".to_owned(), metadata.clone()));
    bench.store.write(&source, &batch).unwrap();
    bench
        .forwarder
        .apply(vec![settings(&server)], &Labels::empty())
        .await
        .unwrap();
    bench.write("a", 1, 1.0);
    let arrived = server.arrived.recv().await.unwrap();
    let mut want = Vec::new();
    v1::encode_metadata(&mut want, "a", &metadata);
    let mut buffer = Vec::new();
    assert_eq!(
        snappy::decode(&arrived.body, 1 << 20, &mut buffer).unwrap(),
        want
    );
    assert_eq!(server.next().await.floats()[0].1, 1);
    bench.forwarder.shutdown().await;
}

#[tokio::test]
async fn settings_that_make_no_sense_change_nothing() {
    let mut server = Server::start(&[]).await;
    let bench = Bench::new();
    let one = settings(&server);
    bench
        .forwarder
        .apply(vec![one.clone()], &Labels::empty())
        .await
        .unwrap();
    let twice = bench
        .forwarder
        .apply(vec![one.clone(), one.clone()], &Labels::empty())
        .await;
    let text = "remote_write[1] has the name \"r\" of one before it: give each a name of its own";
    assert_eq!(twice.unwrap_err().to_string(), text);
    let mut without_authority = one.clone();
    without_authority.http.tls.ca = Some(bellwether_outbound::settings::PemSource::File(
        "/missing/ca.pem".into(),
    ));
    let missing = bench
        .forwarder
        .apply(vec![without_authority], &Labels::empty())
        .await;
    let text = "remote_write[0] (\"r\").tls_config.ca_file \"/missing/ca.pem\": No such file or \
                directory (os error 2)";
    assert_eq!(missing.unwrap_err().to_string(), text);
    let cloud = RemoteWriteSettings {
        cloud_auth: Some(CloudAuth::AzureAd),
        ..one
    };
    let refused = bench
        .forwarder
        .apply(vec![cloud], &Labels::empty())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    bench.write("a", 1, 1.0);
    assert_eq!(server.next().await.floats().len(), 1);
    bench.forwarder.shutdown().await;
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<StdMutex<Vec<u8>>>);

impl Log {
    /// One for the process: which lines are wanted is decided once for all threads.
    fn of_all_tests() -> Self {
        static LOG: std::sync::OnceLock<Log> = std::sync::OnceLock::new();
        let start = || {
            let log = Self::default();
            let writer = log.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_writer(move || writer.clone())
                .with_ansi(false)
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
            log
        };
        LOG.get_or_init(start).clone()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_outage_is_told_until_it_is_over_without_secrets() {
    let log = Log::of_all_tests();
    let lines = |part: &str| -> Vec<String> {
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let ours = text.lines().filter(|line| line.contains("remote=told "));
        let lines = ours.filter(|line| line.contains(part));
        lines.map(str::to_owned).collect()
    };

    let mut server = Server::start(&[Reply::Status(503); 10_000]).await;
    let bench = Bench::new();
    let mut settings = settings(&server);
    settings.name = Some("told".to_owned());
    settings.metadata.send = false;
    settings.url.set_username("user").unwrap();
    settings.url.set_password(Some("hunter2")).unwrap();
    settings.url.set_query(Some("token=hunter2"));
    bench
        .forwarder
        .apply(vec![settings], &Labels::empty())
        .await
        .unwrap();
    bench.write("a", 1, 1.0);
    for _ in 0..20 {
        server.next().await;
    }
    let began = lines(" cannot send to remote");
    assert_eq!(began.len(), 1, "{began:?}");
    let line = &began[0];
    for part in [
        "WARN",
        "remote=told",
        "/write pending_bytes=",
        "remote answered 503",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(!line.contains("pending_bytes=0"), "{line}");
    assert!(lines("hunter2").is_empty(), "{line}");
    assert!(bench.counted(
        "bellwether_forward_dropped_samples_total{reason=\"queue_full\",remote=\"told\"} 0"
    ));
    assert!(!bench.counted("bellwether_forward_pending_bytes{remote=\"told\"} 0"));

    bench.clock.set(1_090_000);
    while lines("still cannot send to remote").is_empty() {
        server.next().await;
    }
    let line = &lines("still cannot send to remote")[0];
    assert!(line.contains("lasts=1m30s"), "{line}");

    server.replies.lock().unwrap().clear();
    while lines("works again").is_empty() {
        tokio::task::yield_now().await;
    }
    let line = &lines("works again")[0];
    assert!(
        line.contains("INFO") && line.contains("lasted=1m30s"),
        "{line}"
    );
    assert_eq!(lines("cannot send to remote").len(), 2);
    bench.forwarder.shutdown().await;
}
