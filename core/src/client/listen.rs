//! Listening to the office, which says when there is something new. Losing what it says loses nothing.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::timeout;

use super::{Client, pace::Pacer};
use crate::{
    error::{Code, Error, Result},
    limits::POKE_FIRST_MS,
    sync::cadence::Input,
};

/// Bytes of one line: far more than a number takes.
const LINE_BYTES_MAX: usize = 256;

/// What the office said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// That it is there.
    Alive,
    /// That there is something for this device newer than this number of the log.
    Newer(u64),
}

/// Listens once, until it is over. Ends without a word when it is dropped.
pub(super) async fn listen(client: Weak<Client>, pacer: Arc<Pacer>) {
    let ended = hear(client, &pacer).await;
    if let Err(error) = &ended {
        tracing::debug!(
            code = error.code().name(),
            detail = error.detail(),
            "listen"
        );
    }
    let refused = ended.is_err_and(|error| error.code() == Code::DeviceRefused);
    pacer.tell(Input::Unheard { refused });
}

async fn hear(client: Weak<Client>, pacer: &Pacer) -> Result<()> {
    let (http, token) = {
        let client = client.upgrade().ok_or(Code::Closed)?;
        let token = client.call_always(|store| store.read_token()).await?;
        let http = client.http.read().await.clone().ok_or(Code::NotEnrolled)?;
        (http, token.ok_or(Code::NotEnrolled)?)
    };
    let silent = |_| Error::new(Code::OfficeUnreachable, "nothing is heard");
    let first = Duration::from_millis(POKE_FIRST_MS);
    let (mut pokes, begun) = timeout(first, async {
        let mut pokes = http.pokes(&token).await?;
        let begun = pokes.next().await?;
        Ok::<_, Error>((pokes, begun))
    })
    .await
    .map_err(silent)??;
    pacer.tell(Input::Heard);
    let mut heard = begun;
    while let Some(said) = heard {
        for one in said {
            match one {
                Heard::Alive => {}
                Heard::Newer(seq) => pacer.tell(Input::Poked(seq)),
            }
        }
        heard = pokes.next().await?;
    }
    Ok(())
}

/// Puts pieces of server-sent events together. What is not understood is passed over: a later office
/// may say more.
#[derive(Debug, Default)]
pub(super) struct PokeLines {
    line: Vec<u8>,
}

impl PokeLines {
    /// Takes in a piece and returns what it said.
    ///
    /// # Errors
    /// [`Code::TooLarge`] if it is no end of a line.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<Vec<Heard>> {
        let mut heard = vec![Heard::Alive];
        for &byte in piece {
            if byte == b'\n' {
                let line = std::str::from_utf8(&self.line).unwrap_or_default();
                let data = line.trim_end().strip_prefix("data:");
                let seq = data.and_then(|data| data.trim().parse().ok());
                heard.extend(seq.map(Heard::Newer));
                self.line.clear();
            } else if self.line.len() == LINE_BYTES_MAX {
                return Err(Error::new(Code::TooLarge, "an event"));
            } else {
                self.line.push(byte);
            }
        }
        Ok(heard)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pokes_are_read_whatever_pieces_they_come_in() {
        let said = b": alive\n\ndata: 12\r\n\r\nevent: other\ndata: x\n\ndata:13\n\n";
        for size in 1..said.len() {
            let mut lines = PokeLines::default();
            let pieces = said.chunks(size).map(|piece| lines.take(piece).unwrap());
            let heard: Vec<_> = pieces.flatten().filter(|it| *it != Heard::Alive).collect();
            assert_eq!(heard, [Heard::Newer(12), Heard::Newer(13)]);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_listener_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut lines = PokeLines::default();
            let _ = lines.take(&bytes);
        }
    }
}
