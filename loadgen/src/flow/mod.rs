//! What a virtual user does: its steps, what it puts into requests, and what it looks for in answers.

#[cfg(target_os = "linux")]
pub mod alarm;
mod block;
pub mod client;
pub mod condition;
pub mod courier;
pub mod data;
pub mod expect;
pub mod extract;
pub mod generate;
pub mod html;
pub mod parallel;
pub mod send;
pub mod session;
pub mod template;
pub mod think;
pub mod user;

#[cfg(test)]
mod tests;
