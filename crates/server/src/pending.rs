//! Bridges to parts of the language crate that are on their way: inherent methods take precedence.

use bellwether_promql::*;
use bellwether_storage::MetricStore;

pub(crate) trait EngineBridge {
    fn instant(
        &self,
        _s: &dyn MetricStore,
        _q: &str,
        _t: i64,
        _r: &QueryRequest,
    ) -> Result<QueryOutcome, QueryError> {
        Err(QueryError::Execution(
            "the evaluator is not linked in".to_owned(),
        ))
    }
    fn range(
        &self,
        _s: &dyn MetricStore,
        _q: &str,
        _a: i64,
        _b: i64,
        _c: i64,
        _r: &QueryRequest,
    ) -> Result<QueryOutcome, QueryError> {
        Err(QueryError::Execution(
            "the evaluator is not linked in".to_owned(),
        ))
    }
}
impl EngineBridge for Engine {}
