//! The plans of the named questions on seeded data.

use super::*;
use crate::store::{Db, Result, plans, rw};

async fn no_question_of_a_request_reads_a_whole_table(store: &Store) {
    for db in store.databases() {
        let plans = plans::all(db).await.unwrap();
        assert!(plans.len() > 40);
        for plan in &plans {
            assert!(!plan.is_bad(), "{}: {:?} {:#?}", plan.question.name, plan.scanned, plan.steps);
        }
        // The measure itself sees a scan where there is one.
        let count = plans.iter().find(|plan| plan.question.name == "sessions: forget the expired").unwrap();
        assert_eq!(count.scanned, ["sessions"], "{:#?}", count.steps);
    }
}

async fn a_missing_index_is_found(store: &Store) {
    let db = store.databases().next().unwrap();
    drop_index(db).await.unwrap();
    let plans = plans::all(db).await.unwrap();
    let bad: Vec<_> = plans.iter().filter(|plan| plan.is_bad()).map(|plan| plan.question.name).collect();
    assert!(bad.contains(&"products: list"), "{bad:?}");
}

async fn drop_index(db: &Db) -> Result<u64> {
    Ok(rw!(db, p => sqlx::query("DROP INDEX products_created").execute(p).await?.rows_affected()))
}

on_both! {
    no_question_of_a_request_reads_a_whole_table,
    a_missing_index_is_found,
}
