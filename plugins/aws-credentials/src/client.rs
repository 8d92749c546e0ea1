//! What every SDK client here is built from: the host's HTTP, one try, no clock or cache of its own.

use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_smithy_wasm::wasi::{WasiHttpClientBuilder, WasiSleep};
pub use aws_types::SdkConfig;
use aws_types::region::Region;
use claviger_plugin_sdk::Error;

use crate::credentials::Credentials;
use crate::failure::Failure;

/// To the first byte of an answer. Below the host's own limits, so that the plugin still says something.
const FIRST_BYTE: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);

/// The base of every client. Without credentials it can only make requests that need none.
///
/// Tries are the host's and its scheduler's, which know the whole load, and not the SDK's.
pub fn sdk_config(region: &str, url: &str, credentials: Option<&Credentials>) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(url)
        .http_client(SharedHttpClient::new(HostHttp(WasiHttpClientBuilder::new().build())))
        .sleep_impl(SharedAsyncSleep::new(WasiSleep))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(FIRST_BYTE).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(Credentials { id, secret, token }) = credentials {
        let own = aws_credential_types::Credentials::new(id, secret, token.clone(), None, "session");
        config = config.credentials_provider(SharedCredentialsProvider::new(own));
    }
    config.build()
}

/// The host's HTTP, whose failures are final: the adapter calls them transient, and a denied origin would
/// be tried again.
#[derive(Debug)]
struct HostHttp(SharedHttpClient);

#[derive(Debug)]
struct HostConnector(SharedHttpConnector);

impl HttpClient for HostHttp {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(HostConnector(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for HostConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(
            async move { answer.await.map_err(|error| ConnectorError::user(error.into())) },
        )
    }
}

/// What the SDK says of a call that did not succeed.
pub type CallError<E> = SdkError<E, HttpResponse>;

/// A call that did not succeed.
#[derive(Debug)]
pub enum Trouble {
    /// AWS said so.
    Answer(Failure),
    /// There was no answer of AWS's.
    Nothing(Error),
}

impl Trouble {
    /// Reads the SDK's error. AWS's own words are cleaned of the credentials in use.
    pub fn of<E>(error: &CallError<E>, credentials: Option<&Credentials>) -> Self {
        let response = match error {
            SdkError::ServiceError(context) => context.raw(),
            SdkError::ResponseError(context) => context.raw(),
            SdkError::ConstructionFailure(_) => {
                return Self::Nothing(Error::Other("the request cannot be built".to_owned()));
            }
            _ => return Self::Nothing(Error::Unavailable("no answer".to_owned())),
        };
        let Some(body) = response.body().bytes() else {
            return Self::Nothing(Error::Unavailable("the answer broke off".to_owned()));
        };
        let header = |name: &str| response.headers().get(name);
        let retry_after_ms = header("retry-after")
            .and_then(|value| value.trim().parse::<u64>().ok())
            .map(|seconds| seconds.saturating_mul(1000));
        let failure =
            Failure::read(response.status().as_u16(), header("x-amzn-errortype"), retry_after_ms, body);
        Self::Answer(match credentials {
            Some(credentials) => failure.clean(credentials),
            None => failure,
        })
    }
}
