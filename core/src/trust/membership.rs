//! Access to an audience as it is given and taken: entries in the person's own feed.

use minicbor::{Decode, Encode};

use crate::ids::{Audience, Feed};

/// Access to an audience begins. What its feeds held before is fetched by backfill.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Grant {
    /// The audience.
    #[n(0)]
    pub audience: Audience,
    /// Each of its feeds with the number of its newest entry at the time.
    #[n(1)]
    pub feeds: Vec<(Feed, u64)>,
}

/// Access to an audience ends. The device purges what it holds of its feeds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Withdrawal {
    /// The audience.
    #[n(0)]
    pub audience: Audience,
}
