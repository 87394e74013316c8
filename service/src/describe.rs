//! What the description says of every operation alike: how a caller proves who it is, and the problems that the
//! middleware and the readers of requests answer with.

use axum::http::Method;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Content, OpenApi, PathItem, Ref, RefOr};

const PROBLEM: &str = "application/problem+json";
/// The tag of what is neither limited nor shed.
const OPERATIONS: &str = "operations";

/// A problem that operations share: status, name among the components, when.
type Shared = (&'static str, &'static str, &'static str);
const MALFORMED: Shared = ("400", "Malformed", "The request cannot be read");
const UNAUTHENTICATED: Shared = ("401", "Unauthenticated", "No valid access token or API key");
const TOO_SLOW: Shared = ("408", "TooSlow", "The body did not arrive in time");
const TOO_LARGE: Shared = ("413", "TooLarge", "The body is too large");
const MEDIA_TYPE: Shared = ("415", "MediaType", "The body is not JSON");
const INVALID: Shared = ("422", "Invalid", "Fields or parameters are not acceptable");
const RATE_LIMITED: Shared = ("429", "RateLimited", "Too many requests; Retry-After says when to come back");
const INTERNAL: Shared = ("500", "Internal", "A fault of the service");
const BUSY: Shared = ("503", "Busy", "Overloaded; nothing is wrong with the request");

/// Completes the description of every operation.
pub fn complete(api: &mut OpenApi) {
    let components = api.components.get_or_insert_default();
    add_schemes(components);
    for (_, name, description) in
        [MALFORMED, UNAUTHENTICATED, TOO_SLOW, TOO_LARGE, MEDIA_TYPE, INVALID, RATE_LIMITED, INTERNAL, BUSY]
    {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new().description(description).content(PROBLEM, problem).build();
        components.responses.insert(name.to_owned(), response.into());
    }
    for (_, operation) in api.paths.paths.values_mut().flat_map(operations) {
        name_problems(operation);
        if operation.tags.as_ref().is_none_or(|tags| tags.iter().all(|tag| tag != OPERATIONS)) {
            for shared in shared_by(operation) {
                let answer = || RefOr::Ref(Ref::from_response_name(shared.1));
                operation.responses.responses.entry(shared.0.to_owned()).or_insert_with(answer);
            }
        }
    }
}

/// The operations of one path with their methods.
pub fn operations(path: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = path;
    let known = [
        (Method::GET, get),
        (Method::POST, post),
        (Method::PUT, put),
        (Method::PATCH, patch),
        (Method::DELETE, delete),
    ];
    known.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// The methods that a path answers, as the header `Allow` lists them.
pub fn allowed(path: &mut PathItem) -> String {
    let methods: Vec<String> = operations(path).map(|(method, _)| method.to_string()).collect();
    // Whoever answers GET answers HEAD.
    methods.join(", ").replace("GET", "GET, HEAD")
}

fn add_schemes(components: &mut Components) {
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.bearer_format = Some("JWT".to_owned());
    bearer.description = Some("The access token of a session, from /api/v1/auth/login.".to_owned());
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let key = ApiKeyValue::with_description(
        "X-Api-Key",
        "An API key from /api/v1/auth/api-keys. It acts for its user, never as an admin, and not on sessions, keys or \
         the account itself.",
    );
    components.add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(key)));
}

/// Problems have a media type of their own (RFC 9457 §3).
fn name_problems(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        let is_problem = |content: &RefOr<Content>| match content {
            RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => {
                schema.ref_location.ends_with("/Problem")
            }
            _ => false,
        };
        if response.content.values().all(is_problem)
            && let Some((_, content)) = response.content.shift_remove_index(0)
        {
            response.content.insert(PROBLEM.to_owned(), content);
        }
    }
}

fn shared_by(operation: &Operation) -> Vec<Shared> {
    let mut shared = vec![RATE_LIMITED, INTERNAL, BUSY];
    if operation.request_body.is_some() {
        shared.extend([MALFORMED, TOO_SLOW, TOO_LARGE, MEDIA_TYPE, INVALID]);
    }
    if operation.security.as_ref().is_some_and(|ways| !ways.is_empty()) {
        shared.push(UNAUTHENTICATED);
    }
    let parameters = operation.parameters.iter().flatten();
    let is_read = |parameter: &RefOr<utoipa::openapi::path::Parameter>| match parameter {
        RefOr::T(parameter) => matches!(parameter.parameter_in, ParameterIn::Query | ParameterIn::Header),
        RefOr::Ref(_) => true,
    };
    if parameters.into_iter().any(is_read) {
        shared.extend([MALFORMED, INVALID]);
    }
    shared
}
