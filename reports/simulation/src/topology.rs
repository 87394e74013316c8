use crate::Service;

/// A tier of equal instances, each with workers behind a queue of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// Instances.
    pub instances: usize,
    /// Requests that an instance works on at once.
    pub workers: u32,
    /// Requests that may wait in front of an instance; one more is turned away.
    pub queue: usize,
    /// How long a worker is busy with one.
    pub service: Service,
}

/// The cache.
#[derive(Debug, Clone, PartialEq)]
pub struct Cache {
    /// Its instances; a name belongs to one of them.
    pub tier: Tier,
    /// Share of the reads it answers when it is full, 0..1.
    pub hits: f64,
    /// Time in which an empty one comes 63 % of the way to that, nanoseconds.
    pub refill_ns: u64,
}

/// The database.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// Parts that the data is cut into, each with a primary.
    pub shards: usize,
    /// Copies of each that answer reads; without one the primary does.
    pub replicas: usize,
    /// Connections that a node works on at once.
    pub workers: u32,
    /// Requests that may wait in front of a node.
    pub queue: usize,
    /// How long a read takes.
    pub read: Service,
    /// How long a write takes.
    pub write: Service,
    /// Time until a copy takes the place of a lost primary, nanoseconds.
    pub failover_ns: u64,
}

/// What requests go through. A tier that is absent takes no time.
#[derive(Debug, Clone, PartialEq)]
pub struct Topology {
    /// Load balancers.
    pub balancer: Option<Tier>,
    /// API instances.
    pub api: Tier,
    /// The cache.
    pub cache: Option<Cache>,
    /// The database.
    pub database: Option<Database>,
    /// Share of the requests that change something, 0..1: those pass the cache by.
    pub writes: f64,
    /// Who waits longer is gone, and not worked on any more, nanoseconds.
    pub timeout_ns: u64,
    /// Zones that instances are spread over in turn.
    pub zones: usize,
    /// Time until the balancer sees that an instance is lost, and until then sends it its share, nanoseconds.
    pub detect_ns: u64,
    /// Whether a request goes to the instance with the least to do; in turn otherwise.
    pub least_busy: bool,
}

/// The tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The load balancers.
    Balancer,
    /// The API instances.
    Api,
    /// The cache.
    Cache,
    /// The database's nodes.
    Database,
}

impl Kind {
    /// All, in the order in which a request comes to them.
    pub const ALL: [Self; 4] = [Self::Balancer, Self::Api, Self::Cache, Self::Database];
}

/// Something lost for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// What.
    pub what: What,
    /// From when on, nanoseconds.
    pub from_ns: u64,
    /// Until when.
    pub to_ns: u64,
}

/// What can be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The first API instance.
    Instance,
    /// Everything in the first zone.
    Zone,
    /// Every instance of the cache, with all it held.
    Cache,
    /// The primary of the first shard.
    Primary,
}
