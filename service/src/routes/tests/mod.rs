//! The routes over a real socket.

mod accounts;
mod background;
mod caching;
mod catalog;
mod encrypted;
mod health;
mod keys;
mod matrix;
mod operations;
mod passwords;
mod repeated;
mod roles;
mod security;
mod tasks;
