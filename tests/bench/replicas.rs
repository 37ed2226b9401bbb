//! What three replicas on one database ask it for an order and for a callback, beside one.

use std::sync::Arc;

use crate::figures::Figures;
use crate::postgres::Postgres;
use crate::stand::Stand;
use crate::throughput::count_statements;
use crate::{Effort, processes};

pub(crate) async fn measure(effort: &Effort, postgres: &str, figures: &mut Figures) {
    processes::keep_to_none();
    let database = Postgres::given(postgres).create("bench_replicas").await;
    let stand = Arc::new(Stand::start(&effort.program, &database.url, None, 1).await);
    let first = stand.warm_up().await;
    let first = count_statements("replicas, one", &stand, &[], &database, first, figures).await;
    let others = [
        stand.gateway.replica("second").await,
        stand.gateway.replica("third").await,
    ];
    count_statements(
        "replicas, three",
        &stand,
        &others,
        &database,
        first,
        figures,
    )
    .await;
}
