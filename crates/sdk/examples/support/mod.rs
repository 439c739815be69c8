//! What the examples have in common: when they end.

use std::time::Duration;

/// What goes wrong in an example is said and ends it.
pub(crate) type Answer<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Reads `--seconds N` from the command line; `None`: until ctrl-c.
pub(crate) fn seconds() -> Answer<Option<Duration>> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(None),
        (Some("--seconds"), Some(seconds)) => Ok(Some(Duration::from_secs_f64(seconds.parse()?))),
        (Some(other), _) => Err(format!("{other:?}: want --seconds N, or nothing").into()),
    }
}

/// Waits for so long, or for ctrl-c.
pub(crate) async fn end(after: Option<Duration>) -> Answer {
    match after {
        Some(time) => tokio::time::sleep(time).await,
        None => tokio::signal::ctrl_c().await?,
    }
    Ok(())
}
