//! The REST API in process, on a real nats-server with the shipped configuration, with real agents on simulated clusters.

mod audit;
mod bad_input;
mod clustered;
mod enrolment;
mod faults;
mod hostile;
mod joining;
mod logs;
mod reads;
mod restart;
mod secured;
mod stack;
