//! The deepest queries that the parser lets through are evaluated on the stack of a worker thread.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot run its query has failed"
)]

use bellwether_promql::parser::DEPTH_MAX;
use bellwether_promql::{Engine, EngineOptions, QueryRequest, ast_json, parse};
use bellwether_storage::MemoryStore;

/// The stack of a thread of tokio's blocking pool, where servers evaluate queries.
const STACK_BYTES: usize = 2 << 20;

/// Repeats `open` and `close` around `inner`, as often as the `levels` that this makes allow.
fn check(levels: usize, open: &'static str, inner: &'static str, close: &'static str) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let run = move || {
        let store = MemoryStore::new();
        store.insert(
            &bellwether_model::Labels::from_pairs([("__name__", "a")]),
            0,
            1.0,
        );
        let count = (DEPTH_MAX as usize - 4) / levels;
        let query = format!("{}{inner}{}", open.repeat(count), close.repeat(count));
        let options = EngineOptions::default();
        let expr = parse(&query, &options.features).unwrap();
        assert_eq!(
            parse(&expr.to_string(), &options.features)
                .unwrap()
                .to_string(),
            expr.to_string()
        );
        assert!(ast_json(&expr).to_string().len() > count);
        assert!(expr.pretty().len() > count);
        let engine = Engine::new(options);
        let request = QueryRequest::default();
        engine.instant(&store, &query, 0, &request).unwrap();
        engine
            .range(&store, &query, 0, 120_000, 60_000, &request)
            .unwrap();
    };
    thread.spawn(run).unwrap().join().unwrap();
}

#[test]
fn deep_queries_fit_on_the_stack() {
    check(2, "(", "a", ")");
    check(4, "-(", "a", ")");
    check(2, "abs(", "a", ")");
    check(2, "sum(", "a", ")");
    check(1, "1 + ", "a", "");
    check(2, "2 ^ ", "3", "");
    check(1, "a or ", "a", "");
    check(1, "a + on () ", "a", "");
    check(2, "round(", "a", ", 5)");
    check(4, "scalar(vector(", "1", "))");
}
