//! The service around the service.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Extensions, Method, Request, Response, Uri};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::HttpBody;
use super::record::{End, HttpMetrics, Record};
use crate::Telemetry;
use crate::trace::{Current, TraceContext};

/// Gives the route of a request: one of few, however many paths there are.
type RouteOf = dyn Fn(&Method, &Uri, &Extensions) -> Cow<'static, str> + Send + Sync;

/// Watches the requests of a service. See the module's page. Cheap to clone; clones count together.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use bellwether_sdk::http::HttpLayer;
/// use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry};
///
/// let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
/// let router: axum::Router = axum::Router::new()
///     .route("/answers/{id}", axum::routing::get(|| async { "42" }))
///     .layer(HttpLayer::new(&telemetry));
/// # drop(router);
/// # }
/// ```
#[derive(Clone)]
pub struct HttpLayer {
    /// `None`: monitoring is off, requests pass as they are.
    metrics: Option<Arc<HttpMetrics>>,
    route_of: Option<Arc<RouteOf>>,
}

impl HttpLayer {
    /// A layer that counts here.
    #[must_use]
    pub fn new(telemetry: &Telemetry) -> Self {
        let clock = telemetry.clock();
        Self {
            metrics: clock.map(|clock| Arc::new(HttpMetrics::new(telemetry, clock))),
            route_of: None,
        }
    }

    /// The same with routes that a function gives, where axum knows none. It must give few: each is a
    /// label of series.
    #[must_use]
    pub fn with_route(
        self,
        route_of: impl Fn(&Method, &Uri, &Extensions) -> Cow<'static, str> + Send + Sync + 'static,
    ) -> Self {
        Self {
            route_of: Some(Arc::new(route_of)),
            ..self
        }
    }

    fn begin<B>(&self, request: &mut Request<B>) -> Option<Record> {
        let metrics = self.metrics.as_ref()?;
        let header = request.headers().get("traceparent");
        let parent = header
            .and_then(|value| TraceContext::parse(value.to_str().ok()?))
            .unwrap_or_else(TraceContext::current);
        let route = self.route(request);
        let record = Record::begin(metrics, request.method(), route, parent);
        request.extensions_mut().insert(record.context);
        Some(record)
    }

    fn route<B>(&self, request: &Request<B>) -> Cow<'static, str> {
        #[cfg(feature = "axum")]
        if let Some(matched) = request.extensions().get::<axum::extract::MatchedPath>() {
            return Cow::Owned(matched.as_str().to_owned());
        }
        let route_of = self.route_of.as_ref();
        route_of.map_or(Cow::Borrowed(""), |route_of| {
            route_of(request.method(), request.uri(), request.extensions())
        })
    }
}

impl fmt::Debug for HttpLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLayer")
            .field("is_on", &self.metrics.is_some())
            .field("has_route_of", &self.route_of.is_some())
            .finish()
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, service: S) -> HttpService<S> {
        HttpService {
            service,
            layer: self.clone(),
        }
    }
}

/// A service whose requests are watched.
#[derive(Debug, Clone)]
pub struct HttpService<S> {
    service: S,
    layer: HttpLayer,
}

impl<S, I, O> Service<Request<I>> for HttpService<S>
where
    S: Service<Request<I>, Response = Response<O>>,
    O: Body,
{
    type Response = Response<HttpBody<O>>;
    type Error = S::Error;
    type Future = HttpFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<I>) -> Self::Future {
        let record = self.layer.begin(&mut request);
        // Services may do all their work before they give a future.
        let _current = record.as_ref().map(|it| Current::enter(it.context));
        HttpFuture {
            answering: self.service.call(request),
            record,
        }
    }
}

pin_project! {
    /// The answer on its way, watched.
    #[derive(Debug)]
    pub struct HttpFuture<F> {
        #[pin]
        answering: F,
        record: Option<Record>,
    }
}

impl<F, O, E> Future for HttpFuture<F>
where
    F: Future<Output = Result<Response<O>, E>>,
    O: Body,
{
    type Output = Result<Response<HttpBody<O>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = {
            let _current = this.record.as_ref().map(|it| Current::enter(it.context));
            this.answering.poll(context)
        };
        let answer = ready!(polled);
        let mut record = this.record.take();
        match answer {
            Ok(answer) => {
                let status = answer.status();
                if let Some(record) = &mut record {
                    record.answered(status);
                }
                Poll::Ready(Ok(answer.map(|body| HttpBody::new(body, status, record))))
            }
            Err(error) => {
                if let Some(mut record) = record {
                    record.end(End::Service);
                }
                Poll::Ready(Err(error))
            }
        }
    }
}
