//! What is refreshed because somebody said that a provider has something new: by `POST /refresh`, asked with curl, and by a
//! queue: one of AWS's, filled with boto3, and one of the test's own.

mod client;
mod endpoint;
mod poison;
mod queue;
mod replicas;
