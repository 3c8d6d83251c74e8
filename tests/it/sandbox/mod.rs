//! The sandbox over real HTTP, and against what Azure was recorded to answer.

mod access;
mod accounts;
mod activity;
mod client;
mod data_plane;
mod deployments;
mod entra;
mod faults;
mod graph;
mod lifecycle;
mod locks;
mod offers;
mod projects;
mod recordings;
mod roles;
mod seed;
mod time;
mod tls;
mod transcript;
mod wings;
