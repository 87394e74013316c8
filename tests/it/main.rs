//! The real programs, as processes, against each other and against servers of known behaviour.
//!
//! | module        | subject                                                                    |
//! |---------------|----------------------------------------------------------------------------|
//! | `api`         | the whole API, the same assertions in every phase of the deployment         |
//! | `main_job`    | service, seed, load, verdict, page: the whole way                           |
//! | `verdicts`    | what ends a run, and with which exit code                                   |
//! | `mistakes`    | scenarios that are refused                                                  |
//! | `commands`    | `check`, `once`, `schema`                                                   |
//! | `description` | the service held against its own API description                            |
//! | `import`      | a browser's recording done by another user, a log replayed                   |
//! | `transport`   | redirects, cookies, gzip, TLS, connections                                  |
//! | `safety`      | targets nobody allowed                                                      |
//! | `logs`        | `latency.hlog` as another reader sees it                                    |
//! | `schema`      | the published schema as another validator sees it                           |
//! | `page`        | the report in a browser                                                     |
//! | `prometheus`  | whom Prometheus asks beside a whole deployment, and what it hears           |
//! | `records`     | records that are damaged, and the same ones elsewhere                        |
//! | `web`         | a run in a browser while it goes on, its metrics, its request log           |
//! | `service`     | what only a real service process can show                                   |
//! | `stack`       | a whole deployment by one command, and that nothing of it is left           |
//! | `telemetry`   | traces, errors and log lines as those who receive them see them             |
//! | `workers`     | one load by several processes, and the merge of their records               |
//! | `timed`       | what needs the machine to itself: schedules, freezes, starvation            |

mod api;
mod commands;
mod description;
mod exports;
mod import;
mod logs;
mod main_job;
mod mistakes;
mod page;
mod prometheus;
mod records;
mod safety;
mod schema;
mod service;
mod stack;
mod telemetry;
mod timed;
mod transport;
mod verdicts;
mod web;
mod workers;
