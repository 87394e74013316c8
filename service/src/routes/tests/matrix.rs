//! Who may do what: every operation of the description, asked by everybody.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::passwords;
use crate::auth::tokens::Identity;
use crate::clock;
use crate::describe;
use crate::store::outbox::{NewJob, Work};
use crate::store::sessions::NewSession;
use crate::store::users::{Role, User};
use crate::store::{
    Timestamp, api_keys, favorites, notifications, outbox, preferences, products, sessions, tasks, users,
};
use crate::testing::{PASSWORD, Service};

/// Who asks. The owner, the owner's API key and an admin ask for what the owner has, and so does a stranger; a user
/// asks for things that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anonymous,
    Owner,
    Key,
    Stranger,
    User,
    Admin,
}

const EVERYBODY: [Who; 6] = [Who::Anonymous, Who::Owner, Who::Key, Who::Stranger, Who::User, Who::Admin];

/// Whom an operation is for.
#[derive(Clone, Copy, Debug)]
enum For {
    /// Anybody.
    All,
    /// Every user, who sees and changes what is the user's own.
    Users,
    /// The same, but for API keys.
    Sessions,
    /// The owner of the object that the path names: to others it does not exist.
    Owner,
    /// The same, but for API keys.
    OwnerSession,
    /// Admins.
    Admins,
}

impl For {
    /// What `who` is answered where the operation itself answers `done`.
    fn answer(self, who: Who, done: u16) -> u16 {
        match (self, who) {
            (Self::All, _) => done,
            (_, Who::Anonymous) => 401,
            (Self::Sessions | Self::OwnerSession | Self::Admins, Who::Key) => 403,
            (Self::Admins, Who::Admin) | (Self::Users | Self::Sessions, _) => done,
            (Self::Admins, _) => 403,
            (Self::Owner | Self::OwnerSession, Who::Owner | Who::Key) => done,
            (Self::Owner | Self::OwnerSession, _) => 404,
        }
    }
}

type Body = fn(&World) -> Value;

fn nothing(_: &World) -> Value {
    Value::Null
}

