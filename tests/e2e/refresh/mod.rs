//! What is refreshed because somebody said that a provider has something new: by `POST /refresh`, asked with curl, and by a
//! queue of AWS's, filled with boto3.

mod client;
mod endpoint;
mod queue;
mod replicas;
