//! The REST API in process, on a real nats-server with the shipped configuration, with real agents on simulated clusters.

mod audit;
mod bad_input;
mod clustered;
mod enrolment;
mod faults;
mod fleet;
mod fleet_faults;
mod hostile;
mod impostor;
mod joining;
mod last_known;
mod last_known_faults;
mod logs;
mod metrics;
mod partial_view;
mod reads;
mod restart;
mod revocations;
mod secured;
mod service;
mod silence;
mod slow_reader;
mod stack;
mod storm;
mod watch;
mod watcher;
