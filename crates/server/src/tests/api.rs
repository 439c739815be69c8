use super::*;

async fn check(uri: &str, code: u16, want: &str) {
    let (got_code, got) = get(&router(), uri).await;
    assert_eq!((got_code, got.as_str()), (code, want), "{uri}");
}

#[tokio::test]
async fn the_catalogue_answers_as_prometheus_does() {
    check(
        "/api/v1/labels",
        200,
        r#"{"status":"success","data":["__name__","code","http.status","job"]}"#,
    )
    .await;
    check(
        "/api/v1/labels?limit=1",
        200,
        r#"{"status":"success","data":["__name__"],"warnings":["results truncated due to limit"]}"#,
    )
    .await;
    check(
        "/api/v1/label/job/values?match[]=http_requests_total%7Bcode=%22500%22%7D",
        200,
        r#"{"status":"success","data":["api"]}"#,
    )
    .await;
    check(
        "/api/v1/label/U__http_2e_status/values",
        200,
        r#"{"status":"success","data":["200"]}"#,
    )
    .await;
    check(
        "/api/v1/series?match[]=%7Bjob=%22web%22%7D&start=0&end=1e10",
        200,
        r#"{"status":"success","data":[{"__name__":"http_requests_total","code":"200","job":"web"}]}"#,
    )
    .await;
    check(
        "/api/v1/query_exemplars?query=rate(http_requests_total%5B5m%5D)",
        200,
        r#"{"status":"success","data":[{"seriesLabels":{"__name__":"http_requests_total","code":"200","job":"api"},"exemplars":[{"labels":{"trace_id":"abc"},"value":"1","timestamp":1699999999.500}]}]}"#,
    )
    .await;
    check(
        "/api/v1/metadata",
        200,
        r#"{"status":"success","data":{"http_requests_total":[{"type":"counter","unit":"","help":"Requests."}],"up":[{"type":"gauge","unit":"","help":"Whether it is up."}]}}"#,
    )
    .await;
    check(
        "/api/v1/metadata?limit=0",
        200,
        r#"{"status":"success","data":{}}"#,
    )
    .await;
}

