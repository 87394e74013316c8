//! Tests whose subject is time, or whose verdict depends on the generator not being late: run one at a time.

mod arrivals;
mod capacity;
mod chaos;
mod doctor;
mod freeze;
mod jobs;
mod midway;
mod reshard;
mod starved;
