//! The whole API through HTTP alone, the same assertions in every phase of the deployment.

mod accounts;
mod catalog;
mod fresh;
mod headers;
mod limits;
mod password;
mod phases;
mod step;
mod tasks;
mod work;

use ::stack::Topology;
use anyhow::{Context as _, Result};

use self::step::Api;

/// Goes through everything on a deployment, as users of its own.
async fn whole(topology: &Topology) -> Result<()> {
    let url = &topology.url();
    let mut api = Api::new(url, "1")?;
    let tables = [
        ("accounts", accounts::steps()),
        ("tasks", tasks::steps()),
        ("lists", tasks::lists()),
        ("repeated requests", tasks::repeated()),
        ("background work", work::steps()),
        ("products", catalog::products()),
        ("favourites", catalog::favorites()),
        ("recommendations", catalog::recommendations()),
        ("headers", headers::steps()),
    ];
    for (name, steps) in tables {
        api.go(steps).await.with_context(|| name.to_owned())?;
    }
    let mails = |address: &str| password::filed(&topology.folder().join("service.db.mail"), address);
    password::is_forgotten(&mut api, mails).await.context("a forgotten password")?;
    fresh::own_writes(url).await.context("one's own writes")
}
