//! What the client has said and heard.

use coap_ws_tokio::engine::{Tap, Way};
use std::sync::{Arc, Mutex, PoisonError};

/// A message and its way.
pub(super) type Record = (Way, Vec<u8>);

/// Keeps messages until they are shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder {
    records: Arc<Mutex<Vec<Record>>>,
}

impl Recorder {
    /// What has come together since the last time.
    pub(super) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tap for Recorder {
    fn message(&self, way: Way, message: &[u8]) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push((way, message.to_vec()));
    }
}