/// Operation, whom it is for, what it answers, what it is sent.
type Row = (&'static str, For, u16, Body);

const TABLE: &[Row] = &[
    (
        "register",
        For::All,
        201,
        |_| json!({ "email": format!("{}@headroom.example", clock::new_id()), "name": "N", "password": PASSWORD }),
    ),
    ("login", For::All, 200, |world| json!({ "email": world.email, "password": PASSWORD })),
    ("refresh", For::All, 200, |world| json!({ "refreshToken": world.refresh })),
    ("requestPasswordReset", For::All, 202, |world| json!({ "email": world.email })),
    ("confirmPasswordReset", For::All, 422, |_| json!({ "token": "made up", "password": PASSWORD })),
    ("logout", For::Sessions, 204, nothing),
    ("logoutAll", For::Sessions, 204, nothing),
    ("listSessions", For::Sessions, 200, nothing),
    ("endSession", For::OwnerSession, 204, nothing),
    ("listApiKeys", For::Sessions, 200, nothing),
    ("createApiKey", For::Sessions, 201, |_| json!({ "name": "Another" })),
    ("deleteApiKey", For::OwnerSession, 204, nothing),
    ("getMe", For::Users, 200, nothing),
    ("updateMe", For::Sessions, 200, |_| json!({ "name": "Renamed" })),
    ("deleteMe", For::Sessions, 204, nothing),
    ("getPreferences", For::Users, 200, nothing),
    (
        "putPreferences",
        For::Users,
        200,
        |_| json!({ "theme": "dark", "locale": "de-AT", "emailNotifications": false, "pageSize": 50 }),
    ),
    ("listUsers", For::Admins, 200, nothing),
    ("setRole", For::Admins, 200, |_| json!({ "role": "admin" })),
    ("listTasks", For::Users, 200, nothing),
    ("createTask", For::Users, 201, |_| json!({ "title": "Another" })),
    ("createTasks", For::Users, 201, |_| json!({ "tasks": [{ "title": "One" }, { "title": "Two" }] })),
    ("taskStats", For::Users, 200, nothing),
    ("getTask", For::Owner, 200, nothing),
    ("updateTask", For::Owner, 200, |_| json!({ "title": "Changed" })),
    ("deleteTask", For::Owner, 204, nothing),
    ("listProducts", For::All, 200, nothing),
    ("listProductsByPage", For::All, 200, nothing),
    ("getProduct", For::All, 200, nothing),
    ("createProduct", For::Admins, 201, |_| json!({ "title": "P", "category": "c", "priceCents": 1 })),
    ("updateProduct", For::Admins, 200, |_| json!({ "priceCents": 2 })),
    ("deleteProduct", For::Admins, 204, nothing),
    ("listFavorites", For::Users, 200, nothing),
    ("markFavorite", For::Users, 204, nothing),
    ("unmarkFavorite", For::Users, 204, nothing),
    ("listRecommendations", For::Users, 200, nothing),
    ("exportTasks", For::Users, 202, |_| json!({ "format": "csv" })),
    ("getJob", For::Owner, 200, nothing),
    // Who knows the name of a file may read it; nobody knows this one.
    ("getFile", For::All, 404, nothing),
    ("listNotifications", For::Users, 200, nothing),
    ("readNotification", For::Owner, 204, nothing),
    ("createEvents", For::Users, 202, |_| json!({ "events": [{ "type": "search", "query": "lamp" }] })),
    ("funnel", For::Admins, 200, nothing),
    ("topSearches", For::Admins, 200, nothing),
    ("health", For::All, 200, nothing),
    ("livez", For::All, 200, nothing),
    ("readyz", For::All, 200, nothing),
    ("metrics", For::All, 200, nothing),
];

/// What nobody but the owner may ever see: it is in everything that the owner has.
const MARK: &str = "nobody-elses-business";

/// An owner with one of everything.
struct World {
    owner: Uuid,
    email: String,
    token: String,
    refresh: String,
    session: Uuid,
    key: String,
    key_id: Uuid,
    task: Uuid,
    notification: Uuid,
    job: Uuid,
    product: Uuid,
}

impl Service {
    /// A user with a session, made past the API: id, token, session.
    async fn someone(&self, name: &str, role: Role, hash: &str) -> (Uuid, String, Uuid, String) {
        let (id, now) = (clock::new_id(), Timestamp(clock::now_us()));
        let email = format!("{id}@headroom.example");
        let user = User { id, email, name: name.to_owned(), role, created_at: now, updated_at: now };
        users::insert(&self.store, &user, hash, None).await.unwrap();
        let (refresh, refresh_hash) = crate::auth::refresh::new_token(id);
        let session = NewSession {
            id: clock::new_id(),
            user_id: id,
            ip: "127.0.0.1",
            device: name,
            refresh: refresh_hash,
            now,
            expires_at: Timestamp(now.0 + 3_600_000_000),
        };
        sessions::insert(&self.store, &session, 10).await.unwrap();
        let identity = Identity { user_id: id, session_id: session.id, role };
        let token = self.tokens.issue(identity, clock::now_s(), 900).unwrap();
        (id, token, session.id, refresh)
    }

    async fn world(&self, hash: &str) -> World {
        let (owner, token, session, refresh) = self.someone(MARK, Role::User, hash).await;
        let now = Timestamp(clock::now_us());
        let task = tasks::Task {
            id: clock::new_id(),
            title: MARK.to_owned(),
            description: None,
            status: tasks::Status::Todo,
            priority: tasks::Priority::Low,
            due_at: Some(Timestamp(now.0 + 3_600_000_000)),
            created_at: now,
            updated_at: now,
        };
        tasks::insert(&self.store, owner, &task, None).await.unwrap();
        let until = Timestamp(now.0 + 7_200_000_000);
        notifications::remind(&self.store, self.store.of(owner).database(), now, until, 1000, clock::new_id)
            .await
            .unwrap();
        let notification = notifications::list(&self.store, owner, false, None, 1).await.unwrap()[0].id;
        let job = NewJob { id: clock::new_id(), user_id: owner, work: Work::WelcomeMail, now };
        outbox::append(&self.store, &job, None).await.unwrap();
        let product = products::Product {
            id: clock::new_id(),
            title: "Lamp".to_owned(),
            description: String::new(),
            category: "home".to_owned(),
            price_cents: 1,
            stock: 1,
            created_at: now,
            updated_at: now,
        };
        products::insert(&self.store, owner, &product, None).await.unwrap();
        favorites::put(&self.store, owner, product.id, now).await.unwrap();
        let fresh = self.api_keys.make(owner);
        let key = api_keys::ApiKey {
            id: clock::new_id(),
            name: MARK.to_owned(),
            prefix: fresh.prefix,
            created_at: now,
            last_used_at: None,
        };
        api_keys::insert(&self.store, owner, &key, &fresh.hash, 20).await.unwrap();
        let email = format!("{owner}@headroom.example");
        let (key, key_id) = (fresh.text, key.id);
        let (task, job, product) = (task.id, job.id, product.id);
        World { owner, email, token, refresh, session, key, key_id, task, notification, job, product }
    }

    /// Everything the owner has, as text. The use of a key is noted, which is no change of the owner's things.
    async fn belongings(&self, world: &World) -> String {
        let (store, owner) = (&self.store, world.owner);
        let now = Timestamp(clock::now_us());
        let filter = tasks::Filter { limit: 100, ..tasks::Filter::default() };
        let mut keys = api_keys::list(store, owner, None).await.unwrap();
        keys.iter_mut().for_each(|key| key.last_used_at = None);
        format!(
            "{:?}{:?}{:?}{:?}{:?}{:?}{keys:?}",
            users::get(store, owner).await.unwrap(),
            tasks::list(store, owner, &filter).await.unwrap(),
            favorites::list(store, owner, None, 100)
                .await
                .unwrap()
                .iter()
                .map(|f| f.marked_at)
                .collect::<Vec<_>>(),
            serde_json::to_string(&preferences::get(store, owner).await.unwrap()).unwrap(),
            sessions::list(store, owner, now).await.unwrap(),
            serde_json::to_string(&notifications::list(store, owner, false, None, 100).await.unwrap())
                .unwrap(),
        )
    }
}

/// The path with the owner's things in it, or with things that nobody has.
fn path_to(template: &str, world: &World, who: Who, whose: For) -> String {
    let theirs = match template {
        path if path.contains("/sessions/") => world.session,
        path if path.contains("/api-keys/") => world.key_id,
        path if path.contains("/tasks/") => world.task,
        path if path.contains("/notifications/") => world.notification,
        path if path.contains("/jobs/") => world.job,
        path if path.contains("/admin/users/") => world.owner,
        _ => world.product,
    };
    let owned = matches!(whose, For::Owner | For::OwnerSession);
    let id = if owned && who == Who::User { clock::new_id() } else { theirs };
    let id = id.to_string();
    ["{id}", "{product_id}", "{key}"].iter().fold(template.to_owned(), |path, name| path.replace(name, &id))
}

/// Asks once, in a world of its own, and looks at what became of it.
async fn ask(service: &Service, hash: &str, method: &Method, template: &str, row: &Row, who: Who) {
    let (operation, whose, done, body) = *row;
    let world = service.world(hash).await;
    let request = service.request(method.clone(), &path_to(template, &world, who, whose));
    let request = match who {
        Who::Anonymous => request,
        Who::Owner => request.bearer_auth(&world.token),
        Who::Key => request.header("x-api-key", &world.key),
        Who::Stranger | Who::User => request.bearer_auth(service.someone("Bob", Role::User, hash).await.1),
        Who::Admin => request.bearer_auth(service.someone("Root", Role::Admin, hash).await.1),
    };
    let body = body(&world);
    let request = if body.is_null() { request } else { request.json(&body) };
    let before = service.belongings(&world).await;
    let response = request.send().await.unwrap();
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    assert_eq!(status, whose.answer(who, done), "{operation} by {who:?}: {text}");
    let own = matches!(who, Who::Owner | Who::Key);
    let by_right = own || who == Who::Admin && matches!(whose, For::Admins);
    if !by_right {
        assert!(!text.contains(MARK), "{operation} shows {who:?} what is another's: {text}");
    }
    if !by_right && !matches!(whose, For::All) {
        assert_eq!(
            service.belongings(&world).await,
            before,
            "{operation} by {who:?} changes what is another's"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_answered_as_the_table_says_and_nobody_touches_what_is_anothers() {
    let service = Service::start().await;
    let hash = passwords::hash_now(&PASSWORD.into()).unwrap();
    let mut api = crate::router::build(&service.running.app).1;
    let mut described = BTreeSet::new();
    for (template, item) in &mut api.paths.paths {
        for (method, operation) in describe::operations(item) {
            let name = operation.operation_id.clone().unwrap();
            let row = TABLE.iter().find(|row| row.0 == name);
            let row = row.unwrap_or_else(|| {
                panic!("{name} ({method} {template}) is not in the table: who may do it?")
            });
            for who in EVERYBODY {
                ask(&service, &hash, &method, template, row, who).await;
            }
            described.insert(name);
        }
    }
    let known: BTreeSet<String> = TABLE.iter().map(|row| row.0.to_owned()).collect();
    assert_eq!(described, known, "the table names operations that are not there");
}
