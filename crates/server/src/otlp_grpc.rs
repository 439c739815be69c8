//! x
use crate::app::App;
use axum::Router;
use std::sync::Arc;
/// x
pub(crate) fn routes(_app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
}
