use std::{cmp::Reverse, collections::BinaryHeap};

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rand_distr::{Distribution, Exp1};

use crate::{Bin, Kind, Outage, SECOND_NS, Tier, Work, station::Station};

/// The end of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    at_ns: u64,
    station: u32,
    job: u32,
    epoch: u32,
}

#[derive(Debug, Clone, Copy)]
struct Job {
    arrived_ns: u64,
    queued_ns: u64,
    waited_ns: u64,
    bin: u32,
    shard: u32,
    write: bool,
}

/// How a request ended.
enum Fate {
    Answered,
    TimedOut,
    Dropped,
    Failed,
}

struct World<'a> {
    work: Work<'a>,
    rng: ChaCha8Rng,
    now_ns: u64,
    ends: BinaryHeap<Reverse<End>>,
    stations: Vec<Station>,
    /// Where each tier's stations begin and end.
    tiers: [(usize, usize); 4],
    /// Which station was last given a request, by tier.
    turn: [usize; 4],
    jobs: Vec<Job>,
    free: Vec<u32>,
    bins: Vec<Bin>,
    /// The stretch that the next request arrives in.
    bin: usize,
    /// The stretch that it is now.
    now_bin: usize,
}

/// Events between two calls of `progress`.
const NEWS: u64 = 1 << 20;

/// Simulates `work` to its end, and on until every request that arrived has its fate. `progress` is told now and then how far
/// it came, nanoseconds. Gives back what was counted by stretch, and the number of events.
pub fn run(work: Work<'_>, progress: &mut dyn FnMut(u64)) -> (Vec<Bin>, u64) {
    let mut world = World::new(work);
    let mut switches: Vec<(u64, bool, usize)> = Vec::new();
    for (index, outage) in work.outages.iter().enumerate() {
        switches.push((outage.from_ns, true, index));
        switches.push((outage.to_ns, false, index));
    }
    switches.sort_unstable();
    let mut switches = switches.into_iter().peekable();
    let mut arrival_ns = world.next_arrival();
    let mut events = 0_u64;
    loop {
        let end_ns = world.ends.peek().map_or(u64::MAX, |Reverse(end)| end.at_ns);
        let switch_ns = switches.peek().map_or(u64::MAX, |switch| switch.0);
        let next_ns = end_ns.min(arrival_ns.unwrap_or(u64::MAX));
        if next_ns == u64::MAX {
            return (world.bins, events);
        }
        events += 1;
        if events.is_multiple_of(NEWS) {
            progress(world.now_ns);
        }
        if switch_ns <= next_ns {
            if let Some((at_ns, lose, index)) = switches.next() {
                world.now_ns = at_ns;
                world.switch(&work.outages[index], lose);
            }
        } else if end_ns <= arrival_ns.unwrap_or(u64::MAX) {
            if let Some(Reverse(end)) = world.ends.pop() {
                world.now_ns = end.at_ns;
                world.finish(end);
            }
        } else {
            world.now_ns = next_ns;
            world.arrive();
            arrival_ns = world.next_arrival();
        }
    }
}

impl<'a> World<'a> {
    fn new(work: Work<'a>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(work.seed);
        rng.set_stream(work.stream);
        let topology = work.topology;
        let mut stations = Vec::new();
        let tier = |stations: &mut Vec<Station>, kind: Kind, tier: Option<&Tier>| {
            let from = stations.len();
            if let Some(tier) = tier {
                let of = |at| Station::new(kind, (at, 0), topology.zones, tier.workers, tier.queue);
                stations.extend((0..tier.instances).map(of));
            }
            (from, stations.len())
        };
        let balancer = tier(&mut stations, Kind::Balancer, topology.balancer.as_ref());
        let api = tier(&mut stations, Kind::Api, Some(&topology.api));
        let cache = tier(&mut stations, Kind::Cache, topology.cache.as_ref().map(|cache| &cache.tier));
        let from = stations.len();
        if let Some(it) = &topology.database {
            for shard in 0..it.shards {
                let node =
                    |node| Station::new(Kind::Database, (shard, node), topology.zones, it.workers, it.queue);
                stations.extend((0..=it.replicas).map(node));
            }
        }
        let database = (from, stations.len());
        let bins = work.load.iter().map(|_| Bin::new()).collect();
        Self {
            work,
            rng,
            now_ns: 0,
            ends: BinaryHeap::new(),
            stations,
            tiers: [balancer, api, cache, database],
            turn: [0; 4],
            jobs: Vec::new(),
            free: Vec::new(),
            bins,
            bin: 0,
            now_bin: 0,
        }
    }

