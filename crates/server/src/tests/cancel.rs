use std::sync::mpsc;

use bellwether_storage::{Selection, SeriesHandle, StorageError, StoreLayer};
use parking_lot::Mutex;

use super::*;

/// A store whose selection says that it has begun and then waits for a word.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) inner: MemoryStore,
    pub(super) begun: Mutex<Option<tokio::sync::oneshot::Sender<()>>>,
    pub(super) go_on: Mutex<mpsc::Receiver<()>>,
}

impl StoreLayer for Waiting {
    fn inner(&self) -> &dyn MetricStore {
        &self.inner
    }
    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        if let Some(begun) = self.begun.lock().take() {
            begun.send(()).unwrap();
            self.go_on.lock().recv().unwrap();
        }
        self.inner.select(selection)
    }
}

#[tokio::test]
async fn a_query_stops_when_its_client_is_gone() {
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let waiting = Waiting {
        inner: store(),
        begun: Mutex::new(Some(begun)),
        go_on: Mutex::new(may_go_on),
    };
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(Services {
        store: Arc::new(waiting),
        ..services()
    });
    let router = server.router();
    let asking = {
        let router = router.clone();
        tokio::spawn(async move { get(&router, "/api/v1/query?query=http_requests_total").await })
    };
    has_begun.await.unwrap();
    let (_, text) = get(&router, "/metrics").await;
    assert!(text.contains("bellwether_queries_running 1\n"), "{text}");
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    // All permits are back when the thread of the query has ended.
    let all = u32::try_from(ServerSettings::default().limits.query_concurrency).unwrap();
    let permits = server.app().query_gate.acquire_many(all).await.unwrap();
    drop(permits);
    let (_, text) = get(&router, "/metrics").await;
    assert!(text.contains("bellwether_queries_running 0\n"), "{text}");
    assert!(
        text.contains("bellwether_queries_cancelled_total 1\n"),
        "{text}"
    );
    // The server answers on.
    assert_eq!(
        get(&router, "/api/v1/query?query=http_requests_total")
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_panic_is_answered_and_counted() {
    #[derive(Debug)]
    struct Panics;
    impl Control for Panics {
        fn config_yaml(&self) -> String {
            panic!("the configuration is gone")
        }
        fn reload(&self) -> BoxFuture<Result<(), String>> {
            Box::pin(async { Ok(()) })
        }
        fn quit(&self) {}
    }
    let mut parts = parts(ServerSettings::default());
    parts.control = Arc::new(Panics);
    let server = Server::new(parts).unwrap();
    server.open(services());
    let (code, text) = get(&server.router(), "/api/v1/status/config").await;
    assert_eq!(code, 500);
    assert!(text.contains("\"errorType\":\"internal\""), "{text}");
    assert!(!text.contains("the configuration is gone"), "{text}");
    let (_, text) = get(&server.router(), "/metrics").await;
    assert!(text.contains("bellwether_http_panics_total 1\n"), "{text}");
}
