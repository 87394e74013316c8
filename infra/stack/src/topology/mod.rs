//! A whole deployment on this machine: the phases that a service grows through.

mod environment;
mod inventory;
mod parts;
mod plan;
mod roles;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::TempDir;

pub use self::inventory::Entry;
pub use self::parts::{Cluster, DATABASE, Parts, RedisKind};
pub use self::plan::{Cache, Phase, Plan, Queue, Roles, Seed};
use self::roles::{WORKER, groups};
use crate::exporters::Exporters;
use crate::guard::Guard;
use crate::nginx::Upstream;
use crate::prometheus::{Prometheus, Target};
use crate::service::{Launch, Service};
use crate::{Nginx, folder, ports, programs};

/// A running deployment; everything ends when it is dropped.
#[derive(Debug)]
pub struct Topology {
    // In the order in which they end.
    prometheus: Option<(Prometheus, Exporters)>,
    gateway: Option<Nginx>,
    services: Vec<Service>,
    parts: Parts,
    environment: Vec<(String, String)>,
    program: PathBuf,
    folder: TempDir,
    // Removes the folder when this process is killed and cannot.
    _guard: Guard,
}

impl Topology {
    /// Starts all that `plan` says and waits until it answers.
    ///
    /// # Errors
    /// The plan makes no sense, programs are missing, or a server does not come up; what did is stopped.
    pub fn start(plan: &Plan) -> Result<Self> {
        Self::start_saying(plan, &|_| {})
    }

    /// The same; `say` is told what has come up.
    ///
    /// # Errors
    /// As [`Topology::start`].
    pub fn start_saying(plan: &Plan, say: &(dyn Fn(&str) + Sync)) -> Result<Self> {
        plan.check()?;
        let program = programs::built("service")?;
        plan.check_programs()?;
        let folder = folder::temporary("topology")?;
        let guard = Guard::over(0, 0, Some(folder.path()))?;
        let parts = Parts::start(plan, say)?;
        let environment = environment::environment(plan, &parts, folder.path())?;
        let mut topology = Self {
            prometheus: None,
            gateway: None,
            services: Vec::new(),
            parts,
            environment,
            program,
            folder,
            _guard: guard,
        };
        topology.run(&["migrate"])?;
        say("the databases are up to date");
        if let Some(seed) = plan.seed {
            topology.seed(seed)?;
            say("the data is there");
        }
        topology.start_services(plan, say)?;
        if plan.prometheus {
            topology.start_prometheus()?;
            say("Prometheus is up");
        }
        Ok(topology)
    }

    fn start_services(&mut self, plan: &Plan, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
        let mut launches = Vec::new();
        let mut upstreams = Vec::new();
        for group in groups(plan) {
            let mut upstream = Upstream {
                name: group.name.to_owned(),
                ports: Vec::new(),
                paths: group.paths.iter().map(|&path| path.to_owned()).collect(),
            };
            for number in 1..=plan.api {
                // The only process there is has the address itself.
                let port = plan.port.filter(|_| !plan.several()).map_or_else(ports::free, Ok)?;
                upstream.ports.push(port);
                launches.push(self.launch(plan, format!("{}-{number}", group.name), port, group.roles));
            }
            upstreams.push(upstream);
        }
        if plan.worker() {
            launches.push(self.launch(plan, WORKER.to_owned(), ports::free()?, WORKER));
        }
        self.services = thread::scope(|scope| {
            let starting: Vec<_> =
                launches.into_iter().map(|launch| scope.spawn(|| Service::start(launch))).collect();
            let started: Vec<_> = starting.into_iter().map(thread::ScopedJoinHandle::join).collect();
            started
                .into_iter()
                .map(|it| it.map_err(|_| anyhow!("starting a process panicked"))?)
                .collect::<Result<Vec<_>>>()
        })
        .map_err(|error: anyhow::Error| error.context("the service does not come up"))?;
        say(&format!("{} processes of the service are up", self.services.len()));
        if plan.several() {
            self.gateway = Some(Nginx::start(&upstreams, plan.port)?);
            say("nginx is up");
        }
        Ok(())
    }

