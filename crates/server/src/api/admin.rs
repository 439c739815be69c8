//! Deleting, cleaning and copying: only where the operator switched it on.

use axum::response::Response;

use super::{Call, catalog, no_content};
use crate::envelope::{Answer, ApiError, ErrorType};

fn must_be_enabled(call: &Call) -> Result<(), ApiError> {
    if call.app.settings.enable_admin {
        Ok(())
    } else {
        Err(ApiError::new(ErrorType::Disabled, "admin APIs disabled"))
    }
}

/// `/admin/tsdb/delete_series`
pub(super) async fn delete_series(call: Call) -> Result<Response, ApiError> {
    must_be_enabled(&call)?;
    if !call.params.has("match[]") {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let range = call.params.range()?;
    let matcher_sets = catalog::matcher_sets(&call.params)
        .map_err(|error| ApiError::invalid_parameter("match[]", error.message))?;
    call.app
        .catalog(move |services| Ok(services.store.delete(&matcher_sets, range)?))
        .await?;
    Ok(no_content())
}

/// `/admin/tsdb/clean_tombstones`
pub(super) async fn clean_tombstones(call: Call) -> Result<Response, ApiError> {
    must_be_enabled(&call)?;
    call.app
        .catalog(|services| Ok(services.store.clean_tombstones()?))
        .await?;
    Ok(no_content())
}

/// `/admin/tsdb/snapshot`
pub(super) async fn snapshot(call: Call) -> Result<Answer, ApiError> {
    must_be_enabled(&call)?;
    let skip_head = call.params.boolean("skip_head", false)?;
    let name = call
        .app
        .catalog(move |services| Ok(services.store.snapshot(skip_head)?))
        .await?;
    Ok(Answer::write(|json| {
        json.object_begin().key("name").string(&name).object_end();
    }))
}
