//! What happens around every handler, in this order:
//!
//! 1. request id: taken over if it is a sane one, else made
//! 2. overload: beyond `http.max_in_flight` requests at once, 503 before anything costs (probes are exempt)
//! 3. CORS: preflights are answered here
//! 4. who asks: client address, access token, revocation
//! 5. rate limit
//! 6. the handler, under a time limit; a panic becomes 500
//! 7. errors become problem+json; the request's id, limits and security headers go on the response
//! 8. metrics and the log line
//!
//! It is one layer: ten layers with a boxed future each would cost more than a cached response.

mod address;
mod cors;
mod edge;
pub mod gcra;
mod headers;
pub mod limits;
pub mod request_id;

pub use edge::EdgeLayer;