#[tokio::test]
async fn a_form_in_the_body_says_the_same() {
    let (code, text) = post_form(
        &router(),
        "/api/v1/series",
        "match[]=%7Bjob%3D%22web%22%7D&limit=5",
    )
    .await;
    assert_eq!(code, 200, "{text}");
    assert!(text.contains(r#""job":"web""#), "{text}");
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let bad =
        |reason: &str| format!(r#"{{"status":"error","errorType":"bad_data","error":"{reason}"}}"#);
    check("/api/v1/series", 400, &bad("no match[] parameter provided")).await;
    check(
        "/api/v1/labels?match[]=%7Bjob=~%22.*%22%7D",
        400,
        &bad("match[] must contain at least one non-empty matcher"),
    )
    .await;
    check(
        "/api/v1/labels?limit=-1",
        400,
        &bad(r#"invalid parameter \"limit\": limit must be non-negative"#),
    )
    .await;
    check(
        "/api/v1/query?query=up&time=soon",
        400,
        &bad(r#"invalid parameter \"time\": invalid time value for 'time': cannot parse \"soon\" to a valid timestamp"#),
    )
    .await;
    check(
        "/api/v1/query_range?query=up&start=10&end=5&step=1",
        400,
        &bad(r#"invalid parameter \"end\": end timestamp must not be before start time"#),
    )
    .await;
    check(
        "/api/v1/query_range?query=up&start=0&end=11001&step=1",
        400,
        &bad("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"),
    )
    .await;
    check(
        "/api/v1/query_range?query=up&start=0&end=1&step=0",
        400,
        &bad(r#"invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer"#),
    )
    .await;
    check(
        "/api/v1/rules?type=odd",
        400,
        &bad(r#"invalid parameter \"type\": not supported value \"odd\""#),
    )
    .await;
    let (code, text) = get(&router(), "/api/v1/query?query=up%7B").await;
    assert_eq!(code, 400);
    assert!(
        text.contains(r#"invalid parameter \"query\": 1:4: parse error: "#),
        "{text}"
    );
}

#[tokio::test]
async fn targets_have_the_known_shape() {
    check(
        "/api/v1/targets",
        200,
        r#"{"status":"success","data":{"activeTargets":[{"discoveredLabels":{"__address__":"a:1"},"labels":{"instance":"a:1","job":"node"},"scrapePool":"node","scrapeUrl":"http://a:1/metrics","globalUrl":"http://a:1/metrics","lastError":"connection refused","lastScrape":"2023-11-14T22:13:18.5Z","lastScrapeDuration":0.25,"health":"down","scrapeInterval":"15s","scrapeTimeout":"10s"}],"droppedTargets":[{"discoveredLabels":{"__address__":"b:1"},"scrapePool":"node"}],"droppedTargetCounts":{"node":1}}}"#,
    )
    .await;
    check(
        "/api/v1/targets?state=dropped&scrapePool=other",
        200,
        r#"{"status":"success","data":{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{"node":1}}}"#,
    )
    .await;
    check(
        "/api/v1/scrape_pools",
        200,
        r#"{"status":"success","data":{"scrapePools":["a","node"]}}"#,
    )
    .await;
    check(
        "/api/v1/targets/metadata?match_target=%7Bjob=%22node%22%7D",
        200,
        r#"{"status":"success","data":[{"target":{"instance":"a:1","job":"node"},"metric":"up","type":"gauge","help":"Whether it is up.","unit":""}]}"#,
    )
    .await;
    let (code, text) = get(
        &router(),
        "/api/v1/targets/relabel_steps?scrapePool=node&labels=%7B%22__address__%22:%22b:1%22%7D",
    )
    .await;
    assert_eq!(code, 200);
    let steps: serde_json::Value = serde_json::from_str(&text).unwrap();
    let kept: Vec<_> = steps["data"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["keep"].clone())
        .collect();
    assert_eq!(kept, [true, false, false], "{text}");
    assert_eq!(steps["data"]["steps"][0]["output"]["host"], "b");
}

#[tokio::test]
async fn status_pages_answer() {
    check(
        "/api/v1/status/config",
        200,
        r#"{"status":"success","data":{"yaml":"global:\n  scrape_interval: 15s\n"}}"#,
    )
    .await;
    check(
        "/api/v1/status/flags",
        200,
        r#"{"status":"success","data":{"config.file":"x.yml"}}"#,
    )
    .await;
    check(
        "/api/v1/rules",
        200,
        r#"{"status":"success","data":{"groups":[]}}"#,
    )
    .await;
    check(
        "/api/v1/alerts",
        200,
        r#"{"status":"success","data":{"alerts":[]}}"#,
    )
    .await;
    check(
        "/api/v1/notifications",
        200,
        r#"{"status":"success","data":[{"text":"Configuration reload has failed.","date":"2023-11-14T22:13:20Z","active":true}]}"#,
    )
    .await;
    let (_, text) = get(&router(), "/api/v1/status/tsdb?limit=1").await;
    let stats: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(stats["data"]["headStats"]["numSeries"], 4, "{text}");
    assert_eq!(
        stats["data"]["seriesCountByMetricName"][0]["name"],
        "http_requests_total"
    );
    assert_eq!(
        stats["data"]["seriesCountByMetricName"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let (_, text) = get(&router(), "/api/v1/status/runtimeinfo").await;
    assert!(
        text.contains(r#""serverTime":"2023-11-14T22:13:20Z""#),
        "{text}"
    );
    let (_, text) = get(&router(), "/api/v1/features").await;
    assert!(text.contains(r#""promql":{"bool":true}"#), "{text}");
    let (_, text) = get(&router(), "/api/v1/status/buildinfo").await;
    assert!(text.contains(r#""version":"3.11.0""#), "{text}");
}

#[tokio::test]
async fn newer_status_pages_answer_as_upstream() {
    let parts = parts(ServerSettings::default());
    let registry = parts.registry.clone();
    registry
        .counter("own_total", "Counts.", &[("kind", "a")])
        .add(3);
    let seconds = registry.histogram("own_seconds", "Takes.", &[], &[0.5]);
    seconds.observe(0.25);
    seconds.observe(2.0);
    registry.gauge("other", "Is.", &[]).set(f64::INFINITY);
    let server = Server::new(parts).unwrap();
    server.open(services());
    let router = server.router();
    let (code, text) = get(
        &router,
        "/api/v1/status/self_metrics?metric_name_pattern=own_.*",
    )
    .await;
    let want = r#"{"status":"success","data":[{"name":"own_seconds","help":"Takes.","type":"HISTOGRAM","metric":[{"histogram":{"sampleCount":"2","sampleSum":2.25,"bucket":[{"cumulativeCount":"1","upperBound":0.5}]}}]},{"name":"own_total","help":"Counts.","type":"COUNTER","metric":[{"label":[{"name":"kind","value":"a"}],"counter":{"value":3}}]}]}"#;
    assert_eq!((code, text.as_str()), (200, want));
    let (_, text) = get(
        &router,
        "/api/v1/status/self_metrics?metric_name_pattern=oth",
    )
    .await;
    assert_eq!(text, r#"{"status":"success","data":[]}"#);
    let (_, text) = get(&router, "/api/v1/status/self_metrics").await;
    assert!(text.contains(r#"{"gauge":{"value":"Infinity"}}"#), "{text}");
    let (code, text) = get(&router, "/api/v1/status/self_metrics?metric_name_pattern=(").await;
    assert_eq!(code, 400);
    assert!(text.contains("invalid metric_name_pattern"), "{text}");

    let (code, text) = get(&router, "/api/v1/status/tsdb/blocks").await;
    let want = r#"{"status":"success","data":{"blocks":[]}}"#;
    assert_eq!((code, text.as_str()), (200, want));

    let (code, text) = get(&router, "/api/v1/scrape_pools/config?scrapePool=node").await;
    let want = r#"{"status":"success","data":{"yaml":"job_name: node\n"}}"#;
    assert_eq!((code, text.as_str()), (200, want));
    let (code, text) = get(&router, "/api/v1/scrape_pools/config?scrapePool=x").await;
    assert_eq!(code, 400);
    assert!(text.contains(r#"scrape pool \"x\" not found"#), "{text}");

    for (query, version) in [("", "3.1.0"), ("?openapi_version=3.2", "3.2.0")] {
        let (code, text) = get(&router, &format!("/api/v1/openapi.yaml{query}")).await;
        assert_eq!(code, 200);
        assert!(
            text.contains(&format!("\nopenapi: \"{version}\"\n")),
            "{text}"
        );
        assert!(text.contains("\n  \"/api/v1/query\":\n"), "{text}");
    }
}

#[tokio::test]
async fn searches_answer_in_lines() {
    let (code, text) = get(
        &router(),
        "/api/v1/search/metric_names?search[]=requests&include_metadata=true",
    )
    .await;
    assert_eq!(code, 200, "{text}");
    assert_eq!(
        text,
        "{\"results\":[{\"name\":\"http_requests_total\",\"type\":\"counter\",\"help\":\"Requests.\",\"unit\":\"\"}]}\n{\"status\":\"success\",\"has_more\":false}\n"
    );
    let (_, text) = get(
        &router(),
        "/api/v1/search/label_values?label=job&limit=1&batch_size=1",
    )
    .await;
    assert_eq!(
        text,
        "{\"results\":[{\"value\":\"api\"}]}\n{\"status\":\"success\",\"has_more\":true}\n"
    );
    let (code, _) = get(&router(), "/api/v1/search/label_values").await;
    assert_eq!(code, 400);
}

#[tokio::test]
async fn admin_is_off_unless_switched_on() {
    let form = "match[]=http_requests_total";
    let off = router();
    let (code, text) = post_form(&off, "/api/v1/admin/tsdb/delete_series", form).await;
    assert_eq!(code, 500);
    assert!(
        text.contains(r#""errorType":"unavailable","error":"admin APIs disabled""#),
        "{text}"
    );
    let on = server(ServerSettings {
        enable_admin: true,
        ..ServerSettings::default()
    })
    .router();
    assert_eq!(
        post_form(&on, "/api/v1/admin/tsdb/delete_series", "")
            .await
            .0,
        400
    );
    assert_eq!(
        post_form(&on, "/api/v1/admin/tsdb/delete_series", form)
            .await
            .0,
        204
    );
    let (_, text) = get(&on, "/api/v1/query?query=http_requests_total").await;
    assert!(!text.contains("\"job\":\"api\""), "{text}");
    assert_eq!(
        post_form(&on, "/api/v1/admin/tsdb/clean_tombstones", "")
            .await
            .0,
        204
    );
}

#[tokio::test]
async fn queries_answer_as_prometheus_does() {
    check(
        "/api/v1/query?query=1%2B1",
        200,
        r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000,"2"]}}"#,
    )
    .await;
    check(
        "/api/v1/query?query=http_requests_total%7Bjob=%22web%22%7D&time=1699999990.5",
        200,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"http_requests_total","code":"200","job":"web"},"value":[1699999990.500,"88.5"]}]}}"#,
    )
    .await;
    check(
        "/api/v1/query_range?query=sum(http_requests_total)&start=1699999880&end=1700000000&step=60",
        200,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1699999880,"261"],[1699999940,"265.5"],[1700000000,"270"]]}]}}"#,
    )
    .await;
    let (_, text) = get(&router(), "/api/v1/query?query=http_requests_total&limit=1").await;
    assert!(
        text.ends_with(r#""warnings":["results truncated due to limit"]}"#),
        "{text}"
    );
    let (_, text) = get(&router(), "/api/v1/query?query=1&stats=true").await;
    assert!(
        text.contains(r#""stats":{"timings":{"evalTotalTime":"#),
        "{text}"
    );
}

#[tokio::test]
async fn large_answers_are_streamed_and_compressed() {
    let memory = MemoryStore::new();
    for series in 0..500 {
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("n", series.to_string())]);
        for step in 0..60 {
            memory.insert(&labels, NOW_MS - step * 15_000, 0.1 + step as f64);
        }
    }
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(Services {
        store: Arc::new(memory),
        ..services()
    });
    let uri = "/api/v1/query_range?query=m&start=1699999200&end=1700000000&step=15";
    let (code, plain) = get(&server.router(), uri).await;
    assert_eq!(code, 200);
    assert!(
        plain.len() > 2 * crate::render::CHUNK_BYTES,
        "{}",
        plain.len()
    );
    let parsed: serde_json::Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(parsed["data"]["result"].as_array().unwrap().len(), 500);
    let request = Request::get(uri)
        .header("accept-encoding", "gzip, br")
        .body(Body::empty())
        .unwrap();
    let (_, headers, bytes) = send(&server.router(), request).await;
    assert_eq!(headers["content-encoding"], "gzip");
    assert!(bytes.len() * 3 < plain.len());
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text)
        .unwrap();
    assert_eq!(text, plain);
}

#[tokio::test]
async fn the_language_is_formatted_and_parsed() {
    check(
        "/api/v1/format_query?query=sum(rate(a%5B5m%5D))by(b)",
        200,
        r#"{"status":"success","data":"sum by (b) (rate(a[5m]))"}"#,
    )
    .await;
    let (code, text) = get(&router(), "/api/v1/parse_query?query=a").await;
    assert_eq!(code, 200);
    assert!(text.contains(r#""type":"vectorSelector""#), "{text}");
}

#[tokio::test]
async fn federation_gives_the_newest_samples() {
    let (code, text) = get(&router(), "/federate?match[]=http_requests_total").await;
    assert_eq!(code, 200);
    assert_eq!(
        text,
        "# TYPE http_requests_total untyped\n\
         http_requests_total{cluster=\"prod\",code=\"200\",job=\"api\",instance=\"\"} 90 1700000000000\n\
         http_requests_total{cluster=\"prod\",code=\"200\",job=\"web\",instance=\"\"} 90 1700000000000\n\
         http_requests_total{cluster=\"prod\",code=\"500\",job=\"api\",instance=\"\"} 90 1700000000000\n"
    );
    let request = Request::get("/federate?match[]=%7B%22http.server.duration%22%7D")
        .header("accept", "text/plain;version=1.0.0;escaping=allow-utf-8")
        .body(Body::empty())
        .unwrap();
    let (_, _, bytes) = send(&router(), request).await;
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "# TYPE \"http.server.duration\" untyped\n\
         {\"http.server.duration\",cluster=\"prod\",\"http.status\"=\"200\",job=\"never used\",instance=\"\"} 0.25 1700000000000\n"
    );
}

#[tokio::test]
async fn errors_do_not_repeat_long_texts() {
    let router = router();
    let long = "x".repeat(20_000);
    let metric = format!("{{__name__=\"{long}\"}}");
    for path in [
        format!("query?query={long}("),
        format!("query?query=\"{long}"),
        format!("query?query={long}%5B5m%5D%5B5m%5D"),
        format!("query?query=label_replace(http_requests_total,\"{long}-\",\"\",\"\",\"(\")"),
        format!("query?query=http_requests_total{{a=~\"{long}(\"}}"),
        format!("query?query=1&time={long}"),
        format!("query?query=1&timeout={long}"),
        format!("query_range?query=1&start=0&end=1&step={long}"),
        format!("labels?limit={long}"),
        format!("series?match[]={metric}{metric}"),
        format!("rules?type={long}"),
        format!("rules?exclude_alerts={long}"),
        format!("search/metric_names?sort_by={long}"),
        format!("search/metric_names?fuzz_threshold={long}"),
        format!("scrape_pools/config?scrapePool={long}"),
        format!("targets/relabel_steps?scrapePool={long}&labels=%7B%7D"),
        format!("status/self_metrics?metric_name_pattern={long}("),
        long.clone(),
    ] {
        let escaped = path
            .replace('"', "%22")
            .replace('{', "%7B")
            .replace('}', "%7D");
        let (code, text) = get(&router, &format!("/api/v1/{escaped}")).await;
        let shown: String = path.chars().take(60).collect();
        assert!((400..500).contains(&code), "{shown}: {code} {text}");
        assert!(text.len() < 1_000, "{shown}: {} bytes: {text}", text.len());
    }
    // Where many series come together the whole is bounded.
    let store = MemoryStore::new();
    for side in 0..2 {
        let mut pairs = vec![
            ("__name__".to_owned(), "wide".to_owned()),
            ("side".to_owned(), side.to_string()),
        ];
        pairs.extend((0..100).map(|i| (format!("label_{i}"), long.clone())));
        store.insert(&Labels::from_pairs(pairs), NOW_MS, 1.0);
    }
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(Services {
        store: Arc::new(store),
        ..services()
    });
    let query = format!("/api/v1/query?query=wide*on()wide&time={}", NOW_MS / 1_000);
    let (code, text) = get(&server.router(), &query).await;
    assert_eq!(code, 422, "{}", text.len());
    assert!(
        text.contains("many-to-many") && text.len() < 10_000,
        "{text}"
    );
}
