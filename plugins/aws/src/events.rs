//! The queue that tells of changes, by AWS's own SDK. What a message means is in `notice`.

use aws_credentials::{Service, endpoint};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::events::interface::{Guest, Session as Input};
use claviger_plugin_sdk::events::{Notice, export_event_source};
use claviger_plugin_sdk::provider::connection::Session;
use wstd::runtime::block_on;

use crate::aws::Aws;
use crate::notice::changed;
use crate::plugin::Plugin;

/// What SQS hands out, and takes back, at once.
const MOST: usize = 10;

/// Seconds that SQS lets one wait.
const LONGEST: u64 = 20;

impl Guest for Plugin {
    fn poll(session: Input, most: u32, wait_ms: u64) -> Result<Vec<Notice>, Error> {
        with_queue(&session.into(), |aws, sqs, queue| {
            let wait = i32::try_from((wait_ms / 1000).min(LONGEST)).unwrap_or(0);
            let most = i32::try_from(most).unwrap_or(1).clamp(1, MOST as i32);
            let request = sqs.receive_message().queue_url(queue).wait_time_seconds(wait);
            let answer = block_on(request.max_number_of_messages(most).send());
            let answer = answer.map_err(|error| aws.error(&error, "sqs:ReceiveMessage", queue))?;
            let heard = answer.messages().iter().filter_map(|message| {
                let keys = changed(message.body().unwrap_or_default(), aws.config.service);
                let receipt = message.receipt_handle()?;
                Some(if keys.is_empty() { Notice::nothing(receipt) } else { Notice::changed(keys, receipt) })
            });
            Ok(heard.collect())
        })
    }

    fn acknowledge(session: Input, receipts: Vec<String>) -> Result<Vec<Result<(), Error>>, Error> {
        with_queue(&session.into(), |aws, sqs, queue| {
            let mut answers: Vec<Result<(), Error>> = receipts.iter().map(|_| Ok(())).collect();
            for (batch, receipts) in receipts.chunks(MOST).enumerate() {
                let mut request = sqs.delete_message_batch().queue_url(queue);
                for (place, receipt) in receipts.iter().enumerate() {
                    let entry = aws_sdk_sqs::types::DeleteMessageBatchRequestEntry::builder();
                    let entry = entry.id(place.to_string()).receipt_handle(receipt).build();
                    let entry = entry.map_err(|_| Error::Other("a message cannot be deleted".to_owned()))?;
                    request = request.entries(entry);
                }
                let answer = block_on(request.send());
                let answer = answer.map_err(|error| aws.error(&error, "sqs:DeleteMessage", queue))?;
                for failed in answer.failed() {
                    let place = failed.id().parse::<usize>().ok().map(|place| batch * MOST + place);
                    if let Some(answer) = place.and_then(|place| answers.get_mut(place)) {
                        let message = failed.message().unwrap_or_default();
                        *answer = Err(aws.item_error(failed.code(), message, "sqs:DeleteMessage", queue));
                    }
                }
            }
            Ok(answers)
        })
    }
}

fn with_queue<T>(
    session: &Session,
    work: impl Fn(&Aws, &aws_sdk_sqs::Client, &str) -> Result<T, Error>,
) -> Result<T, Error> {
    Aws::with(session, |aws| {
        let Some(queue) = &aws.config.queue else {
            return Err(Error::Unsupported("the store names no queue: events.queueURL".to_owned()));
        };
        let url = endpoint::url(Service::Sqs, &aws.config.region, &session.settings)?;
        let sqs = aws_sdk_sqs::Client::new(&aws.sdk_at(&url));
        work(aws, &sqs, queue)
    })
}

export_event_source!(Plugin);
