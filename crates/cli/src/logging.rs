//! Where log lines go and how they look.

use anyhow::{Result, bail};
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error. `BELLWETHER_LOG` overrides the level, such as
/// `info,bellwether_scrape=debug`.
pub(crate) fn start(level: Option<&str>, format: Option<&str>) -> Result<()> {
    let level = match level {
        None | Some("info") => "info",
        Some(level @ ("debug" | "warn" | "error" | "trace")) => level,
        Some(other) => bail!("--log.level {other:?}: want debug, info, warn or error"),
    };
    let filter = match std::env::var("BELLWETHER_LOG") {
        Ok(directives) => EnvFilter::try_new(&directives)?,
        Err(_) => EnvFilter::try_new(level)?,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        None | Some("logfmt") => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(colours).init();
        }
        Some("json") => builder.json().init(),
        Some(other) => bail!("--log.format {other:?}: want logfmt or json"),
    }
    Ok(())
}
