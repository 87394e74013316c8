//! Tokens whose signature was checked already: a bounded map, split so that threads rarely meet.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::tokens::Checked;

const SHARDS: usize = 64;
/// 64 × 1,024 tokens of some 350 bytes: about 30 MB at most.
const TOKENS_PER_SHARD: usize = 1024;

type Shard = Mutex<HashMap<Box<str>, Arc<Checked>, RandomState>>;

/// The tokens seen lately, whole: equality of the text, not of a hash, is what makes one known.
pub struct Verified {
    shards: Vec<Shard>,
    hasher: RandomState,
}

impl Default for Verified {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect(), hasher: RandomState::default() }
    }
}

impl Verified {
    /// What was found when `token` was checked.
    pub fn get(&self, token: &str) -> Option<Arc<Checked>> {
        self.shard(token).get(token).cloned()
    }

    /// Remembers a token. A full shard first forgets what expired, and everything if that made no room.
    pub fn put(&self, token: &str, checked: &Arc<Checked>, now_s: i64) {
        let mut shard = self.shard(token);
        if shard.len() >= TOKENS_PER_SHARD {
            shard.retain(|_, seen| seen.expires_s > now_s);
            if shard.len() >= TOKENS_PER_SHARD {
                shard.clear();
            }
        }
        shard.insert(token.into(), Arc::clone(checked));
    }

    fn shard(&self, token: &str) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Arc<Checked>, RandomState>> {
        // The signature at the end tells tokens apart; their beginnings are all alike.
        let tail = &token.as_bytes()[token.len().saturating_sub(16)..];
        let at = self.hasher.hash_one(tail) as usize % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tokens::Identity;
    use crate::store::users::Role;
    use crate::telemetry::activity::LastNoted;

    #[test]
    fn the_memory_of_tokens_is_bounded() {
        let verified = Verified::default();
        let nobody = Identity { user_id: uuid::Uuid::nil(), session_id: uuid::Uuid::nil(), role: Role::User };
        let checked =
            Arc::new(Checked { identity: nobody, expires_s: 100, last_noted: LastNoted::default() });
        for n in 0..3 * SHARDS * TOKENS_PER_SHARD {
            verified.put(&format!("token number {n:016}"), &checked, 0);
        }
        let kept: usize = verified.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * TOKENS_PER_SHARD);
        let last = format!("token number {:016}", 3 * SHARDS * TOKENS_PER_SHARD - 1);
        assert!(verified.get(&last).is_some());
    }
}