    /// When the next request arrives; nothing once the load is over. Of a Poisson process, whose past does not matter, what is
    /// left over at the end of a stretch is drawn anew at the rate of the next.
    fn next_arrival(&mut self) -> Option<u64> {
        let mut from_ns = self.now_ns;
        loop {
            let stretch = self.work.load.get(self.bin)?;
            if stretch.rate_per_s > 0.0 {
                let gap: f64 = Exp1.sample(&mut self.rng);
                let at_ns = from_ns as f64 + gap / stretch.rate_per_s * SECOND_NS as f64;
                if at_ns < stretch.to_ns as f64 {
                    return Some((at_ns as u64).max(from_ns));
                }
            }
            from_ns = stretch.to_ns;
            self.bin += 1;
        }
    }

    fn arrive(&mut self) {
        let topology = self.work.topology;
        let write = topology.writes > 0.0 && self.rng.random_bool(topology.writes.min(1.0));
        let shards = topology.database.as_ref().map_or(1, |database| database.shards);
        let shard = if shards > 1 { self.rng.random_range(0..shards) as u32 } else { 0 };
        let now_ns = self.now_ns;
        let job =
            Job { arrived_ns: now_ns, queued_ns: now_ns, waited_ns: 0, bin: self.bin as u32, shard, write };
        self.bins[self.bin].offered += 1;
        let place = match self.free.pop() {
            Some(place) => {
                self.jobs[place as usize] = job;
                place
            }
            None => {
                self.jobs.push(job);
                self.jobs.len() as u32 - 1
            }
        };
        self.go(place, 0);
    }

    /// Sends a request to the tier of the given place in [`Kind::ALL`], or on to the next where there is none.
    fn go(&mut self, job: u32, tier: usize) {
        let Some(kind) = Kind::ALL.get(tier) else { return self.end(job, Fate::Answered) };
        let (from, to) = self.tiers[tier];
        if from == to || (*kind == Kind::Cache && self.jobs[job as usize].write) {
            return self.go(job, tier + 1);
        }
        let station = match kind {
            Kind::Balancer | Kind::Api => self.pick(tier),
            Kind::Cache => {
                let at = self.rng.random_range(from..to);
                if !self.stations[at].is_up() {
                    // A cache that does not answer is passed by.
                    return self.go(job, tier + 1);
                }
                Some(at)
            }
            Kind::Database => self.node(job),
        };
        match station {
            Some(station) if self.stations[station].is_up() => self.enter(station, job),
            _ => self.end(job, Fate::Failed),
        }
    }

    /// The instance of a tier that is next: in turn, or with the least to do, of those that are not known to be lost.
    fn pick(&mut self, tier: usize) -> Option<usize> {
        let (from, to) = self.tiers[tier];
        let known_lost = |station: &Station| {
            !station.is_up()
                && station.since_ns.is_some_and(|since| self.now_ns >= since + self.work.topology.detect_ns)
        };
        let count = to - from;
        let in_turn = (1..=count).map(|step| from + (self.turn[tier] + step) % count);
        let mut able = in_turn.filter(|at| !known_lost(&self.stations[*at]));
        let chosen = if self.work.topology.least_busy && count > 1 {
            // What is lost and not yet known looks idle.
            able.min_by_key(|at| self.stations[*at].load())
        } else {
            able.next()
        }?;
        self.turn[tier] = chosen - from;
        Some(chosen)
    }

    /// The node of the database that a request goes to.
    fn node(&mut self, job: u32) -> Option<usize> {
        let database = self.work.topology.database.as_ref()?;
        let Job { shard, write, .. } = self.jobs[job as usize];
        let nodes = database.replicas + 1;
        let primary = self.tiers[3].0 + shard as usize * nodes;
        let replicas = primary + 1..primary + nodes;
        if write || replicas.is_empty() {
            let station = &self.stations[primary];
            if station.is_up()
                || station.since_ns.is_some_and(|since| self.now_ns < since + database.failover_ns)
            {
                return Some(primary);
            }
            return replicas.into_iter().find(|at| self.stations[*at].is_up());
        }
        self.turn[3] = self.turn[3].wrapping_add(1);
        let turn = self.turn[3];
        let able = (0..database.replicas).map(|step| primary + 1 + (turn + step) % database.replicas);
        able.chain([primary]).find(|at| self.stations[*at].is_up())
    }