    fn launch(&self, plan: &Plan, name: String, port: u16, roles: &str) -> Launch {
        Launch {
            program: self.program.clone(),
            folder: self.folder.path().to_owned(),
            name,
            port,
            roles: roles.to_owned(),
            environment: self.environment.clone(),
            cpus: plan.cpus.clone(),
        }
    }

    /// A `service` command with the settings that this deployment's processes have.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a `service` command to its end and gives back what it wrote.
    ///
    /// # Errors
    /// It fails; the error is what it said.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let ended = self.command(arguments).output().context("starting the service")?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr);
            bail!("service {}: {}", arguments.join(" "), said.trim());
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    /// Fills the databases; [`Topology::accounts`] then names every user.
    ///
    /// # Errors
    /// As [`Topology::run`].
    pub fn seed(&self, seed: Seed) -> Result<()> {
        let Seed { users, tasks_per_user, products, seed } = seed;
        let (users, tasks) = (users.to_string(), tasks_per_user.to_string());
        let (products, seed) = (products.to_string(), seed.to_string());
        let accounts = self.accounts();
        let accounts = accounts.to_string_lossy();
        let arguments = ["seed", "--users", &users, "--tasks-per-user", &tasks, "--products", &products];
        self.run(&[&arguments[..], &["--seed", &seed, "--accounts", &accounts]].concat()).map(drop)
    }

    /// The file with e-mail, password and live tokens of every seeded user.
    pub fn accounts(&self) -> PathBuf {
        self.folder.path().join("accounts.csv")
    }

    /// Where clients find it: the gateway, or the only process.
    pub fn url(&self) -> String {
        match (&self.gateway, self.services.first()) {
            (Some(gateway), _) => gateway.url(),
            (None, Some(service)) => service.url(),
            (None, None) => String::new(),
        }
    }

    /// The processes of the service.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The servers that the service stands on.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// nginx, where there are several processes.
    pub fn gateway(&self) -> Option<&Nginx> {
        self.gateway.as_ref()
    }

    /// Prometheus, if it was asked for.
    pub fn prometheus(&self) -> Option<&Prometheus> {
        self.prometheus.as_ref().map(|(prometheus, _)| prometheus)
    }

    /// The folder of the service's files and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn start_prometheus(&mut self) -> Result<()> {
        let mut exporters = Exporters::none()?;
        let clusters = self.parts.main.iter().chain(&self.parts.shards);
        let urls = clusters.flat_map(|it| std::iter::once(it.primary.url(DATABASE)).chain(it.replica_urls()));
        for (number, url) in urls.enumerate() {
            exporters.postgres(&format!("postgres-{}", number + 1), &url)?;
        }
        match &self.parts.redis {
            Some(RedisKind::Server(redis)) => exporters.redis("redis", &redis.url())?,
            Some(RedisKind::Cluster(cluster)) => {
                for (number, url) in cluster.urls().iter().enumerate() {
                    exporters.redis(&format!("redis-{}", number + 1), url)?;
                }
            }
            None => {}
        }
        if let Some(gateway) = &self.gateway {
            exporters.nginx(&gateway.url())?;
        }
        let targets: Vec<Target> = self.targets().into_iter().chain(exporters.targets()).collect();
        self.prometheus = Some((Prometheus::start(&targets)?, exporters));
        Ok(())
    }

    fn targets(&self) -> Vec<Target> {
        let services = self.services.iter().map(|service| Target {
            job: "service".to_owned(),
            name: service.name().to_owned(),
            port: service.port(),
        });
        let rabbitmq = self.parts.rabbitmq.iter().map(|broker| Target {
            job: "rabbitmq".to_owned(),
            name: "rabbitmq".to_owned(),
            port: broker.metrics_port(),
        });
        services.chain(rabbitmq).collect()
    }
}
