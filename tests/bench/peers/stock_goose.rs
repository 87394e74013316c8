//! Goose as it comes, asking for one small document again and again: what the benchmark compares loadgen with.
//!
//! `stock_goose --host http://127.0.0.1:8080 --users 64 --run-time 10s`

use goose::prelude::*;

#[tokio::main]
async fn main() -> Result<(), GooseError> {
    let ask = scenario!("ask").register_transaction(transaction!(ask));
    Box::pin(GooseAttack::initialize()?.register_scenario(ask).execute()).await?;
    Ok(())
}

async fn ask(user: &mut GooseUser) -> TransactionResult {
    let answer = user.get("json").await?;
    if let Ok(response) = answer.response {
        // A client that leaves the body unread has not been answered.
        response.bytes().await?;
    }
    Ok(())
}
