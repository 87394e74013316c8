use std::fmt;

use rand::{SeedableRng, rngs::ChaCha8Rng};

use crate::plan::model::Plan;

/// What one virtual user knows: its variables, its rows of data, its own stream of random numbers.
pub struct Session {
    /// Variables saved from answers, by [`crate::plan::model::Slot`].
    pub slots: Vec<Option<Box<str>>>,
    /// The current row of each data set, by its index in the plan.
    pub rows: Vec<usize>,
    /// Random numbers of this user alone: the same seed and user index give the same stream.
    pub rng: ChaCha8Rng,
    /// 0, 1, 2, … in order of launch.
    pub user_index: u64,
    /// 0, 1, 2, … within this user.
    pub iteration: u64,
}

/// Variables hold what targets gave, tokens among it: they are not shown.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("user_index", &self.user_index)
            .field("iteration", &self.iteration)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A new user. Its stream of random numbers is stream `user_index` of the run's seed.
    pub fn new(plan: &Plan, seed: u64, user_index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Stream 0 belongs to the arrival schedule.
        rng.set_stream(user_index + 1);
        Self { slots: vec![None; plan.slots], rows: vec![0; plan.data.len()], rng, user_index, iteration: 0 }
    }

    /// Forgets what the last iteration saved; what `on_start` saved stays.
    pub fn begin_iteration(&mut self, plan: &Plan) {
        for (slot, value) in self.slots.iter_mut().enumerate() {
            if !plan.kept.contains(&slot) {
                *value = None;
            }
        }
    }
}