    fn enter(&mut self, station: usize, job: u32) {
        self.jobs[job as usize].queued_ns = self.now_ns;
        let place = &mut self.stations[station];
        if place.is_free() {
            self.begin(station, job);
        } else if place.has_room() {
            place.queue.push_back(job);
        } else {
            self.end(job, Fate::Dropped);
        }
    }

    fn begin(&mut self, station: usize, job: u32) {
        let topology = self.work.topology;
        let it = &mut self.jobs[job as usize];
        it.waited_ns += self.now_ns - it.queued_ns;
        let place = &mut self.stations[station];
        let service = match place.kind {
            Kind::Balancer => topology.balancer.as_ref().map(|tier| &tier.service),
            Kind::Api => Some(&topology.api.service),
            Kind::Cache => topology.cache.as_ref().map(|cache| &cache.tier.service),
            Kind::Database => {
                topology.database.as_ref().map(|it_is| if it.write { &it_is.write } else { &it_is.read })
            }
        };
        let took_ns = service.map_or(0, |service| service.draw_ns(&mut self.rng));
        place.serving.push(job);
        while self.now_bin + 1 < self.work.load.len() && self.work.load[self.now_bin].to_ns <= self.now_ns {
            self.now_bin += 1;
        }
        self.bins[self.now_bin].busy_ns[place.kind as usize] += took_ns;
        let end = End { at_ns: self.now_ns + took_ns, station: station as u32, job, epoch: place.epoch };
        self.ends.push(Reverse(end));
    }

    fn finish(&mut self, end: End) {
        let station = end.station as usize;
        let place = &mut self.stations[station];
        if place.epoch != end.epoch {
            return;
        }
        if let Some(at) = place.serving.iter().position(|job| *job == end.job) {
            place.serving.swap_remove(at);
        }
        let kind = place.kind;
        while let Some(next) = self.stations[station].queue.pop_front() {
            if self.is_late(next) {
                self.end(next, Fate::TimedOut);
            } else {
                self.begin(station, next);
                break;
            }
        }
        if self.is_late(end.job) {
            return self.end(end.job, Fate::TimedOut);
        }
        if kind == Kind::Cache && self.is_hit(station) {
            return self.end(end.job, Fate::Answered);
        }
        self.go(end.job, kind as usize + 1);
    }

    fn is_late(&self, job: u32) -> bool {
        self.now_ns - self.jobs[job as usize].arrived_ns > self.work.topology.timeout_ns
    }

    /// Whether the cache has what is asked for: of one that was lost, the more the longer it is back.
    fn is_hit(&mut self, station: usize) -> bool {
        let Some(cache) = &self.work.topology.cache else { return false };
        let full = match self.stations[station].since_ns {
            Some(since) if cache.refill_ns > 0 => {
                1.0 - (-((self.now_ns - since) as f64) / cache.refill_ns as f64).exp()
            }
            _ => 1.0,
        };
        self.rng.random::<f64>() < cache.hits * full
    }

    fn end(&mut self, job: u32, fate: Fate) {
        let it = self.jobs[job as usize];
        let bin = &mut self.bins[it.bin as usize];
        match fate {
            Fate::Answered => {
                bin.answered += 1;
                bin.waited_ns += u128::from(it.waited_ns);
                let us = |ns: u64| (ns + 500) / 1000;
                for (histogram, ns) in
                    [(&mut bin.response, self.now_ns - it.arrived_ns), (&mut bin.waiting, it.waited_ns)]
                {
                    histogram.record(us(ns)).expect("a growing histogram takes any value");
                }
            }
            Fate::TimedOut => bin.timed_out += 1,
            Fate::Dropped => bin.dropped += 1,
            Fate::Failed => bin.failed += 1,
        }
        self.free.push(job);
    }

    fn switch(&mut self, outage: &Outage, lose: bool) {
        for at in 0..self.stations.len() {
            if !self.stations[at].belongs_to(outage) {
                continue;
            }
            if lose {
                for job in self.stations[at].lose(self.now_ns) {
                    self.end(job, Fate::Failed);
                }
            } else {
                self.stations[at].give_back(self.now_ns);
            }
        }
    }
}
